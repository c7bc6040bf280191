"""The limit of rejections, and drift: what a run says of sources that send something else than before."""

from pathlib import Path

import pytest

from tests.flows.cli import rapport
from tests.keep.till import MAPPING, row, written
from tests.laws.states import one, rows, snapshot
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.settings import load_settings

BROKEN = row("", at="soon")


@pytest.fixture
def till(home: str) -> Home:
    """A home with the till's mapping."""
    found = Home(Path(home))
    (found.mappings / "till.toml").write_text(MAPPING, encoding="utf-8")
    return found


def limit(home: Home, share: float) -> None:
    home.settings_file.write_text(f"[sources.till]\nrejection_limit = {share}\n", encoding="utf-8")


def drop(home: Home, good: int, bad: int) -> None:
    texts = [row(f"e{n}")[1] for n in range(good)] + [BROKEN[1]] * bad
    target = home.inbox / "table" / "till" / "sales.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    written(home, texts).replace(target)


def test_a_run_beyond_the_limit_of_a_source_is_held_and_goes_on_with_a_raised_one(till: Home) -> None:
    limit(till, 0.05)
    drop(till, 949, 51)
    was = snapshot(till) if (till.published / "current").exists() else None
    answer = rapport("--home", str(till.root), "run", "--as-of", "2026-01-01")
    assert (answer.code, answer.out) == (1, "")
    assert "source 'till': 51 of 1,000 records were rejected, more than its limit of 5.00%" in answer.err
    assert "The most frequent reason is wrong_type_occurred_at (51): 'occurred_at' is not a time" in answer.err
    assert "raise rejection_limit under [sources.till]" in answer.err
    assert was is None or snapshot(till) == was
    assert one(till, "SELECT COUNT(*) FROM interactions") == one(till, "SELECT COUNT(*) FROM landing_files") == 0
    limit(till, 0.051)
    assert rapport("--home", str(till.root), "run", "--as-of", "2026-01-01", "--json").object["loaded"] == 949


def test_below_1000_records_no_limit_holds(till: Home) -> None:
    limit(till, 0)
    drop(till, 900, 99)
    assert rapport("--home", str(till.root), "run", "--as-of", "2026-01-01").code == 0


@pytest.mark.parametrize("wrong", ["1.5", "-0.1", '"5%"', "true"])
def test_a_limit_is_a_share(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "rapport.toml"
    path.write_text(f"[sources.till]\nrejection_limit = {wrong}\n", encoding="utf-8")
    with pytest.raises(RapportError, match="must be a share from 0 to 1"):
        load_settings(path, {})


def test_a_source_without_a_limit_has_none(tmp_path: Path) -> None:
    path = tmp_path / "rapport.toml"
    path.write_text('[sources.till]\nconnector = "table"\n[sources.shop]\nrejection_limit = 0\n', encoding="utf-8")
    found = load_settings(path, {}).sources
    assert (found["till"].rejection_limit, found["shop"].rejection_limit) == (None, 0.0)


def test_a_new_field_is_kept_in_properties_and_told_once(home: str, tmp_path: Path) -> None:
    def ingest(number: int, properties: str) -> list[dict[str, str]]:
        path = tmp_path / f"{number}.jsonl"
        path.write_text(
            f'{{"type":"track","messageId":"m{number}","event":"Seen","userId":"u","timestamp":"2024-03-01T10:00:00Z",'
            f'"properties":{properties}}}\n',
            encoding="utf-8",
        )
        found: list[dict[str, str]] = rapport("--home", home, "ingest", "segment", str(path), "--json").object[
            "new_fields"
        ]
        return found

    assert ingest(1, '{"plan":"gold"}') == []
    told = ingest(2, '{"plan":"gold","shade":"blue"}')
    assert told == [{"source": "segment", "field_name": "shade"}]
    assert ingest(3, '{"shade":"red","ann@shop.example":1}') == []
    path = Home(Path(home))
    assert one(path, "SELECT properties ->> 'shade' FROM interactions WHERE event_id = 'm3'") == "red"
    assert rows(path, "SELECT field_name, is_new, commit_seq FROM source_fields ORDER BY ALL") == [
        ("plan", False, 1),
        ("shade", True, 2),
    ]
    listed = rapport("--home", home, "rejections", "--json").object["new_fields"]
    assert [(each["source"], each["field_name"]) for each in listed] == [("segment", "shade")]
    assert "New fields, kept in properties" in rapport("--home", home, "rejections").out


def test_people_are_told_of_a_new_field_by_the_run(home: str, tmp_path: Path) -> None:
    inbox = Path(home) / "landing" / "inbox" / "segment"
    for number, properties in enumerate(['{"plan":1}', '{"shade":1,"tint":2}']):
        (inbox / f"{number}.jsonl").write_text(
            f'{{"type":"track","messageId":"m{number}","event":"Seen","userId":"u","timestamp":"2024-03-01T10:00:00Z",'
            f'"properties":{properties}}}\n',
            encoding="utf-8",
        )
        answer = rapport("--home", home, "run", "--as-of", "2024-04-01")
    assert "Source 'segment' sends new fields, kept in properties: shade, tint" in answer.out
