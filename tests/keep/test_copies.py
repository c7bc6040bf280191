"""Candidates for copies, against counting one by one; and the batches that carry their keys."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.keep.copies import (
    CANDIDATES,
    KEYS,
    NO_DAY,
    RANGES,
    by_range,
    candidates,
    part_keys,
    save_keys,
    saved_keys,
)
from pipelines.keep.find_copies import ArrowBatchCoder
from warehouse.key_index import Keys, Segment, write_segment

# Few different keys, in every range, with the smallest and the greatest.
KEY = st.one_of(
    st.sampled_from([0, 1, 2**64 - 1]),
    st.tuples(st.integers(0, RANGES - 1), st.integers(0, 3)).map(lambda pair: (pair[0] << 60) + pair[1]),
)
PARTS = st.lists(st.lists(KEY, max_size=20), max_size=4)
HISTORY = st.lists(st.lists(st.tuples(KEY, st.integers(-9, 9)), max_size=20), max_size=3)


def keys_of(values: Sequence[int]) -> Keys:
    return np.array(values, dtype=np.uint64)


def written(folder: str, history: Sequence[Sequence[tuple[int, int]]]) -> list[Segment]:
    return [
        write_segment(
            Path(folder), number, number, keys_of([k for k, _ in known]), np.array([d for _, d in known], np.int32)
        )
        for number, known in enumerate(history, start=1)
    ]


@given(values=st.lists(KEY, max_size=40), part=st.integers(0, 10**9))
def test_every_key_travels_once_in_its_range_in_order_with_its_row(values: list[int], part: int) -> None:
    seen = []
    for number, batch in by_range(part, keys_of(values)):
        assert batch.schema == KEYS
        assert batch.num_rows > 0
        keys = batch["key"].to_pylist()
        assert keys == sorted(keys)
        assert {key >> 60 for key in keys} == {number}
        assert set(batch["part"].to_pylist()) == {part}
        seen += list(zip(batch["row"].to_pylist(), keys, strict=True))
    assert sorted(seen) == list(enumerate(values))


@settings(deadline=None)
@given(parts=PARTS, history=HISTORY)
def test_the_candidates_are_the_rows_whose_key_stands_twice_or_is_known(
    parts: list[list[int]], history: list[list[tuple[int, int]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        segments = written(folder, history)
        groups: dict[int, list[pa.RecordBatch]] = {}
        for part, values in enumerate(parts):
            for number, batch in by_range(part, keys_of(values)):
                groups.setdefault(number, []).append(batch)
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for batches in groups.values():
            batch = candidates(batches, segments)
            assert batch.schema == CANDIDATES
            for part, row, first, last in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                found[part, row] = (first, last)
    seen = Counter(key for values in parts for key in values)
    days: dict[int, set[int]] = {}
    for key, day in (known for segment in history for known in segment):
        days.setdefault(key, set()).add(day)
    expected = {
        (part, row): (min(days.get(key, {NO_DAY})), max(days.get(key, {NO_DAY})))
        for part, values in enumerate(parts)
        for row, key in enumerate(values)
        if seen[key] > 1 or key in days
    }
    assert found == expected


def test_no_keys_are_no_candidates() -> None:
    assert list(by_range(0, keys_of([]))) == []
    assert candidates([], []).num_rows == 0


def test_the_keys_of_a_part_are_the_first_64_bits_of_its_ids_in_the_order_of_the_file(tmp_path: Path) -> None:
    ids = [f"{n:016x}{'0' * 16}" for n in (7, 2**64 - 1, 0, 7)]
    path = tmp_path / "part.parquet"
    times = pa.array([0, 86_400_000_000, 86_399_999_999, -1], pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"interaction_id": ids, "occurred_at": times}), path, row_group_size=2)
    keys, days = part_keys(path)
    assert keys.tolist() == [7, 2**64 - 1, 0, 7]
    assert days.tolist() == [0, 1, 0, -1]


def test_the_keys_of_the_parts_that_are_kept_come_back_for_the_index(tmp_path: Path) -> None:
    for part in range(3):
        save_keys(tmp_path, part, keys_of([part, 9]), np.array([part, 8], np.int32))
    keys, days = saved_keys(tmp_path, [2, 0])
    assert keys.tolist() == [2, 9, 0, 9]
    assert days.tolist() == [2, 8, 0, 8]


COLUMNS = st.fixed_dictionaries(
    {
        "key": st.lists(st.integers(0, 2**64 - 1), max_size=5),
        "text": st.lists(st.none() | st.text(), max_size=5),
        "times": st.lists(st.none() | st.datetimes(), max_size=5),
    }
)
SCHEMA = pa.schema([("key", pa.uint64()), ("text", pa.string()), ("times", pa.timestamp("us", tz="UTC"))])


@given(columns=COLUMNS, start=st.integers(0, 3))
def test_a_batch_comes_back_from_the_coder_as_it_went(columns: dict[str, list[object]], start: int) -> None:
    length = min(map(len, columns.values()))
    batch = pa.record_batch([pa.array(columns[f.name][:length], f.type) for f in SCHEMA], schema=SCHEMA).slice(start)
    coder = ArrowBatchCoder()
    back = coder.decode(coder.encode(batch))
    assert back.schema == batch.schema
    assert back.equals(batch)


def test_a_slice_travels_as_small_as_it_is() -> None:
    batch = pa.record_batch([pa.array(range(100_000), pa.uint64())], names=["key"])
    assert len(ArrowBatchCoder().encode(batch.slice(7, 1))) < 1_000
    assert not ArrowBatchCoder().is_deterministic()
