"""The key index: the 64-bit prefixes of all interaction ids with their days, one sorted segment per commit.

A segment is two arrays, `<first>-<last>.keys.npy` (uint64, sorted) and `.days.npy` (int32, days since 1970), for
the commits first..last. It only finds candidates, so a stale or repeated key does no harm; a missing segment is
made anew from `interactions`. Each holds more keys than all after it, else they are merged: n commits leave about
log2(n) segments, and each key is written again about as many times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from warehouse.durable import sync
from warehouse.queries import number

Keys = NDArray[np.uint64]
Days = NDArray[np.int32]


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


def add_segment(folder: Path, first: int, last: int, keys: Keys, days: Days) -> Segment:
    """Write the segment of the commits first..last, which are still to come, and merge those of former commits."""
    merge(folder, first)
    return write_segment(folder, first, last, keys, days)


def write_segment(folder: Path, first: int, last: int, keys: Keys, days: Days) -> Segment:
    """Write a segment of unsorted `keys` with their `days`, durably; complete once the keys have their name."""
    folder.mkdir(parents=True, exist_ok=True)
    segment = Segment(folder, first, last)
    order = _order(keys, days)
    for ending, values in ((".days", days), (".keys", keys)):
        draft = segment.stem.with_suffix(f"{ending}.draft.npy")
        np.save(draft, values[order])
        sync(draft)
        draft.replace(segment.stem.with_suffix(f"{ending}.npy"))
    sync(folder)
    return segment


def _order(keys: Keys, days: Days) -> NDArray[np.intp]:
    """The order by key, then by day; quick where sorted arrays follow one another."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    is_repeated = np.zeros(len(ordered) + 1, dtype=bool)
    is_repeated[1:-1] = ordered[1:] == ordered[:-1]
    places = np.flatnonzero(is_repeated[1:] | is_repeated[:-1])
    repeated = order[places]
    order[places] = repeated[np.lexsort((days[repeated], keys[repeated]))]
    return order


def mend(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Make the segments that are missing, drop those of commits that never came or were merged, merge small ones."""
    newest = number(con, "SELECT COALESCE(MAX(commit_seq), 0) FROM batches")
    for segment in _on_disk(folder):
        if segment.last > newest:
            segment.remove()
    kept = segments(folder)
    for segment in _on_disk(folder):
        if segment not in kept:
            segment.remove()
    loaded = con.execute("SELECT DISTINCT commit_seq FROM batches WHERE stage IN ('collect', 'replay')").fetchall()
    for first, last in _missing(kept, sorted(commit for (commit,) in loaded)):
        found = con.execute(_KEYS, [first, last]).fetchnumpy()
        write_segment(folder, first, last, found["key"], found["day"])
    merge(folder, newest + 1)


_KEYS = """
    SELECT
        ('0x' || left(interaction_id, 16))::UBIGINT AS key,
        (occurred_at::DATE - DATE '1970-01-01')::INTEGER AS day
    FROM interactions
    WHERE commit_seq BETWEEN ? AND ?
"""


def _missing(kept: Sequence[Segment], loaded: Sequence[int]) -> list[tuple[int, int]]:
    """Spans (first, last) of the `loaded` commits that no segment covers, none of them across a segment."""
    spans: list[tuple[int, int]] = []
    place = -1
    for commit in loaded:
        after = sum(segment.first <= commit for segment in kept)
        if after and kept[after - 1].last >= commit:
            continue
        first = spans.pop()[0] if after == place else commit
        spans.append((first, commit))
        place = after
    return spans


def merge(folder: Path, before: int) -> None:
    """Merge the newest segments of commits before `before`, so that each holds more keys than all after it."""
    found = [segment for segment in segments(folder) if segment.last < before]
    sizes = [len(segment.keys()) for segment in found]
    run = next((found[place:] for place, size in enumerate(sizes[:-1]) if size <= sum(sizes[place + 1 :])), [])
    if run:
        keys = np.concatenate([segment.keys() for segment in run])
        days = np.concatenate([segment.days() for segment in run])
        write_segment(folder, run[0].first, run[-1].last, keys, days)
    for segment in run:
        segment.remove()
