"""What the stages have done and what they rest on, read from and written to `batches`."""

from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.keys import key
from warehouse.lake import Lake
from warehouse.run import Run


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
    """The newest commit that loaded interactions; 0 before the first."""
    row = lake.con.execute("SELECT COALESCE(MAX(commit_seq), 0) FROM batches WHERE stage = 'collect'").fetchone()
    return int(row[0]) if row else 0


def write_progress(lake: Lake, run: Run, stage: str, counts: Counts, fingerprint: str | None = None) -> None:
    """Note in this commit that `stage` has run."""
    batch_id = run.batch_id if stage == "collect" else key(run.batch_id, stage)
    times = [run.started_at, datetime.now(UTC)]
    values = [batch_id, stage, fingerprint, run.commit_seq, *times, *counts.values]
    lake.con.execute(f"INSERT INTO batches VALUES ({', '.join('?' * len(values))})", values)
