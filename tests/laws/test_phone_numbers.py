"""A region for telephone numbers that is set when a lake exists: what is kept, what a rebuild brings to date."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.ingest import ingest_paths
from flows.rebuild import rebuild
from tests.flows.cli import rapport
from tests.laws.states import one, rows
from tests.laws.worlds import new_home, run
from warehouse.home import Home
from warehouse.lake import open_writer

MAPPING = """
[constants]
channel = "pos"
event_name = "order_completed"
[columns]
occurred_at = "at"
[identifiers]
phone = "number"
email = "email"
"""
ROWS = "at,number,email\n2025-03-01T10:00:00Z,030 1234567,a@x.de\n2025-03-01T11:00:00Z,+49 (0)30 1234567,\n"
OTHER = "at,number,email\n2025-03-01T12:00:00Z,,b@x.de\n"
SPELLED = "SELECT DISTINCT identifier FROM identities WHERE known_to IS NULL AND kind = 'phone' ORDER BY ALL"


@pytest.fixture
def home() -> Iterator[Home]:
    """Two spellings of one number, loaded before the region was set."""
    with new_home() as made:
        made.prepare()
        _ingest(made, "rows.csv", ROWS)
        _ingest(made, "other.csv", OTHER)
        run(made)
        yield made


def _set_region(home: Home) -> None:
    (home.root / "rapport.toml").write_text('[identity]\nphone_region = "DE"\n', encoding="utf-8")


def _done(home: Home, *words: str) -> bool:
    return rapport("--home", str(home.root), *words).code == 0


def _ingest(home: Home, name: str, text: str) -> None:
    (home.root / "till.toml").write_text(MAPPING, encoding="utf-8")
    path: Path = home.root / name
    path.write_text(text, encoding="utf-8")
    with open_writer(home) as lake:
        ingest_paths(lake, "table", [path], "till", home.root / "till.toml")


def test_a_rebuild_brings_numbers_acts_and_persons_to_date(home: Home) -> None:
    assert _done(home, "identity", "link", "phone:0301234567", "email:b@x.de")
    assert _done(home, "identity", "link", "phone:0301234567", "phone:+49301234567")
    _set_region(home)
    assert rows(home, SPELLED) == [("phone:+49301234567",), ("phone:0301234567",)]
    ids = rows(home, "SELECT interaction_id FROM interactions ORDER BY ALL")
    found = rebuild(home, lambda _: None)
    assert {"interactions", "identities"} <= set(found.differences)
    assert rows(home, SPELLED) == [("phone:+49301234567",)]
    assert rows(home, "SELECT interaction_id FROM interactions ORDER BY ALL") == ids
    acts = rows(home, "SELECT left_identifier, right_identifier FROM identity_acts")
    assert acts == [("email:b@x.de", "phone:+49301234567")]
    assert one(home, "SELECT COUNT(DISTINCT customer_id) FROM identities WHERE known_to IS NULL") == 1
    assert rebuild(home, lambda _: None).differences == {}


def test_until_then_a_number_is_found_and_erased_in_its_earlier_spelling_too(home: Home) -> None:
    _set_region(home)
    assert _done(home, "profile", "phone:030 / 123 45 67")
    assert _done(home, "erase", "phone:030 1234567", "--no-scan")
    assert rows(home, SPELLED) == []
    _ingest(home, "again.csv", ROWS.replace("a@x.de", "c@x.de"))
    assert rows(home, "SELECT anchor FROM interactions") == [("email:b@x.de",)]
    assert _done(home, "erase", "phone:0049 30 1234567", "--no-scan")  # known as erased, in whatever spelling
    assert not _done(home, "erase", "phone:0049 30 7654321", "--no-scan")
