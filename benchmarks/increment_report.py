"""What the increments say: medians, the ratio of the times, limits; for people and for machines."""

import os
from dataclasses import asdict, dataclass
from statistics import median

from rich.table import Table

from benchmarks.steps import STEPS, Increment

MIB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """The greatest ratio of the times, and the most bytes of an increment: of data, and in all."""

    ratio: float = 1.3
    data_bytes: int = 5 * MIB
    written_bytes: int = 20 * MIB


@dataclass(frozen=True)
class HomeFigures:
    """Medians over the increments of one home."""

    history: int
    seconds: float
    cpu_seconds: float
    seconds_of_rounds: tuple[float, ...]
    steps: dict[str, float]
    cpu_steps: dict[str, float]
    data_bytes: int
    written_bytes: int


@dataclass(frozen=True)
class IncrementReport:
    """All measured increments of one run of the benchmark."""

    events: int
    customers: int
    increments: tuple[Increment, ...]
    limits: Limits = Limits()

    @property
    def histories(self) -> list[int]:
        """The lengths of the histories, the shortest first."""
        return sorted({found.history for found in self.increments})

    def figures(self, history: int) -> HomeFigures:
        """Summarise one home."""
        found = [increment for increment in self.increments if increment.history == history]
        return HomeFigures(
            history=history,
            seconds=median(i.total for i in found),
            cpu_seconds=median(i.cpu_total for i in found),
            seconds_of_rounds=tuple(i.total for i in found),
            steps={step: median(i.seconds[step] for i in found) for step in STEPS},
            cpu_steps={step: median(i.cpu_seconds[step] for i in found) for step in STEPS},
            data_bytes=int(median(i.data_bytes for i in found)),
            written_bytes=int(median(i.written_bytes for i in found)),
        )

    @property
    def ratio(self) -> float:
        """Wall time of an increment after the longest history over that after the shortest."""
        return self.figures(self.histories[-1]).seconds / self.figures(self.histories[0]).seconds

    @property
    def cpu_ratio(self) -> float:
        """The same of processor time, which other work on the machine disturbs less."""
        return self.figures(self.histories[-1]).cpu_seconds / self.figures(self.histories[0]).cpu_seconds

    @property
    def broken(self) -> list[str]:
        """The limits that do not hold, and whether the homes loaded different counts."""
        found = []
        if self.ratio > self.limits.ratio:
            found.append(f"the ratio of the times is {self.ratio:.2f}, over {self.limits.ratio:.2f}")
        for name in ("data_bytes", "written_bytes"):
            most, limit = max(getattr(self.figures(h), name) for h in self.histories), getattr(self.limits, name)
            if most > limit:
                found.append(f"{name} of an increment are {most:,}, over {limit:,}")
        counts = {history: [i.counts for i in self.increments if i.history == history] for history in self.histories}
        if len({tuple(each) for each in counts.values()}) > 1:
            found.append(f"the homes loaded different counts from the same increments: {counts}")
        return found

    def as_json(self) -> dict[str, object]:
        """Give the ratios, then the figures of each home."""
        return {
            "events": self.events,
            "customers": self.customers,
            "ratio": self.ratio,
            "cpu_ratio": self.cpu_ratio,
            "cores": os.cpu_count(),
            "homes": [asdict(self.figures(history)) for history in self.histories],
            "broken": self.broken,
        }

    def table(self) -> Table:
        """One row per step, seconds of both homes and their ratio."""
        homes = [self.figures(history) for history in (self.histories[0], self.histories[-1])]
        table = Table(
            title=f"Increments of {self.events:,} events, {self.customers:,} customers, {os.cpu_count()} cores",
            caption=f"{self.ratio:.2f}x the time after the longer history (limit {self.limits.ratio:.2f})",
        )
        table.add_column("step")
        for home in homes:
            table.add_column(f"s after {home.history:,} events", justify="right")
        table.add_column("ratio", justify="right")
        for step in STEPS:
            _add(table, step, [home.steps[step] for home in homes], ".3f")
        _add(table, "all", [home.seconds for home in homes], ".3f")
        _add(table, "processor", [home.cpu_seconds for home in homes], ".3f")
        _add(table, "data, MB", [home.data_bytes / MIB for home in homes], ".2f")
        _add(table, "written, MB", [home.written_bytes / MIB for home in homes], ".2f")
        return table


def _add(table: Table, title: str, values: list[float], form: str) -> None:
    ratio = f"{values[1] / values[0]:.2f}" if values[0] else ""
    table.add_row(title, *(format(value, form) for value in values), ratio)
