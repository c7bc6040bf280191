"""Small runs, one after the other, in one process that stays warm."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from flows.progress import Counts
from flows.run import run_plain
from flows.work import RunReport, Tell
from pipelines.collect.landing import is_pending
from pipelines.collect.server.open_landing import is_any_sealed
from warehouse.home import Home
from warehouse.run import next_midnight


@dataclass
class Followed:
    """What all runs did together."""

    runs: int = 0
    counts: Counts = field(default_factory=Counts)


def follow(home: Home, every_seconds: float, stop: Event, tell: Tell, told: Callable[[RunReport], None]) -> Followed:
    """Run the main job as soon as something lies in the landing, looking every `every_seconds`, until `stop` is set.

    Another run follows each UTC midnight, as time moves traits. The lake is held during a run only, so that others
    write in between. Raises RapportError as a run does; then nothing of that run is published.
    """
    followed, seen = Followed(), None
    while not stop.is_set():
        today = next_midnight(datetime.now(UTC))
        if today != seen or is_waiting(home):
            report = run_plain(home, None, tell)
            seen = today
            if not report.is_idle:
                followed.runs += 1
                followed.counts += report.counts
                told(report)
        stop.wait(every_seconds)
    return followed


def is_waiting(home: Home) -> bool:
    """Whether a run would find something: in the inbox, landed, or collected. No lock is needed to look."""
    return any(map(_is_dropped, home.inbox.rglob("*"))) or is_pending(home) or is_any_sealed(home)


def _is_dropped(path: Path) -> bool:
    return path.is_file() and not path.name.endswith(".part") and not path.name.startswith(".")
