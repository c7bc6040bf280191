"""The search that ends an erasure: whether a value of the erased persons is left in any file of the home."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from warehouse.erase_intent import is_intent
from warehouse.erase_needles import held_by_others
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import Lake


@dataclass(frozen=True)
class Search:
    """What was found: how many files were searched, and where a trace is (relative to the home)."""

    files: int = 0
    traces: tuple[str, ...] = ()

    @property
    def is_landed(self) -> bool:
        """Whether one of the traces is in a record that was received, beside the inbox."""
        return any(path.startswith(("landing/files/", "landing/open/")) for path in self.traces)

    def told(self, erasure_id: str | None) -> str:
        """Where the traces are and what mends it, for people."""
        named = f"erasure {erasure_id}" if erasure_id else "the search"
        return (
            f"{named}: a trace is left in {', '.join(self.traces)}; load what lies in the inbox, remove what the lake "
            "does not need, and type the same call again"
        )

    def require_none(self, erasure_id: str | None) -> None:
        """Raise RapportError if there are traces."""
        if self.traces:
            raise RapportError(self.told(erasure_id))


def search(lake: Lake, needles: Sequence[str], words: Collection[str] = ()) -> Search:
    """Look into every file of the home; values that are part of what somebody else says are no traces.

    Nor are `words`, some of the needles, in files that the company or Prefect writes: these hold no records.
    """
    from warehouse.scan import find_traces, scanned_files

    home, wanted = lake.home, [needle.encode() for needle in needles]
    data = home.data.resolve()
    roots = [home.root] if data.is_relative_to(home.root) else [home.root, data]
    files = [path for root in roots for path in scanned_files(root) if not is_intent(home, path)]
    found = [trace for root in roots for trace in find_traces(root, wanted) if not is_intent(home, trace.path)]
    found = [trace for trace in found if not (needles[trace.needle] in words and _is_own(home, trace.path))]
    others = held_by_others(lake.con, sorted({needles[trace.needle] for trace in found}))
    traces = {_shown(home, trace.path) for trace in found if needles[trace.needle] not in others}
    return Search(len(files), tuple(sorted(traces)))


def _is_own(home: Home, path: Path) -> bool:
    own = (home.settings_file, home.mappings, home.offers, home.prefect)
    return any(path.is_relative_to(place) for place in own)


def _shown(home: Home, path: Path) -> str:
    return str(path.relative_to(home.root)) if path.is_relative_to(home.root) else str(path)
