"""One run in the making: the lake, the open commit, what each step found."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.drift import NewField
from flows.progress import Counts
from flows.requests import count_requests
from warehouse.lake import Lake
from warehouse.run import Run, next_midnight, parse_as_of

if TYPE_CHECKING:
    from pipelines.decide.decide import DecideReport
    from pipelines.know.know import KnowReport
    from pipelines.resolve.resolve import ResolveReport

Tell = Callable[[str], None]


@dataclass(frozen=True)
class RunReport:
    """What a run did; `is_idle` says that there was nothing to do. Reports are None for steps that were up to date.

    `requests` are those of persons, to be erased or to see what is known, that came in with its files.
    """

    is_idle: bool
    as_of: datetime
    commit_seq: int | None
    files: int
    counts: Counts
    resolved: "ResolveReport | None"
    known: "KnowReport | None"
    decided: "DecideReport | None"
    new_fields: tuple[NewField, ...] = ()
    requests: int = 0


class Work:
    """What the steps of one run share. Not a dataclass: an orchestrator must not look inside it."""

    def __init__(self, lake: Lake, as_of: str | None, tell: Tell, *, is_checked: bool = False) -> None:
        self.lake = lake
        self.as_of = chosen_as_of(lake, as_of)
        self.tell = tell
        self.is_checked = is_checked
        self.is_rolled_up_anew = False
        self.notes: list[tuple[str, Counts, str | None]] = []
        self.run: Run | None = None
        self.counts = Counts()
        self.file_ids: list[str] = []
        self.new_fields: list[NewField] = []
        self.resolved: ResolveReport | None = None
        self.known: KnowReport | None = None
        self.decided: DecideReport | None = None

    def open(self) -> Run:
        """The run's commit, begun at its first use: a run with nothing to do commits nothing."""
        if self.run is None:
            self.run = self.lake.begin(self.as_of)
        return self.run

    def note(self, stage: str, fingerprint: str) -> None:
        """Note that a stage has run in this run's commit; `publish` writes all notes at once."""
        self.notes.append((stage, Counts(), fingerprint))

    def report(self) -> RunReport:
        """What the run did."""
        return RunReport(
            is_idle=self.run is None and not self.file_ids,
            as_of=self.as_of,
            commit_seq=self.run.commit_seq if self.run else None,
            files=len(self.file_ids),
            counts=self.counts,
            new_fields=tuple(self.new_fields),
            requests=count_requests(self.lake, self.file_ids),
            resolved=self.resolved,
            known=self.known,
            decided=self.decided,
        )


def chosen_as_of(lake: Lake, given: str | None) -> datetime:
    """The as_of of a run: given, else of the settings, else the next UTC midnight. Raises UsageError."""
    text = given or lake.settings.as_of
    return parse_as_of(text) if text else next_midnight(datetime.now(UTC))
