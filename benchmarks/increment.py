"""`python -m benchmarks.increment`: whether the time of an increment grows with history.

The same increments go, in turn, into two homes with the same customers: a short and a long history. One warm process
keeps both lakes open. Exit code 0 within the limits, 1 beyond one or if the homes loaded different counts, 2 for wrong
usage.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from benchmarks.history import copied_home, history_home
from benchmarks.increment_report import IncrementReport, Limits
from benchmarks.sessions import AS_OF, SOURCE, Shop
from benchmarks.steps import Increment, main_job_timed
from warehouse.home import Home
from warehouse.lake import Lake, open_writer

ROUNDS = 5
WARM_UP = 1


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; wrong usage ends the process with exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.increment", description=__doc__)
    parser.add_argument("--events", type=_count, default=10_000, help="events of an increment")
    parser.add_argument("--short", type=_count, default=1_000_000, help="events of the short history")
    parser.add_argument("--long", type=_count, default=10_000_000, help="events of the long history")
    parser.add_argument("--customers", type=_count, default=100_000, help="customers of both")
    parser.add_argument("--repeat", type=_count, default=ROUNDS, help="increments for each home, whose median counts")
    parser.add_argument("--homes", type=Path, help="folder in which the histories are kept for the next time")
    parser.add_argument("--limit", type=float, default=Limits.ratio, help="greatest ratio of the times")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    asked = parser.parse_args(argv)
    if min(asked.short, asked.long) < 2 * asked.customers + 5:
        parser.error(f"a history has two events of each customer and a session: more than {2 * asked.customers + 4}")
    return asked


def run(asked: argparse.Namespace, folder: Path, progress: Progress) -> Iterator[Increment]:
    """Make both homes, then measure increment after increment in each, in alternating order."""
    rounds = WARM_UP + asked.repeat
    task = progress.add_task("histories", total=2 + 2 * rounds)
    shop = Shop(asked.customers, max(1, 5_480 * asked.customers // 100_000))
    kept = asked.homes or folder / "kept"
    with ExitStack() as stack:
        lakes: dict[int, Lake] = {}
        for events in dict.fromkeys((asked.short, asked.long)):
            progress.update(task, advance=1, description=f"a history of {events:,} events")
            home = copied_home(history_home(kept, shop, events), folder / f"{events}")
            lakes[events] = stack.enter_context(open_writer(home))
        for number in range(rounds):
            for events in sorted(lakes, reverse=number % 2 == 1):
                progress.update(task, advance=1, description=f"increment {number} after {events:,} events")
                _drop(lakes[events].home, shop.write_increment(folder, number, asked.events, asked.short))
                measured = main_job_timed(lakes[events], events, AS_OF)
                if number >= WARM_UP:
                    yield measured


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print the report; returns the exit code."""
    asked = arguments(argv)
    console = Console(stderr=True)
    if asked.homes:
        asked.homes.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-", dir=asked.homes) as name,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        measured = tuple(run(asked, Path(name), progress))
    report = IncrementReport(asked.events, asked.customers, measured, Limits(ratio=asked.limit))
    if asked.json:
        sys.stdout.write(json.dumps(report.as_json()) + "\n")
    else:
        Console().print(report.table())
    for broken in report.broken:
        console.print(broken, style="red", markup=False, highlight=False)
    return 1 if report.broken else 0


def _drop(home: Home, path: Path) -> None:
    folder = home.inbox / "table" / SOURCE
    folder.mkdir(parents=True, exist_ok=True)
    path.replace(folder / path.name)


def _count(text: str) -> int:
    found = int(text)
    if found < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a count of at least 1")
    return found


if __name__ == "__main__":
    sys.exit(main())
