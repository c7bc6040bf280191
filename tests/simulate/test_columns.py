import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.simulate.columns import (
    coded,
    file_slices,
    instants,
    line_places,
    pick,
    restarted_sum,
    spread,
    stack,
)

LENGTHS = st.lists(st.integers(0, 6), max_size=20)


@given(LENGTHS)
@settings(max_examples=50, deadline=None)
def test_spread_numbers_each_group_and_each_place_in_it(lengths: list[int]) -> None:
    owner, position = spread(np.array(lengths, dtype=np.int64))
    expected = [(group, place) for group, length in enumerate(lengths) for place in range(length)]
    assert list(zip(owner.tolist(), position.tolist(), strict=True)) == expected


@given(LENGTHS)
@settings(max_examples=50, deadline=None)
def test_a_restarted_sum_counts_within_each_group_only(lengths: list[int]) -> None:
    owner, position = spread(np.array(lengths, dtype=np.int64))
    assert restarted_sum(np.ones(len(owner), dtype=np.int64), owner).tolist() == (position + 1).tolist()


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.data())
@settings(max_examples=50, deadline=None)
def test_every_line_opens_once_and_closes_once(lengths: list[int], data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, sum(lengths)))
    places, starts = line_places(np.array(lengths), rows)
    opening, closing = np.isin(places, (0, 1)), np.isin(places, (0, 3))
    assert np.flatnonzero(opening).tolist() == starts.tolist()
    assert np.flatnonzero(closing).tolist() == [*(starts[1:] - 1).tolist(), rows - 1]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_files_cover_all_rows_and_begin_with_a_line(lengths: list[int], files: int) -> None:
    rows = sum(lengths)
    _, starts = line_places(np.array(lengths), rows)
    slices = file_slices(starts, rows, files)
    assert [row for part in slices for row in range(part.start, part.stop)] == list(range(rows))
    assert {part.start for part in slices} <= set(starts.tolist())
    assert len(slices) <= files


def test_no_rows_make_no_files() -> None:
    _, starts = line_places(np.zeros(0, dtype=np.int64), 0)
    assert file_slices(starts, 0, 0) == []


def test_blocks_are_stacked_and_rows_picked_over_all_columns() -> None:
    block = {"a": np.array([1, 2]), "b": np.array([3, 4])}
    both = stack(block, block)
    assert pick(both, both["a"] == 2)["b"].tolist() == [4, 4]


def test_coded_values_are_null_where_they_are_absent() -> None:
    found = coded(pa.array(["x", "y"]), np.array([1, 0]), np.array([True, False]))
    assert found.to_pylist() == ["y", None]


def test_instants_are_utc() -> None:
    assert instants(np.array([0]))[0].as_py().isoformat() == "1970-01-01T00:00:00+00:00"
