"""`python -m benchmarks.ingest`: the product's ingest, a DuckDB script by hand and row-wise Beam, in turn.

Each measurement has a child process of its own, one after the other; rounds alternate their order.
Exit code 0 if the results agree, 1 if they differ or a contender failed, 2 for wrong usage.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

from rich.console import Console
from rich.progress import Progress

from benchmarks.measure import Measurement, begin, measure, write_calls
from benchmarks.report import BY_HAND, PRODUCT, ROWWISE, Report

WARM_EVENTS = 2_000
ROWWISE_EVENTS = 50_000
ROUNDS = 3
EVENTS_PER_FILE = 250_000
SEED = 20

P = ParamSpec("P")
T = TypeVar("T")


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; wrong usage ends the process with exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__)
    parser.add_argument("--events", type=_count, default=1_000_000, help="events for the product and the script")
    parser.add_argument("--rowwise-events", type=_count, default=ROWWISE_EVENTS, help="events for row-wise Beam")
    parser.add_argument("--repeat", type=_count, default=ROUNDS, help="rounds, whose medians count")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    return parser.parse_args(argv)


def schedule(rounds: int, events: int, rowwise_events: int) -> list[tuple[str, int]]:
    """Plan the measurements, as contender and events; the script is also what row-wise Beam must equal."""
    pair = [(PRODUCT, events), (BY_HAND, events)]
    planned: list[tuple[str, int]] = []
    for number in range(rounds):
        planned += [*(reversed(pair) if number % 2 else pair), (ROWWISE, rowwise_events)]
    return planned if rowwise_events == events else [*planned, (BY_HAND, rowwise_events)]


def run(planned: list[tuple[str, int]], folder: Path, progress: Progress) -> Iterator[Measurement]:
    """Measure as planned; files and results lie in `folder`, the results only until they are measured."""
    task = progress.add_task("writing events", total=len(planned) + 1)
    sizes = sorted({WARM_EVENTS} | {events for _, events in planned})
    files = {
        events: in_child(write_calls, folder / f"events-{events}", events, SEED, _files(events)) for events in sizes
    }
    for contender, events in planned:
        progress.update(task, advance=1, description=f"{contender}, {events:,} events")
        results = folder / "results"
        yield in_child(measure, contender, events, files[events], files[WARM_EVENTS], results)
        shutil.rmtree(results)


def in_child(function: Callable[P, T], *positional: P.args, **named: P.kwargs) -> T:
    """Call `function` in a new process that ends with it; return what it returns, raise what it raises."""
    # The parent imports neither DuckDB nor Beam: the kernel counts its memory into the peak of a child.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=begin) as pool:
        return pool.submit(function, *positional, **named).result()


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print the report; returns the exit code."""
    asked = arguments(argv)
    console = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as name,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        planned = schedule(asked.repeat, asked.events, asked.rowwise_events)
        report = Report(tuple(run(planned, Path(name), progress)))
    if asked.json:
        sys.stdout.write(json.dumps(report.as_json()) + "\n")
    else:
        Console().print(report.table())
    for difference in report.differences:
        console.print(difference, style="red", markup=False, highlight=False)
    return 1 if report.differences else 0


def _files(events: int) -> int:
    return -(-events // EVENTS_PER_FILE)


def _count(text: str) -> int:
    found = int(text)
    if found < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a count of at least 1")
    return found


if __name__ == "__main__":
    sys.exit(main())
