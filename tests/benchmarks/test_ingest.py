import json
import os
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from benchmarks.ingest import arguments, in_child, main, schedule
from benchmarks.measure import Measurement
from benchmarks.report import Report

KEYS = {
    "events",
    "seconds",
    "events_per_second",
    "peak_mib",
    "ratio_to_duckdb",
    "speedup_over_rowwise",
    "cores",
    "contenders",
    "figures",
    "differences",
}
FIGURES = {"interactions: COUNT(*)": "990"}
SMALL = {"interactions: COUNT(*)": "99"}


def report(*changed: Measurement) -> Report:
    measured = (
        Measurement("product", 1_000, 3.0, 200.0, FIGURES),
        Measurement("by_hand", 1_000, 2.0, 300.0, FIGURES),
        Measurement("rowwise", 100, 2.0, 100.0, SMALL),
        Measurement("by_hand", 1_000, 2.5, 310.0, FIGURES),
        Measurement("product", 1_000, 9.0, 210.0, FIGURES),
        Measurement("product", 1_000, 2.0, 205.0, FIGURES),
        Measurement("by_hand", 1_000, 2.0, 300.0, FIGURES),
        Measurement("by_hand", 100, 0.1, 50.0, SMALL),
    )
    return Report((*measured, *changed))


def test_the_figures_are_medians_over_the_rounds_and_the_greatest_peak() -> None:
    found = report().as_json()
    assert set(found) == KEYS
    assert found["events"] == 1_000
    assert found["seconds"] == 3.0
    assert found["events_per_second"] == pytest.approx(1_000 / 3)
    assert found["peak_mib"] == 210.0


def test_the_ratio_is_wall_time_and_the_speedup_is_per_event() -> None:
    found = report()
    assert found.ratio_to_duckdb == pytest.approx(1.5)
    assert found.speedup_over_rowwise == pytest.approx((1_000 / 3) / 50)


def test_the_check_on_fewer_events_is_no_round_of_the_script() -> None:
    assert report().summary("by_hand").seconds_of_rounds == (2.0, 2.5, 2.0)


def test_equal_figures_leave_no_difference() -> None:
    assert report().differences == []


def test_a_figure_that_differs_from_the_script_is_named() -> None:
    wrong = replace(report().measurements[0], figures={"interactions: COUNT(*)": "989"})
    assert report(wrong).differences == ["interactions: COUNT(*) on 1,000 events: product has 989, the script 990"]


def test_the_table_shows_every_contender_and_both_ratios() -> None:
    console = Console(width=120, record=True, file=StringIO())
    console.print(report().table())
    text = console.export_text()
    for part in (
        "this product",
        "written by hand",
        "row-wise Beam",
        "1.50x the time of the script",
        "6.7x as fast",
    ):
        assert part in text


def test_rounds_alternate_their_order() -> None:
    planned = schedule(2, 1_000, 100)
    assert planned == [
        ("product", 1_000),
        ("by_hand", 1_000),
        ("rowwise", 100),
        ("by_hand", 1_000),
        ("product", 1_000),
        ("rowwise", 100),
        ("by_hand", 100),
    ]


def test_one_size_needs_no_second_run_of_the_script() -> None:
    assert schedule(1, 100, 100).count(("by_hand", 100)) == 1


@pytest.mark.parametrize("wrong", [["--events", "0"], ["--events", "many"], ["--repeat", "-1"], ["--fast"]])
def test_wrong_usage_ends_with_exit_code_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        arguments(wrong)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_a_child_is_another_process_and_its_error_is_raised_here() -> None:
    assert in_child(os.getpid) != os.getpid()
    with pytest.raises(FileNotFoundError):
        in_child(os.stat, "missing")


def test_settings_of_another_home_do_not_reach_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPPORT_CURRENCY", "USD")
    assert in_child(os.getenv, "RAPPORT_CURRENCY") is None


def test_the_benchmark_runs_end_to_end_and_prints_one_object(capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["--events", "2000", "--rowwise-events", "2000", "--repeat", "1", "--json"])
    found = json.loads(capfd.readouterr().out)
    assert found["differences"] == []
    assert code == 0
    assert set(found) == KEYS
    assert found["contenders"]["rowwise"]["events"] == 2_000
