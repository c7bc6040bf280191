import io
import json
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.console import clean, exact, plain, progress, say_wrapped, table, text, to_json


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (float("nan"), None),
        (float("-inf"), None),
        (Decimal("12.5000"), 12.5),
        (Decimal("3.0000"), 3),
        (Decimal("123456789012345678.1234"), "123456789012345678.1234"),
        (datetime(2018, 1, 2, tzinfo=UTC), "2018-01-02T00:00:00Z"),
        (datetime(2018, 1, 2, 1, tzinfo=timezone(timedelta(hours=1))), "2018-01-02T00:00:00Z"),
        (datetime(2018, 1, 2, tzinfo=UTC).replace(tzinfo=None), "2018-01-02T00:00:00Z"),
        (date(2018, 1, 2), "2018-01-02"),
        (time(10, 30), "10:30:00"),
        (timedelta(days=3), "3 days, 0:00:00"),
        (b"ab", "6162"),
        ({1: [Decimal("0.1"), (date(2018, 1, 2),)]}, {"1": [0.1, ["2018-01-02"]]}),
    ],
)
def test_a_value_becomes_what_json_can_say(value: object, expected: object) -> None:
    assert plain(value) == expected


@settings(max_examples=200, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**14), max_value=10**14))
def test_a_decimal_is_never_changed_by_json(value: Decimal) -> None:
    assert Decimal(str(json.loads(to_json(value)))) == value


@pytest.mark.parametrize(
    ("value", "people", "asked"),
    [
        (None, "-", "-"),
        (True, "yes", "true"),
        (False, "no", "false"),
        (2024, "2,024", "2024"),
        (Decimal("4596039.5800"), "4,596,039.58", "4596039.5800"),
        (1234.567, "1,234.57", "1234.567"),
        (0.123456, "0.123", "0.123456"),
        (datetime(2018, 1, 2, 3, 4, 5, tzinfo=UTC), "2018-01-02 03:04", "2018-01-02 03:04:05"),
        (["a", 1], '["a", 1]', '["a", 1]'),
        ("Tea", "Tea", "Tea"),
    ],
)
def test_a_cell_is_rounded_for_people_and_whole_where_it_was_asked_for(value: object, people: str, asked: str) -> None:
    assert (text(value), exact(value)) == (people, asked)


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table("\x1b[31m", ["\x07"], [["\x1b[2Jgone\r\x9b"]], "\x08")
    assert not set(capsys.readouterr().out) & set("\x1b\x07\x08\r\x9b")
    assert clean("one\ttwo\nthree") == "one\ttwo\nthree"


def test_brackets_in_the_data_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    table("[/x]", ["[bold]"], [["[/red] :smile:"]], "[i]")
    shown = capsys.readouterr().out
    assert all(words in shown for words in ("[/x]", "[bold]", "[/red] :smile:", "[i]"))


@pytest.mark.parametrize("width", [80, 160])
def test_nothing_is_wider_than_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    words = "a benefit that is worth something " * 9
    table("", ["one", "two", "three"], [[words, words, 1]], words)
    say_wrapped(words, indent=2)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_a_table_with_too_many_columns_is_shown_row_by_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = [f"column_{number}" for number in range(11)]
    table("Wide", names, [list(range(11)), [None] * 11])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["Wide", "row 1", "  column_0   0"]
    assert lines[12:14] == ["  column_10  10", "row 2"]


def test_numbers_stand_right(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    table("", ["n", "word"], [[1, "a"], [1000, "b"], [None, "c"]])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[2:] == ["      1   a", "  1,000   b", "      -   c"]


def test_progress_is_one_line_a_step_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("run") as tell:
        tell("deciding\x1b")
    found = capsys.readouterr()
    assert (found.out, found.err) == ("", "run: deciding\N{REPLACEMENT CHARACTER}\n")


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal: Any = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress("run") as tell:
        tell("deciding [/x]")
    assert "run: deciding [/x]" in terminal.getvalue()
