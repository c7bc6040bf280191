"""What people and machines read: tables and messages, or one JSON object; progress on stderr."""

import json
import math
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal

import typer

_NO_TERMINAL = (160, 24)
_LEAST_COLUMN = 8
_FIRST_COLUMN = 24
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(value: Any) -> Any:
    """`value` as JSON can say it: times in ISO 8601 UTC, NaN and infinities as null.

    A decimal is a number where a double holds it exactly, else text.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return _words(value)


def _number(value: Decimal) -> int | float | str:
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _instant(value: datetime) -> str:
    aware = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.isoformat().replace("+00:00", "Z")


def _words(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def to_json(found: object) -> str:
    """`found` as JSON text on one line."""
    return json.dumps(plain(found), ensure_ascii=False, allow_nan=False)


def emit(found: Mapping[str, Any]) -> None:
    """Print the one JSON object of a command called with --json."""
    typer.echo(to_json(found))


def clean(message: str) -> str:
    """`message` without control characters: what others sent must not steer the terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", message)


def say(message: str = "") -> None:
    """Print a line for people."""
    typer.echo(clean(message))


def say_wrapped(message: str, indent: int = 0) -> None:
    """Print a sentence for people, broken to the terminal's width; further lines stand two columns deeper.

    Words stay whole: a path in a sentence can be copied.
    """
    first, further = " " * indent, " " * (indent + 2)
    lines = textwrap.wrap(
        message,
        _width(),
        initial_indent=first,
        subsequent_indent=further,
        break_on_hyphens=False,
        break_long_words=False,
    )
    say("\n".join(lines))


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    note: str = "",
    cell: Callable[[object], str] | None = None,
) -> None:
    """Print a table for people, each value by `cell` (else `text`); numbers stand right, colour only on a terminal.

    A table with more columns than the terminal has room for is printed row by row.
    """
    cells = [[clean((cell or text)(value)) for value in row] for row in rows]
    if len(columns) * _LEAST_COLUMN > _width():
        _print_records(title, columns, cells)
    else:
        _print_table(title, columns, cells, [_is_number(row[number] for row in rows) for number in range(len(columns))])
    if note:
        say_wrapped(note, indent=2)


def _print_table(title: str, columns: Sequence[str], cells: Sequence[Sequence[str]], is_number: Sequence[bool]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=clean(title) or None, box=box.SIMPLE_HEAD, title_justify="left")
    room = max((len(row[0]) for row in cells), default=0)
    for number, (name, is_right) in enumerate(zip(columns, is_number, strict=True)):
        least = min(room, _FIRST_COLUMN) if number == 0 else None  # what names a row stays whole
        justify: Literal["left", "right"] = "right" if is_right else "left"
        shown.add_column(clean(name), justify=justify, overflow="fold", min_width=least)
    for row in cells:
        shown.add_row(*row)
    # Markup is off: brackets in the data are the data's own.
    Console(width=_width(), markup=False, emoji=False, highlight=False).print(shown)


def _print_records(title: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    if title:
        say(title)
    room = max(len(name) for name in columns)
    for number, row in enumerate(cells, start=1):
        say(f"row {number:,}")
        for name, value in zip(columns, row, strict=True):
            say(f"  {name:<{room}}  {value}")


def _is_number(values: Iterator[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | float | Decimal) for value in known)


def _width() -> int:
    return shutil.get_terminal_size(_NO_TERMINAL).columns


def text(value: object) -> str:
    """A cell for people: thousands apart, rounded, unknown as a dash."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return exact(value)


def exact(value: object) -> str:
    """A cell as it is asked for: numbers whole, as ids and years are numbers too; times to the second, UTC."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Mapping | list | tuple):
        return to_json(value)
    return _words(value)


@contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """A bar on stderr while a command works; the callable that it gives names the step at hand."""
    if not sys.stderr.isatty():
        yield lambda message: typer.echo(f"{title}: {clean(message)}", err=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(pulse_style="cyan"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda message: bar.update(task, description=f"{title}: {clean(message)}")
