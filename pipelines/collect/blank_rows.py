"""Blanks in delimited text: rows, also of several lines, by the numbers that Arrow's reader gives them."""

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from pipelines.collect.delimited import header, read_delimited
from pipelines.collect.erased import blank_row
from pipelines.collect.rewriting import Rows, rewrite, rows_with
from warehouse.compressed import read_bytes
from warehouse.errors import RapportError
from warehouse.needles import Needles

# Rows from here on may be too long for the reader, which then takes all that follows for one row.
_LONG_BYTES = 15 * 1024 * 1024
_NEWLINE = 10
Place = tuple[int, int]


class BlankRows:
    """Replaces rows of one file: those with `numbers`, and others that hold one of `needles`.

    After `rewrite`, `asked` are the places of `numbers` that are blanks now, `found` the others. Raises RapportError
    for a needle in the header, pyarrow.ArrowInvalid for a file that is no text table.
    """

    def __init__(self, path: Path, delimiter: str, numbers: Collection[int], needles: Needles) -> None:
        self._path, self._delimiter = path, delimiter
        self._numbers = set(numbers)
        self._blank = blank_row(delimiter, len(header(path, delimiter)))
        self._hits = rows_with(self._pieces(), needles)
        if 0 in self._hits:
            raise RapportError(
                f"the header of {path.name} names a person, so it cannot be blanked; replace the file by one with "
                "another header, and give its mapping the same columns"
            )
        self.asked: set[Place] = set()
        self.found: set[Place] = set()

    @property
    def is_needed(self) -> bool:
        """Whether there is a row to replace."""
        return bool(self._hits or self._numbers)

    def rewrite(self, write: Callable[[bytes], None]) -> bool:
        """Write the file with its blanks; gives whether what was written breaks off as the file did."""
        return rewrite(self._pieces(), self._hits | self._numbers, self._replaced, write)

    def _replaced(self, number: int, _text: bytes | None) -> bytes:
        (self.asked if number in self._numbers else self.found).add((number, 0))
        return self._blank

    def _pieces(self) -> Iterator[Rows]:
        """The rows as their reader numbers them; the header is row 0. Empty lines belong to the row that follows."""
        row = _row_pattern(self._delimiter)
        number, rest, is_last = 0, b"", False
        for block in read_bytes(self._path):
            if block is None:
                yield Rows(number, rest, [len(rest)], is_cut=True)
                return
            data = rest + block
            if not is_last:
                ends = _row_ends(data, row)
                end = int(ends[-1]) if len(ends) else 0
                yield Rows(number, data[:end], ends)
                number, data = number + len(ends), data[end:]
                is_last = len(data) > _LONG_BYTES >= len(rest) and self._ends_with(number)
            rest = b"" if is_last else data
            if is_last:
                yield Rows(number, data, [len(data)], is_open=True)
        yield Rows(number, rest, [len(rest)] if rest.strip(b"\r\n") else [])

    def _ends_with(self, number: int) -> bool:
        """Whether the reader finds no row after `number`."""
        batches = read_delimited(self._path, self._delimiter)
        return all((pc.max(batch.column("row_number")).as_py() or 0) <= number for batch in batches)


def _row_pattern(delimiter: str) -> re.Pattern[bytes]:
    """A whole row with its newline, after empty lines. A quote counts at the start of a cell alone."""
    end = f"[^{re.escape(delimiter)}\r\n]*+"
    cell = rf'(?:"(?:[^"]|"")*+"(?!"){end}|(?!"){end})'
    return re.compile(rf"[\r\n]*+{cell}(?:{re.escape(delimiter)}{cell})*+(?:\r\n|\n|\r(?=[\s\S]))".encode())


def _row_ends(data: bytes, row: re.Pattern[bytes]) -> list[int]:
    """Where the whole rows at the start of `data` end."""
    if b'"' not in data and b"\r" not in data:
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE) + 1
        found: list[int] = ends[np.diff(ends, prepend=0) > 1].tolist()
        return found
    ends_of_rows, place = [], 0
    while match := row.match(data, place):
        place = match.end()
        ends_of_rows.append(place)
    return ends_of_rows
