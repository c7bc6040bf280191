"""The key index: the 64-bit prefixes of all interaction ids with their days, one sorted segment per commit.

A segment is two arrays, `<first>-<last>.keys.npy` (uint64, sorted) and `.days.npy` (int32, days since 1970), for
the commits first..last. It only finds candidates, so a stale or repeated key does no harm; a missing segment is
made anew from `interactions`.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Days = NDArray[np.int32]
_MERGE_FROM = 8


@dataclass(frozen=True)
class Segment:
    """One sorted segment on disk."""

    folder: Path
    first: int
    last: int

    @property
    def stem(self) -> Path:
        """The path without the endings of the two arrays."""
        return self.folder / f"{self.first:010d}-{self.last:010d}"

    def keys(self) -> Keys:
        """The keys, memory-mapped."""
        found: Keys = np.load(self.stem.with_suffix(".keys.npy"), mmap_mode="r")
        return found

    def days(self) -> Days:
        """The days of the keys, memory-mapped."""
        found: Days = np.load(self.stem.with_suffix(".days.npy"), mmap_mode="r")
        return found

    def remove(self) -> None:
        """Delete both arrays."""
        self.stem.with_suffix(".keys.npy").unlink(missing_ok=True)
        self.stem.with_suffix(".days.npy").unlink(missing_ok=True)


def key_prefixes(interaction_ids: Any) -> Keys:
    """The first 64 bits of each id (an Arrow string array of 32 hex digits), as numbers."""
    count = len(interaction_ids)
    if count == 0:
        return np.empty(0, np.uint64)
    digits = interaction_ids.buffers()[2].to_pybytes()
    start = interaction_ids.offset * 32
    words = np.frombuffer(bytes.fromhex(digits[start : start + count * 32].decode("ascii")), ">u8")
    return words[::2].astype(np.uint64)


def segments(folder: Path) -> list[Segment]:
    """The segments on disk, by commit; those that a merge has replaced are left out."""
    kept: list[Segment] = []
    for segment in _on_disk(folder):
        if not kept or segment.first > kept[-1].last:
            kept.append(segment)
    return kept


def _on_disk(folder: Path) -> list[Segment]:
    """All segments, by first commit, the widest first."""
    found = []
    for path in folder.glob("*.keys.npy"):
        first, last = path.name.removesuffix(".keys.npy").split("-")
        found.append(Segment(folder, int(first), int(last)))
    return sorted(found, key=lambda segment: (segment.first, -segment.last))


def write_segment(folder: Path, first: int, last: int, keys: Keys, days: Days) -> Segment:
    """Write a segment of unsorted `keys` with their `days`; complete once the keys have their name."""
    folder.mkdir(parents=True, exist_ok=True)
    segment = Segment(folder, first, last)
    order = np.lexsort((days, keys))
    for ending, values in ((".days", days), (".keys", keys)):
        draft = segment.stem.with_suffix(f"{ending}.draft.npy")
        np.save(draft, values[order])
        draft.replace(segment.stem.with_suffix(f"{ending}.npy"))
    return segment


def mend(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Make the segments that are missing, drop those of commits that never came or were merged, merge small ones."""
    row = con.execute("SELECT COALESCE(MAX(commit_seq), 0) FROM batches").fetchone()
    newest = int(row[0]) if row else 0
    for segment in _on_disk(folder):
        if segment.last > newest:
            segment.remove()
    kept = segments(folder)
    for segment in _on_disk(folder):
        if segment not in kept:
            segment.remove()
    covered = {commit for segment in kept for commit in range(segment.first, segment.last + 1)}
    loaded = con.execute("SELECT DISTINCT commit_seq FROM batches WHERE stage = 'collect'").fetchall()
    for (commit,) in sorted(loaded):
        if commit not in covered:
            found = con.execute(
                "SELECT interaction_id, occurred_at::DATE - DATE '1970-01-01' AS day "
                "FROM interactions WHERE commit_seq = ?",
                [commit],
            ).to_arrow_table()
            ids = found["interaction_id"].combine_chunks()
            days = found["day"].to_numpy().astype(np.int32)
            write_segment(folder, commit, commit, key_prefixes(ids), days)
    _merge(folder)


def _merge(folder: Path) -> None:
    """Merge the newest segments while they are many: each key is rewritten about log times."""
    found = segments(folder)
    while len(found) >= _MERGE_FROM:
        small = sorted(found, key=lambda segment: len(segment.keys()))[: _MERGE_FROM // 2]
        limit = max(len(segment.keys()) for segment in small)
        run = _adjacent(found, limit)
        if len(run) < 2:  # small and large ones take turns
            run = _lightest_pair(found)
        keys = np.concatenate([segment.keys() for segment in run])
        days = np.concatenate([segment.days() for segment in run])
        write_segment(folder, run[0].first, run[-1].last, keys, days)
        for segment in run:
            segment.remove()
        found = segments(folder)


def _adjacent(found: list[Segment], limit: int) -> list[Segment]:
    """The longest run of neighbours of at most `limit` keys each."""
    best: list[Segment] = []
    current: list[Segment] = []
    for segment in found:
        current = [*current, segment] if len(segment.keys()) <= limit else []
        best = max(best, current, key=len)
    return best


def _lightest_pair(found: list[Segment]) -> list[Segment]:
    """The two neighbours with the fewest keys together."""
    pairs = [list(pair) for pair in pairwise(found)]
    return min(pairs, key=lambda pair: sum(len(segment.keys()) for segment in pair))
