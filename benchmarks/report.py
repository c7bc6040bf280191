"""What the measurements say: medians, ratios, differences of the results; for people and for machines."""

import os
from dataclasses import asdict, dataclass
from statistics import median

from rich.table import Table

from benchmarks.measure import Measurement

PRODUCT = "product"
BY_HAND = "by_hand"
ROWWISE = "rowwise"
_TITLES = {
    PRODUCT: "this product",
    BY_HAND: "DuckDB script written by hand",
    ROWWISE: "row-wise Beam",
}


@dataclass(frozen=True)
class Summary:
    """One contender over all rounds: medians of seconds and events per second, the greatest peak."""

    events: int
    seconds: float
    events_per_second: float
    peak_mib: float
    seconds_of_rounds: tuple[float, ...]


@dataclass(frozen=True)
class Report:
    """All measurements of one run, in the order in which they were made."""

    measurements: tuple[Measurement, ...]

    def summary(self, contender: str) -> Summary:
        """Summarise one contender on the events that it was measured on."""
        found = [m for m in self.measurements if m.contender == contender]
        timed = [m for m in found if m.events == found[0].events]
        seconds = median(m.seconds for m in timed)
        return Summary(
            events=timed[0].events,
            seconds=seconds,
            events_per_second=timed[0].events / seconds,
            peak_mib=max(m.peak_mib for m in timed),
            seconds_of_rounds=tuple(m.seconds for m in timed),
        )

    @property
    def ratio_to_duckdb(self) -> float:
        """The product's wall time over the script's."""
        return self.summary(PRODUCT).seconds / self.summary(BY_HAND).seconds

    @property
    def speedup_over_rowwise(self) -> float:
        """The product's events per second over those of row-wise Beam."""
        return self.summary(PRODUCT).events_per_second / self.summary(ROWWISE).events_per_second

    @property
    def differences(self) -> list[str]:
        """Figures in which a result differs from the script's result on the same files."""
        scripts = {m.events: m.figures for m in reversed(self.measurements) if m.contender == BY_HAND}
        return [
            f"{name} on {m.events:,} events: {m.contender} has {value}, the script {scripts[m.events][name]}"
            for m in self.measurements
            for name, value in m.figures.items()
            if value != scripts[m.events][name]
        ]

    def as_json(self) -> dict[str, object]:
        """Give the product's figures, the two ratios, then every contender and the checked figures."""
        product = self.summary(PRODUCT)
        return {
            "events": product.events,
            "seconds": product.seconds,
            "events_per_second": product.events_per_second,
            "peak_mib": product.peak_mib,
            "ratio_to_duckdb": self.ratio_to_duckdb,
            "speedup_over_rowwise": self.speedup_over_rowwise,
            "cores": os.cpu_count(),
            "contenders": {name: asdict(self.summary(name)) for name in _TITLES},
            "figures": next(m.figures for m in self.measurements if m.contender == PRODUCT),
            "differences": self.differences,
        }

    def table(self) -> Table:
        """One row per contender; its time per event is relative to the script."""
        script = self.summary(BY_HAND)
        table = Table(title=f"Ingest of Segment calls, {os.cpu_count()} cores", caption=self._caption)
        table.add_column("contender")
        for title in ("events", "seconds", "events/s", "peak MiB", "time per event"):
            table.add_column(title, justify="right")
        for name, title in _TITLES.items():
            row = self.summary(name)
            slower = script.events_per_second / row.events_per_second
            table.add_row(
                title,
                f"{row.events:,}",
                f"{row.seconds:.2f}",
                f"{row.events_per_second:,.0f}",
                f"{row.peak_mib:,.0f}",
                f"{slower:.2f}x",
            )
        return table

    @property
    def _caption(self) -> str:
        return (
            f"this product takes {self.ratio_to_duckdb:.2f}x the time of the script "
            f"and is {self.speedup_over_rowwise:.1f}x as fast per event as row-wise Beam"
        )
