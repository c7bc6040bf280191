"""What the stages have done and what they rest on, read from and written to `batches`."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.keys import key
from warehouse.lake import Lake
from warehouse.queries import number
from warehouse.run import Run
from warehouse.settings import Settings

COLLECT = "collect"
REPLAY = "replay"
ROLLUPS = "rollups"


@dataclass(frozen=True)
class Counts:
    """The five counts of conservation: received = loaded + duplicate + rejected + suppressed."""

    received: int = 0
    loaded: int = 0
    duplicate: int = 0
    rejected: int = 0
    suppressed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """The counts of both together."""
        return Counts(*(mine + theirs for mine, theirs in zip(self.values, other.values, strict=True)))

    @property
    def values(self) -> tuple[int, int, int, int, int]:
        """The five numbers, in the order of the columns."""
        return (self.received, self.loaded, self.duplicate, self.rejected, self.suppressed)

    @property
    def is_conserved(self) -> bool:
        """Whether no record was lost or made up."""
        return self.received == self.loaded + self.duplicate + self.rejected + self.suppressed


@dataclass(frozen=True)
class Progress:
    """The last time that a stage ran: its commit, and the fingerprint of what it rested on besides data."""

    commit_seq: int
    fingerprint: str | None


def last_progress(lake: Lake, stage: str) -> Progress | None:
    """The newest entry of `stage`, or None if it never ran."""
    row = lake.con.execute(
        "SELECT commit_seq, fingerprint FROM batches WHERE stage = ? ORDER BY commit_seq DESC LIMIT 1",
        [stage],
    ).fetchone()
    return Progress(int(row[0]), row[1]) if row else None


def newest_commit(lake: Lake) -> int:
    """The newest commit that loaded interactions, or said who is one customer; 0 before the first."""
    return number(
        lake.con,
        """
        SELECT GREATEST(
            (SELECT COALESCE(MAX(commit_seq), 0) FROM batches WHERE stage IN (?, ?)),
            (SELECT COALESCE(MAX(commit_seq), 0) FROM identity_acts),
            (SELECT COALESCE(MAX(commit_seq), 0) FROM identity_proposals)
        )
        """,
        [COLLECT, REPLAY],
    )


def write_progress(lake: Lake, run: Run, stage: str, counts: Counts, fingerprint: str | None = None) -> None:
    """Note in this commit that `stage` has run."""
    write_notes(lake, run, [(stage, counts, fingerprint)])


def write_notes(lake: Lake, run: Run, notes: Iterable[tuple[str, Counts, str | None]]) -> None:
    """Note in this commit that stages have run, each with its counts and fingerprint; all in one file."""
    now = datetime.now(UTC)
    rows = [
        (
            run.batch_id if stage in (COLLECT, REPLAY) else key(run.batch_id, stage),
            *(stage, fingerprint, run.commit_seq, run.started_at, now, *counts.values),
        )
        for stage, counts, fingerprint in notes
    ]
    if rows:
        places = ", ".join(f"({', '.join('?' * len(row))})" for row in rows)
        lake.con.execute(f"INSERT INTO batches VALUES {places}", [value for row in rows for value in row])


def fingerprint(rests_on: list[object]) -> str:
    """The digest of what a stage rests on besides data."""
    return key(json.dumps(rests_on, sort_keys=True, default=str))


def fingerprint_of_rollups(settings: Settings) -> str:
    """The fingerprint of rollups under `settings`."""
    from pipelines.keep.rollup import rests_on

    return fingerprint(rests_on(settings))


def is_rolled_up(lake: Lake, found: str) -> bool:
    """Whether all rollups were made under what the fingerprint `found` stands for, whichever commits made them."""
    row = lake.con.execute(
        """
        WITH made AS (
            SELECT COALESCE(MAX(commit_seq), 0) AS commit_seq
            FROM batches
            WHERE stage = $rollups
                AND fingerprint = $found
        )
        SELECT 1
        FROM batches
        WHERE stage IN ($collect, $replay, $rollups)
            AND commit_seq > (SELECT commit_seq FROM made)
            AND fingerprint IS DISTINCT FROM $found
        LIMIT 1
        """,
        {"rollups": ROLLUPS, "collect": COLLECT, "replay": REPLAY, "found": found},
    ).fetchone()
    return row is None
