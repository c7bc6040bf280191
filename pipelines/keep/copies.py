"""Finding copies by the 64-bit prefixes of their keys: pure functions on arrays. A hit is only a candidate."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.key_index import Days, Keys, Segment, key_prefixes

RANGES = 16
_SHIFT = np.uint64(60)
NO_DAY = -(2**31)
_LATEST = 2**31 - 1

KEYS = pa.schema([("key", pa.uint64()), ("part", pa.int64()), ("row", pa.int64())])
CANDIDATES = pa.schema([("part", pa.int64()), ("row", pa.int64()), ("first_day", pa.int32()), ("last_day", pa.int32())])


def part_keys(path: Path) -> tuple[Keys, Days]:
    """The key prefix and the day (days since 1970) of each row of a staged file, in the order of the file."""
    found = pq.read_table(path, columns=["interaction_id", "occurred_at"], use_threads=False)
    days = found["occurred_at"].to_numpy().astype("datetime64[D]").astype(np.int32)
    return key_prefixes(found["interaction_id"].combine_chunks()), days


def save_keys(staging: Path, part: int, keys: Keys, days: Days) -> None:
    """Leave the keys of a part for the index."""
    np.save(staging / f"{part}.days.npy", days)
    np.save(staging / f"{part}.keys.npy", keys)


def saved_keys(staging: Path, parts: Iterable[int]) -> tuple[Keys, Days]:
    """The keys and days that `save_keys` has left for `parts`."""
    numbers = list(parts)
    keys = np.concatenate([np.load(staging / f"{part}.keys.npy") for part in numbers])
    days = np.concatenate([np.load(staging / f"{part}.days.npy") for part in numbers])
    return keys, days


def by_range(part: int, keys: Keys) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The keys of a part with their rows, one batch (schema KEYS, sorted by key) per range of keys."""
    order = np.argsort(keys)
    ordered = keys[order]
    bounds = np.searchsorted(ordered >> _SHIFT, np.arange(RANGES + 1, dtype=np.uint64))
    for number in range(RANGES):
        chosen = slice(bounds[number], bounds[number + 1])
        rows = order[chosen]
        if len(rows):
            parts = np.full(len(rows), part, dtype=np.int64)
            yield number, pa.record_batch([ordered[chosen], parts, rows], schema=KEYS)


def candidates(batches: Iterable[pa.RecordBatch], history: Sequence[Segment]) -> pa.RecordBatch:
    """The rows of one range whose key stands twice in the run or is in `history` (schema CANDIDATES).

    `first_day` and `last_day` are the earliest and the latest day on which history has the key, else NO_DAY.
    """
    table = pa.Table.from_batches(list(batches), schema=KEYS)
    keys = table["key"].to_numpy()
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    is_repeated = np.zeros(len(ordered), dtype=bool)
    is_repeated[1:] = ordered[1:] == ordered[:-1]
    is_repeated[:-1] |= is_repeated[1:]
    first, last = _known_days(ordered, history)
    chosen = is_repeated | (first != NO_DAY)
    places = order[chosen]
    columns = [table["part"].to_numpy()[places], table["row"].to_numpy()[places], first[chosen], last[chosen]]
    return pa.record_batch(columns, schema=CANDIDATES)


def _known_days(ordered: Keys, history: Sequence[Segment]) -> tuple[Days, Days]:
    """For each key, the first and the last day that `history` has for it, NO_DAY where it has none."""
    first = np.full(len(ordered), _LATEST, dtype=np.int32)
    last = np.full(len(ordered), NO_DAY, dtype=np.int32)
    for segment in history if len(ordered) else ():
        known, days = segment.keys(), segment.days()
        low, high = np.searchsorted(known, ordered[0], "left"), np.searchsorted(known, ordered[-1], "right")
        # Within a key, a segment is sorted by day.
        known, days = np.asarray(known[low:high]), np.asarray(days[low:high])
        starts, stops = np.searchsorted(known, ordered, "left"), np.searchsorted(known, ordered, "right")
        hits = stops > starts
        first[hits] = np.minimum(first[hits], days[starts[hits]])
        last[hits] = np.maximum(last[hits], days[stops[hits] - 1])
    first[last == NO_DAY] = NO_DAY
    return first, last
