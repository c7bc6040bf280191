"""Backfill: a window of days again, and whatever follows from it."""

from dataclasses import dataclass
from datetime import date, datetime

from flows.interrupted import finish_interrupted
from flows.progress import ROLLUPS, fingerprint_of_rollups
from flows.steps import PLAIN
from flows.work import Tell, Work
from warehouse.errors import UsageError
from warehouse.home import Home
from warehouse.lake import Lake, open_writer


@dataclass(frozen=True)
class BackfillReport:
    """What a window was found to be: rows that were not what its interactions say, by rollup.

    If there are any, all rollups were made anew: `remade` are the rows written, by table, `profiles_changed` the
    customers of whom something changed, `commit_seq` the commit. Else nothing was written, and these are empty.
    """

    first: date
    last: date
    as_of: datetime
    differences: dict[str, int]
    remade: dict[str, int]
    profiles_changed: int
    commit_seq: int | None


def backfill_home(home: Home, first: str, last: str, as_of: str | None, tell: Tell) -> BackfillReport:
    """Look at the days `first` to `last` (ISO 8601, inclusive) of `home` again. Raises UsageError for other texts."""
    window = _day("--from", first), _day("--to", last)
    if window[0] > window[1]:
        raise UsageError(f"--from {first} lies after --to {last}; change the two")
    with open_writer(home, tell=tell) as lake:
        return backfill_lake(lake, *window, as_of, tell)


def backfill_lake(lake: Lake, first: date, last: date, as_of: str | None, tell: Tell) -> BackfillReport:
    """The same on an open lake."""
    finish_interrupted(lake, tell)
    work = Work(lake, as_of, tell)
    try:
        found = _differences(work, first, last)
        if not any(found.values()):
            return BackfillReport(first, last, work.as_of, found, {}, 0, None)
        remade = _make_anew(work)
    except BaseException:
        if work.run is not None:
            lake.abandon(work.run)
        raise
    report = work.report()
    changed = report.known.changed if report.known else 0
    return BackfillReport(first, last, work.as_of, found, remade, changed, report.commit_seq)


def _differences(work: Work, first: date, last: date) -> dict[str, int]:
    """Make the window's rows anew, to see what changes; that is taken back."""
    from pipelines.keep.window import differences

    work.tell(f"rolling up {first} to {last}")
    run = work.open()
    try:
        return differences(work.lake.con, run, first, last)
    finally:
        work.lake.abandon(run)
        work.run = None


def _make_anew(work: Work) -> dict[str, int]:
    """All rollups, then profiles and decisions; published. What is wrong on some days may be so on others."""
    from pipelines.keep.rollup import recompute

    work.tell("making all rollups anew")
    remade = recompute(work.lake.con, work.open())
    work.is_rolled_up_anew = True
    work.note(ROLLUPS, fingerprint_of_rollups(work.lake.settings))
    PLAIN.know(work)
    PLAIN.decide(work)
    PLAIN.publish(work)
    return remade


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise UsageError(f"{option} '{text}' is not a day; write it as 2025-03-01") from problem
