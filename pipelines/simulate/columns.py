"""Columns of simulated events: numpy arrays by name, and the few moves that keep them columnar."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]
Columns = dict[str, Array]


def stack(*blocks: Columns) -> Columns:
    """The rows of all blocks, one block after the other; every block has the columns of the first."""
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def pick(columns: Columns, rows: Array) -> Columns:
    """The chosen rows (indices or a mask) of every column."""
    return {name: values[rows] for name, values in columns.items()}


def spread(lengths: Array) -> tuple[Array, Array]:
    """For groups of these lengths laid end to end: each element's group, and its position in the group."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    return owner, np.arange(len(owner)) - starts[owner]


def restarted_sum(values: Array, owner: Array) -> Array:
    """The running sum of `values`, restarted wherever `owner` (grouped) changes; each value is included."""
    if not len(values):
        return values
    total = np.cumsum(values)
    first = np.flatnonzero(np.diff(owner, prepend=owner[0] - 1))
    before = (total - values)[first]
    result: Array = total - np.repeat(before, np.diff(first, append=len(values)))
    return result


def coded(pool: pa.Array, index: Array, present: Array | None = None) -> pa.DictionaryArray:
    """The pool's values at `index` without copying them; NULL where not `present`."""
    absent = None if present is None else ~present
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32), mask=absent), pool)


def instants(milliseconds: Array) -> pa.Array:
    """Milliseconds since 1970 as UTC times."""
    return pa.array(milliseconds.astype(np.int64), pa.int64()).cast(pa.timestamp("ms", tz="UTC"))


def line_places(lengths: Array, rows: int) -> tuple[Array, Array]:
    """Rows laid on lines of these lengths: each row's place on its line, and the row where each line starts.

    Places: 0 alone, 1 first, 2 in between, 3 last. The last line takes what is left.
    """
    starts = np.concatenate([[0], np.cumsum(lengths)])
    starts = starts[starts < rows]
    is_first = np.zeros(rows, dtype=bool)
    is_first[starts] = True
    is_last = np.append(is_first[1:], True)[:rows]
    places = np.select([is_first & is_last, is_first, is_last], [0, 1, 3], 2)
    return places.astype(np.int8), starts


def file_slices(starts: Array, rows: int, files: int) -> list[slice]:
    """Cut rows into about equal `files` (fewer if there are too few lines), at line starts only."""
    wanted = rows * np.arange(1, files) // max(files, 1)
    cuts = np.append(starts, rows)[np.searchsorted(starts, wanted)]
    bounds = np.unique(np.concatenate([[0], cuts, [rows]])).tolist()
    return [slice(first, after) for first, after in pairwise(bounds)]
