"""`rapport maintain`, and the upkeep that runs by itself behind what was committed."""

from pathlib import Path

import duckdb
import pytest

from flows.commands.maintain import _size
from flows.upkeep import keep_up
from tests.flows.cli import rapport, write_events
from warehouse import maintain as warehouse_maintain
from warehouse import open_lake
from warehouse.home import Home
from warehouse.lake import Lake, open_writer


@pytest.fixture
def loaded(home: str) -> str:
    """A home with two customers, whose settings want an upkeep behind every commit."""
    for number in (1, 2):
        write_events(Path(home) / "landing" / "inbox" / "segment" / f"events-{number}.jsonl")
        answer = rapport("--home", home, "run", "--as-of", f"2024-03-0{4 + number}")
        assert answer.code == 0
    return home


def test_maintain_shows_each_table_before_and_after(loaded: str) -> None:
    answer = rapport("--home", loaded, "maintain")
    assert answer.code == 0
    assert "Tables, before and after" in answer.out
    assert "profiles" in answer.out
    assert "offers" in answer.out
    assert " > 1 " in answer.out
    assert "snapshots" in answer.out
    assert "Rewrote " in answer.out
    assert "removed " in answer.out


def test_maintain_gives_one_object(loaded: str) -> None:
    found = rapport("--home", loaded, "maintain", "--json").object
    assert set(found) >= {"rewritten_files", "merged_files", "expired_snapshots", "removed_files", "spared_files"}
    before, after = ({table["name"]: table for table in found[side]["tables"]} for side in ("before", "after"))
    assert found["merged_files"] > 0
    assert after["profiles"]["files"] == 1
    assert {name: table["rows"] for name, table in before.items() if name != "batches"} == {
        name: table["rows"] for name, table in after.items() if name != "batches"
    }
    assert after["batches"]["rows"] == before["batches"]["rows"] + 1


def test_files_that_a_reader_keeps_are_told(loaded: str) -> None:
    settings = Path(loaded) / "rapport.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "\n[maintain]\nkeep_snapshots = 1\n", encoding="utf-8")
    with open_lake(loaded) as reader:
        reader.confine()
        answer = rapport("--home", loaded, "maintain")
        assert "files stay until their readers move on; the next upkeep removes them." in answer.out
        assert reader.execute("SELECT COUNT(customer_id) FROM profiles").fetchall() == [(2,)]


def test_a_folder_that_is_no_home_is_wrong_usage(tmp_path: Path) -> None:
    answer = rapport("--home", str(tmp_path), "maintain")
    assert answer.code == 2
    assert "is no home" in answer.err


def test_runs_and_ingests_do_the_upkeep_that_is_due(home: str) -> None:
    settings = Path(home) / "rapport.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "\n[maintain]\nevery_commits = 1\n", encoding="utf-8")
    events = write_events(Path(home) / "events.jsonl")
    ingested = rapport("--home", home, "ingest", "segment", str(events))
    assert (ingested.code, "upkeep: " in ingested.err) == (0, True)
    ran = rapport("--home", home, "run", "--as-of", "2024-03-05")
    assert (ran.code, "upkeep: " in ran.err) == (0, True)
    idle = rapport("--home", home, "run", "--as-of", "2024-03-05", "--json")
    assert (idle.object["is_idle"], "upkeep" in idle.err) == (True, False)


def test_an_upkeep_that_fails_is_told_and_the_run_stands(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(lake: Lake) -> None:
        raise duckdb.IOException("no room")

    monkeypatch.setattr(warehouse_maintain, "maintain_if_due", broken)
    told: list[str] = []
    with open_writer(Home(Path(home))) as lake:
        keep_up(lake, told.append)
    assert len(told) == 1
    assert told[0].startswith("the upkeep of files failed, the data are whole; `rapport maintain` repeats it: no room")


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1_234_567, "1.2 MB"), (5 * 10**15, "5000.0 TB")]
)
def test_bytes_are_written_for_people(count: int, text: str) -> None:
    assert _size(count) == text
