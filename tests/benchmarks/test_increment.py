import json
from io import StringIO
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from benchmarks.history import copied_home, history_home
from benchmarks.increment import arguments, main
from benchmarks.increment_report import IncrementReport, Limits
from benchmarks.sessions import NEWEST_DAY, Shop
from benchmarks.steps import STEPS, Increment
from warehouse.home import Home

LIMITS = Limits()
SHOP = Shop(customers=50, sessions_a_day=20)


def increment(history: int, seconds: float, loaded: int = 9) -> Increment:
    return Increment(
        history=history,
        seconds=dict.fromkeys(STEPS, seconds / len(STEPS)),
        cpu_seconds=dict.fromkeys(STEPS, 2 * seconds / len(STEPS)),
        data_bytes=1_000_000,
        written_bytes=3_000_000,
        counts=(10, loaded, 10 - loaded, 0, 0),
    )


def report(*changed: Increment, limits: Limits = LIMITS) -> IncrementReport:
    measured = [increment(1_000, seconds) for seconds in (3.0, 1.0, 1.2)]
    measured += [increment(10_000, seconds) for seconds in (1.5, 1.4, 9.0)]
    return IncrementReport(10, 5, (*measured, *changed), limits)


def read(*paths: Path) -> duckdb.DuckDBPyRelation:
    return duckdb.read_parquet([str(path) for path in paths])


def test_the_ratio_is_of_the_medians_of_the_rounds() -> None:
    assert report().ratio == pytest.approx(1.5 / 1.2)
    assert report().cpu_ratio == pytest.approx(1.5 / 1.2)
    assert report().broken == []


def test_a_limit_that_does_not_hold_is_named() -> None:
    assert report(limits=Limits(ratio=1.2)).broken == ["the ratio of the times is 1.25, over 1.20"]
    (broken,) = report(limits=Limits(data_bytes=999_999)).broken
    assert broken == "data_bytes of an increment are 1,000,000, over 999,999"


def test_homes_that_loaded_different_counts_are_named() -> None:
    (broken,) = report(increment(1_000, 1.2), increment(10_000, 1.5, loaded=10)).broken
    assert "different counts" in broken


def test_the_table_shows_every_step_of_both_homes() -> None:
    console = Console(width=120, record=True, file=StringIO())
    console.print(report().table())
    text = console.export_text()
    for part in (*STEPS, "1,000 events", "10,000 events", "1.25x", "data, MB", "written, MB"):
        assert part in text


def test_a_longer_history_is_the_shorter_one_and_more_before_it(tmp_path: Path) -> None:
    short = read(*SHOP.write_history(tmp_path / "short", 600, events_a_file=200))
    long = read(*SHOP.write_history(tmp_path / "long", 1_200, events_a_file=500))
    assert (len(short), len(long)) == (600, 1_200)
    sessions = "event <> 'identify'"
    assert short.filter(sessions).except_(long.filter(sessions)).fetchall() == []
    assert long.filter(sessions).min("seen_at").fetchall() < short.filter(sessions).min("seen_at").fetchall()
    customers = "COUNT(DISTINCT user_id) FILTER (WHERE event = 'identify')"
    assert short.aggregate(customers).fetchall() == long.aggregate(customers).fetchall() == [(50,)]


def test_an_increment_has_late_events_copies_and_corrections_of_the_history(tmp_path: Path) -> None:
    history = read(*SHOP.write_history(tmp_path, 5_000))
    found = read(SHOP.write_increment(tmp_path, 1, 2_000, 5_000))
    assert len(found) == 2_000
    known = set(history.select("event_id").fetchall())
    by_version = found.select("event_id, version").fetchall()
    assert sum((event_id,) in known and version == "1" for event_id, version in by_version) == 10
    assert sum((event_id,) in known and version == "2" for event_id, version in by_version) == 2
    assert len(set(by_version)) == 1_990
    late = found.filter("event_id LIKE 'i1-%'").filter(f"seen_at < '{NEWEST_DAY.isoformat()}'::TIMESTAMPTZ")
    assert 5 < len(late) < 50


def test_increments_differ_and_the_same_one_is_the_same(tmp_path: Path) -> None:
    one, again = (SHOP.write_increment(tmp_path / name, 1, 500, 1_000) for name in ("one", "again"))
    other = SHOP.write_increment(tmp_path, 2, 500, 1_000)
    assert sorted(map(repr, read(one).fetchall())) == sorted(map(repr, read(again).fetchall()))
    ours = "event_id LIKE 'i%'"
    assert (
        read(one).filter(ours).select("event_id").intersect(read(other).filter(ours).select("event_id")).fetchall()
        == []
    )


def test_a_history_without_room_for_sign_ups_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too few"):
        SHOP.write_history(tmp_path, 100)
    with pytest.raises(SystemExit) as stop:
        arguments(["--short", "100", "--customers", "50"])
    assert stop.value.code == 2


def test_a_copied_home_shares_data_files_and_nothing_else(tmp_path: Path) -> None:
    kept = Home(tmp_path / "kept")
    kept.prepare()
    (kept.data / "rows.parquet").write_bytes(b"rows")
    kept.settings_file.write_text("", encoding="utf-8")
    copy = copied_home(kept, tmp_path / "copy")
    assert (copy.data / "rows.parquet").samefile(kept.data / "rows.parquet")
    assert not copy.settings_file.samefile(kept.settings_file)


def test_the_benchmark_runs_end_to_end_and_keeps_the_homes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sizes = ["--events", "200", "--short", "400", "--long", "800", "--customers", "100"]
    assert main([*sizes, "--repeat", "1", "--limit", "1000", "--homes", str(tmp_path), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["broken"], [home["history"] for home in found["homes"]]) == ([], [400, 800])
    assert all(seconds > 0 for home in found["homes"] for seconds in home["steps"].values())
    assert all(0 < home["data_bytes"] < home["written_bytes"] for home in found["homes"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history-400-100", "history-800-100"]
    built = (tmp_path / "history-400-100").stat().st_ino
    assert history_home(tmp_path, Shop(100), 400).root.stat().st_ino == built
