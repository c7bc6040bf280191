"""Records that an erasure keeps out, while their file is read."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.keys import key
from tests.collect.segment_calls import AT, lines, track
from tests.collect.staged import Staged, stage
from warehouse.home import Home
from warehouse.settings import IdentitySettings, Settings
from warehouse.suppression import SuppressionList, digest, key_path, secret

UNTIL = datetime.datetime(2020, 7, 1, 10, tzinfo=datetime.UTC)
SCHEMA = pa.schema([("kind", pa.string()), ("digest", pa.string()), ("until_at", pa.timestamp("us", tz="UTC"))])
MAPPING = """
[constants]
channel = "pos"
event_name = "order_completed"
[columns]
occurred_at = "at"
[identifiers]
user_id = "user"
"""


class Erased:
    """A home from which something was erased."""

    def __init__(self, folder: Path) -> None:
        self._home = Home(folder)
        self._key = secret(self._home)

    def list(self, *rows: tuple[str, str, Any]) -> SuppressionList:
        """What is kept out: (kind, value, until)."""
        made = [{"kind": kind, "digest": digest(self._key, value), "until_at": until} for kind, value, until in rows]
        target = self._home.root / "list.parquet"
        pq.write_table(pa.Table.from_pylist(made, schema=SCHEMA), target)
        return SuppressionList(target, key_path(self._home))


@pytest.fixture
def erased(tmp_path: Path) -> Erased:
    return Erased(tmp_path)


def kept_out(staged: Staged) -> list[tuple[int, int]]:
    return [(row["row_number"], row["element"]) for row in staged.kept_out]


def accepted(staged: Staged) -> Sequence[int]:
    return [row["row_number"] for row in staged.interactions]


def test_an_erased_event_is_kept_out_whoever_it_names(erased: Erased) -> None:
    one, other = track(), track()
    listed = erased.list(("interaction", key("shop", one["messageId"]), None), ("identifier", "user_id:nobody", None))
    staged = stage("segment", lines(other, one, [track(), one]), suppressions=listed)
    assert kept_out(staged) == [(2, 0), (3, 1)]
    assert (accepted(staged), staged.suppressed, staged.losers) == ([1, 3], {"f0": 2}, [])


@pytest.mark.parametrize(
    ("fields", "is_out"),
    [
        ({}, True),
        ({"timestamp": "2020-07-01T10:00:00.000001Z"}, False),
        ({"userId": "u2"}, False),
        ({"userId": "u2", "anonymousId": "a1"}, False),
        ({"userId": "u2", "context": {"externalIds": [{"type": "user_id", "id": "u1"}]}}, True),
        ({"userId": " u1 "}, True),
        ({"event": ""}, True),
        ({"timestamp": "yesterday"}, True),
        ({"properties": {"order_id": "x" * 2000}}, True),
    ],
)
def test_an_erased_identifier_keeps_out_what_happened_up_to_the_erasure(
    erased: Erased, fields: dict[str, Any], is_out: bool
) -> None:
    listed = erased.list(("identifier", "user_id:u1", UNTIL))
    staged = stage("segment", lines(track(**{"timestamp": AT, **fields})), suppressions=listed)
    assert (kept_out(staged), staged.suppressed["f0"]) == (([(1, 0)], 1) if is_out else ([], 0))
    assert not (is_out and (staged.rejections or staged.interactions))


def test_of_two_erasures_of_one_identifier_the_later_holds(erased: Erased) -> None:
    later = UNTIL + datetime.timedelta(days=1)
    calls = lines(track(timestamp="2020-07-02T00:00:00Z"), track(timestamp="2020-07-03T00:00:00Z"))
    both = [("identifier", "user_id:u1", UNTIL), ("identifier", "user_id:u1", later)]
    assert kept_out(stage("segment", calls, suppressions=erased.list(*both))) == [(1, 0)]
    always = erased.list(*both, ("identifier", "user_id:u1", None))
    assert kept_out(stage("segment", calls, suppressions=always)) == [(1, 0), (2, 0)]


def test_copies_that_would_lose_are_kept_out_too(erased: Erased) -> None:
    first = track()
    second = {**first, "event": "Other"}
    listed = erased.list(("interaction", key("shop", first["messageId"]), None))
    staged = stage("segment", lines(first, second, first), suppressions=listed)
    assert kept_out(staged) == [(1, 0), (2, 0), (3, 0)]
    assert (staged.interactions, staged.losers) == ([], [])


def test_what_cannot_be_read_is_refused_as_ever(erased: Erased) -> None:
    listed = erased.list(("identifier", "user_id:u1", None))
    staged = stage("segment", lines("{", track(userId="u2")), suppressions=listed)
    assert (kept_out(staged), staged.codes(), accepted(staged)) == ([], [(1, "bad_json")], [2])
    unreadable = stage("table", b"PAR1", mapping=MAPPING, names=["x.parquet"], suppressions=listed)
    assert unreadable.codes() == [(0, "unreadable_file")]


def test_rows_of_tables_are_kept_out_and_the_ids_of_others_stay(erased: Erased) -> None:
    content = "at,user\n2020-01-01,u1\n2020-01-02,u2\n2020-01-03,u1\n"
    listed = erased.list(("identifier", "user_id:u1", UNTIL))
    staged = stage("table", content, mapping=MAPPING, suppressions=listed)
    assert (kept_out(staged), accepted(staged)) == ([(1, 0), (3, 0)], [2])
    (row,) = staged.interactions
    assert row["event_id"] == stage("table", content, mapping=MAPPING).accepted(2)["event_id"]


@pytest.mark.parametrize("spelled", ["phone:0301234567", "phone:+49301234567"])
def test_a_phone_erased_before_or_after_its_region_was_set_is_kept_out(erased: Erased, spelled: str) -> None:
    calls = [identify(number) for number in ("030 1234567", "+49 30 1234568")]
    identity = IdentitySettings(phone_region="DE")
    listed = erased.list(("identifier", spelled, UNTIL))
    staged = stage("segment", lines(*calls), settings=Settings(threads=1, identity=identity), suppressions=listed)
    assert kept_out(staged) == [(1, 0)]
    assert accepted(staged) == [2]


def identify(number: str) -> dict[str, Any]:
    return track(type="identify", event=..., traits={"phone": number})
