"""What an erased record leaves in its landed file: a blank, which is read again as a suppressed record and no other.

Each format has its own form, none of which a source sends: an object of JSON, the first cell of a row, row numbers in
the footer of a Parquet file, a word in place of a file that could not be divided.
"""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WORD = "rapport:erased"
RECORD = f'{{"{WORD}":true}}'
FOOTER_KEY = WORD

# The problem of a record that is a blank: counted as suppressed, neither kept nor rejected.
ERASED = "erased"
# The same for a record that is recognised as an erased person's while it is read.
SUPPRESSED = "suppressed"
KEPT_OUT = (ERASED, SUPPRESSED)


def is_erased_file(path: Path) -> bool:
    """Whether the whole file is a blank."""
    with path.open("rb") as file:
        return file.read(len(WORD) + 2) == WORD.encode() + b"\n"


def blank_row(delimiter: str, count: int) -> bytes:
    """A blank row of `count` cells."""
    return f'"{WORD}"{delimiter * (count - 1)}\n'.encode()


def parquet_blanks(path: Path) -> pa.Table:
    """The numbers of the rows that are blanks (column row_number), as the footer of a Parquet file lists them."""
    try:
        footer = pq.read_metadata(path).metadata or {}
    except (pa.ArrowException, OSError):  # the file's fault, which shows when it is read
        footer = {}
    ranges = json.loads(footer.get(FOOTER_KEY.encode(), b"[]"))
    numbers = [np.arange(first, last + 1, dtype=np.int64) for first, last in ranges]
    return pa.table({"row_number": np.concatenate([np.empty(0, np.int64), *numbers])})


def footer_value(numbers: Iterable[int]) -> str:
    """Row numbers as a footer lists them: the first and the last of each range."""
    ordered = sorted(numbers)
    breaks = [number for pair in pairwise(ordered) if pair[1] != pair[0] + 1 for number in pair]
    bounds = [*ordered[:1], *breaks, *ordered[-1:]]
    return json.dumps([bounds[place : place + 2] for place in range(0, len(bounds), 2)], separators=(",", ":"))
