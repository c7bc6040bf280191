"""Law 1: received = loaded + duplicate + rejected + suppressed, for each file and each run; else the run fails."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.progress import Counts
from pipelines.keep import keep as keeping
from tests.keep.till import ingest, row
from tests.laws.states import assert_conserved, one, rows
from tests.laws.worlds import drop, new_home, run, small_world, world
from warehouse.errors import RapportError
from warehouse.home import Home


def test_every_record_of_twenty_thousand_is_accounted_for() -> None:
    load = world(110, 180, seed=11)
    assert len(load.records) > 20_000
    with new_home() as home:
        drop(home, load, files=3)
        report = run(home)
        assert_conserved(home)
        assert report.files == 12
        assert report.counts.received == len(load.records)
        assert report.counts.loaded == one(home, "SELECT COUNT(*) FROM interactions")
        assert report.counts.rejected == one(home, "SELECT COUNT(*) FROM rejections") > 400
        assert report.counts.duplicate > 500
        assert run(home).is_idle


def test_each_file_has_its_own_counts(tmp_path: Path) -> None:
    home = Home(tmp_path)
    ingest(home, [row("e1"), row("e2"), row("")], [row("e2"), row("e3"), row("e3"), row("e4", amount="much")])
    counts = "received_count, loaded_count, duplicate_count, rejected_count, suppressed_count"
    query = f"SELECT {counts} FROM landing_files ORDER BY commit_seq"
    assert rows(home, query) == [(3, 2, 0, 1, 0), (4, 1, 2, 1, 0)]
    assert_conserved(home)


def report_loaded(monkeypatch: pytest.MonkeyPatch, change: int) -> None:
    """Let keep report `change` more loaded records of each file than there are."""
    real = keeping.keep

    def miscount(*given: Any, **named: Any) -> keeping.KeepReport:
        report = real(*given, **named)
        return replace(report, loaded={file_id: number + change for file_id, number in report.loaded.items()})

    monkeypatch.setattr(keeping, "keep", miscount)


def test_records_that_do_not_add_up_fail_the_run_and_nothing_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    ingest(home, [row("e1")])
    report_loaded(monkeypatch, 1)
    with pytest.raises(RapportError, match="do not add up"):
        ingest(home, [row("e2")])
    monkeypatch.undo()
    assert rows(home, "SELECT event_id FROM interactions") == [("e1",)]
    ingest(home, [row("e2")])
    assert rows(home, "SELECT event_id FROM interactions ORDER BY 1") == [("e1",), ("e2",)]
    assert_conserved(home)


def test_a_record_that_is_lost_is_not_taken_for_a_duplicate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report_loaded(monkeypatch, -1)
    with pytest.raises(RapportError, match="do not add up"):
        ingest(Home(tmp_path), [row("e1"), row("e2")])


def test_counts_add_up_one_by_one() -> None:
    total = Counts(5, 1, 2, 1, 1) + Counts(3, 3)
    assert total.values == (8, 4, 2, 1, 1)
    assert total.is_conserved
    assert not (total + Counts(received=1)).is_conserved


def test_a_world_in_one_run_is_accounted_for_stream_by_stream() -> None:
    load = small_world(3)
    with new_home() as home:
        drop(home, load)
        run(home)
        received = "SELECT source, SUM(received_count)::BIGINT FROM landing_files GROUP BY source ORDER BY source"
        streams = sorted({stream for stream, _ in load.records})
        assert rows(home, received) == [(stream, len(load.stream(stream))) for stream in streams]
