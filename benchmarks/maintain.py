"""`python -m benchmarks.maintain`: query times after many small increments and `maintain`, against one load.

The same events go into one home by increments, each a whole run with the upkeep that is due, then `maintain`; and into
another home in one run. Then queries are asked of both in turn, in CPU time. Exit code 0 within the limits, 1 beyond
one or if the homes differ, 2 for wrong usage.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.figures import figures
from benchmarks.measure import write_calls
from flows.starter import write_starter
from flows.steps import PLAIN, main_job
from flows.work import Work
from warehouse import open_lake
from warehouse.home import Home
from warehouse.lake import open_writer
from warehouse.maintain import maintain
from warehouse.reader import LakeReader

AS_OF = "2030-01-01"
ROUNDS = 15
MOST_FILES = 100

QUERIES = {
    "one profile": "SELECT * FROM profiles WHERE customer_id = (SELECT MAX(customer_id) FROM profiles)",
    "one anchor's days": "SELECT * FROM daily_activity WHERE anchor = (SELECT MAX(anchor) FROM daily_activity)",
    "one customer's timeline": "SELECT occurred_at, event_name FROM customer_interactions "
    "WHERE customer_id = (SELECT MAX(customer_id) FROM profiles) ORDER BY ALL DESC LIMIT 50",
    "events of a month": "SELECT event_name, COUNT(*), SUM(amount) FROM interactions, "
    "(SELECT MAX(occurred_at) AS newest FROM interactions) WHERE occurred_at > newest - INTERVAL 30 DAY GROUP BY ALL",
    "events by channel and day": "SELECT channel, day, SUM(interaction_count) FROM daily_activity GROUP BY ALL",
    "revenue of segments": "SELECT p.recency_quintile, COUNT(DISTINCT o.customer_id), SUM(o.amount) "
    "FROM customer_orders AS o JOIN profiles AS p USING (customer_id) GROUP BY ALL",
    "all events": "SELECT COUNT(DISTINCT anchor), MAX(properties) FROM interactions",
}


@dataclass(frozen=True)
class Asked:
    """One query: medians of its CPU seconds on the maintained home and on the freshly loaded one."""

    query: str
    maintained: float
    fresh: float

    @property
    def ratio(self) -> float:
        """How many times as long it takes on the maintained home."""
        return self.maintained / self.fresh


@dataclass(frozen=True)
class Upkeep:
    """What the increments came to: most data files of a table before `maintain` and after it, CPU seconds, bytes."""

    increments: int
    events: int
    files_before: int
    files_after: int
    increments_cpu: float
    maintain_cpu: float
    bytes_after: int
    bytes_fresh: int
    catalog_bytes: int


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; wrong usage ends the process with exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.maintain", description=__doc__)
    parser.add_argument("--increments", type=int, default=200, help="how many increments")
    parser.add_argument("--events", type=int, default=10_000, help="events of an increment")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each query is asked of each home")
    parser.add_argument("--seed", type=int, default=1, help="seed of the events")
    parser.add_argument("--limit", type=float, default=1.3, help="greatest ratio of the query times")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    asked = parser.parse_args(argv)
    if min(asked.increments, asked.events, asked.rounds) < 1:
        parser.error("counts start at 1")
    return asked


def load(home: Home, series: Sequence[Sequence[Path]], progress: Progress) -> float:
    """Run the main job once for each of the series of files; CPU seconds of all of them."""
    write_starter(home)
    task = progress.add_task("increments" if len(series) > 1 else "one load", total=len(series))
    with open_writer(home) as lake:
        began = time.process_time()
        for files in series:
            _drop(home, files)
            main_job(Work(lake, AS_OF, lambda _: None), PLAIN)
            progress.advance(task)
        return time.process_time() - began


def ask(maintained: LakeReader, fresh: LakeReader, rounds: int) -> Iterator[Asked]:
    """Ask each query of both homes in turn, once to warm up and then `rounds` times."""
    for name, query in QUERIES.items():
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(rounds + 1):
            for home, spent in zip((maintained, fresh), times, strict=True):
                began = time.process_time()
                home.execute(query).fetchall()
                if number:
                    spent.append(time.process_time() - began)
        yield Asked(name, *map(median, times))


def run(asked: argparse.Namespace, folder: Path, progress: Progress) -> tuple[Upkeep, list[Asked], list[str]]:
    """Make both homes and compare them; the names of figures in which they differ."""
    files = write_calls(folder / "calls", asked.increments * asked.events, asked.seed, asked.increments)
    copies = [_copied(path, folder / "copies") for path in files]
    grown, fresh = Home(folder / "grown"), Home(folder / "fresh")
    spent = load(grown, [[path] for path in files], progress)
    load(fresh, [copies], progress)
    with open_writer(grown) as lake:
        began = time.process_time()
        report = maintain(lake, lake.settings.maintain)
        upkeep = Upkeep(
            increments=asked.increments,
            events=asked.events,
            files_before=max(table.files for table in report.before.tables),
            files_after=max(table.files for table in report.after.tables),
            increments_cpu=spent,
            maintain_cpu=time.process_time() - began,
            bytes_after=sum(table.bytes for table in report.after.tables),
            bytes_fresh=_bytes(fresh),
            catalog_bytes=report.after.catalog_bytes,
        )
    with open_lake(grown.root) as left, open_lake(fresh.root) as right:
        one, other = figures(left), figures(right)
        return upkeep, list(ask(left, right, asked.rounds)), [name for name in one if one[name] != other[name]]


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print the report; returns the exit code."""
    asked = arguments(argv)
    console = Console(stderr=True)
    with _scratch() as folder, Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        upkeep, queries, differ = run(asked, folder, progress)
    broken = [f"the homes differ in {name}" for name in differ]
    if upkeep.files_after >= MOST_FILES:
        broken.append(f"a table has {upkeep.files_after} data files; fewer than {MOST_FILES} are wanted")
    broken += [f"'{one.query}' takes {one.ratio:.2f} times as long" for one in queries if one.ratio > asked.limit]
    if asked.json:
        found = {**asdict(upkeep), "queries": [{**asdict(one), "ratio": one.ratio} for one in queries]}
        sys.stdout.write(json.dumps({**found, "broken": broken}) + "\n")
    else:
        Console().print(_table(upkeep, queries))
    for sentence in broken:
        console.print(sentence, style="red", markup=False, highlight=False)
    return 1 if broken else 0


def _table(upkeep: Upkeep, queries: Sequence[Asked]) -> Table:
    facts = ", ".join(f"{name.replace('_', ' ')} {_text(value)}" for name, value in asdict(upkeep).items())
    shown = Table(title="Query times after many increments and `maintain`, against one load", caption=facts)
    for name in ("query", "maintained, ms CPU", "fresh, ms CPU", "ratio"):
        shown.add_column(name, justify="left" if name == "query" else "right")
    for one in queries:
        shown.add_row(one.query, f"{one.maintained * 1000:.1f}", f"{one.fresh * 1000:.1f}", f"{one.ratio:.2f}")
    return shown


def _text(value: Any) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _drop(home: Home, files: Sequence[Path]) -> None:
    folder = home.inbox / "segment"
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        path.replace(folder / path.name)


def _copied(path: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())
    return copy


def _bytes(home: Home) -> int:
    from warehouse.file_statistics import statistics

    with open_writer(home) as lake:
        return sum(table.bytes for table in statistics(lake).tables)


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        yield Path(name)


if __name__ == "__main__":
    sys.exit(main())
