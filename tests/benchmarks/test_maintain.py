"""The benchmark of upkeep: what it asks for, and that it compares equal homes."""

import json

import pytest

from benchmarks.maintain import Asked, arguments, main


def test_the_full_form_is_two_hundred_increments_of_ten_thousand_events() -> None:
    asked = arguments([])
    assert (asked.increments, asked.events, asked.limit) == (200, 10_000, 1.3)


@pytest.mark.parametrize("option", ["--increments", "--events", "--rounds"])
def test_counts_start_at_one(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        arguments([option, "0"])
    assert left.value.code == 2
    assert "counts start at 1" in capsys.readouterr().err


def test_the_ratio_is_of_the_maintained_home_to_the_fresh_one() -> None:
    assert Asked("q", maintained=3.0, fresh=2.0).ratio == 1.5


@pytest.mark.long
def test_increments_and_one_load_give_the_same_figures(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--increments", "12", "--events", "300", "--rounds", "1", "--limit", "1000", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (code, found["broken"]) == (0, [])
    assert found["files_after"] <= 2 < found["files_before"]
    main(["--increments", "1", "--events", "300", "--rounds", "1", "--limit", "0.0001"])
    assert "times as long" in capsys.readouterr().err
