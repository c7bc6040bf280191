"""Copies a file of rows, some of them replaced, in flat memory; all other bytes stay as they are."""

import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from warehouse.durable import sync
from warehouse.needles import Needles

_ESCAPED = 12


# From the number and the text of a row (None for one that is too long or cut) what stands in its place.
Replace = Callable[[int, bytes | None], bytes]


@dataclass(frozen=True)
class Rows:
    """Rows from number `first`, each up to its place in `ends`; what follows the last end belongs to no row.

    `is_open`: the last row goes on in the next piece. `is_cut`: the last row is what stands before the place where a
    compressed file breaks off, perhaps nothing.
    """

    first: int
    data: bytes
    ends: Sequence[int]
    is_open: bool = False
    is_cut: bool = False

    def span(self, number: int) -> tuple[int, int]:
        """Where row `number` begins and ends."""
        place = number - self.first
        return (int(self.ends[place - 1]) if place else 0), int(self.ends[place])


def rows_with(pieces: Iterable[Rows], needles: Needles) -> set[int]:
    """The numbers of the rows that hold one of `needles`."""
    found: set[int] = set()
    tail = b""
    for rows in pieces if needles else ():
        if tail and needles.stand_in(tail + rows.data[: int(rows.ends[0]) if len(rows.ends) else 0]):
            found.add(rows.first)
        found.update(rows.first + place for place in _hits(rows, needles, 0, len(rows.ends)))
        tail = rows.data[-_ESCAPED * needles.longest :] if rows.is_open else b""
    return found


def _hits(rows: Rows, needles: Needles, start: int, stop: int) -> Iterator[int]:
    """The places of the rows that hold a needle, found by halving what holds one."""
    if start == stop:
        return
    begin, end = rows.span(rows.first + start)[0], rows.span(rows.first + stop - 1)[1]
    if not needles.stand_in(rows.data[begin:end]):
        return
    if stop - start == 1:
        yield start
        return
    middle = (start + stop) // 2
    yield from _hits(rows, needles, start, middle)
    yield from _hits(rows, needles, middle, stop)


def rewrite(pieces: Iterable[Rows], numbers: Iterable[int], replace: Replace, write: Callable[[bytes], None]) -> bool:
    """Write all rows, those with `numbers` replaced. Gives whether what was written breaks off as the file did."""
    wanted = sorted(numbers)
    replaced = -1
    for rows in pieces:
        copied, last = 0, rows.first + len(rows.ends) - 1
        for number in wanted[bisect_left(wanted, rows.first) : bisect_left(wanted, last + 1)]:
            begin, end = rows.span(number)
            write(rows.data[copied:begin])
            if number != replaced:  # else the rest of a row that was replaced
                is_part = (rows.is_open or rows.is_cut) and number == last
                write(replace(number, None if is_part else rows.data[begin:end]))
            copied, replaced = end, number
        write(rows.data[copied:])
        if rows.is_cut:
            return replaced != last
    return False


class PackedFile:
    """A file that is written, compressed or plain."""

    def __init__(self, path: Path, compressed: str | None) -> None:
        self._file = path.open("wb")
        self._packing: Any = None
        if compressed == "gzip":
            self._packing, self._flush = zlib.compressobj(wbits=31), zlib.Z_SYNC_FLUSH
        elif compressed == "zstd":
            self._packing = zstandard.ZstdCompressor().compressobj()
            self._flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK

    def write(self, data: bytes) -> None:
        """Add `data`."""
        self._file.write(self._packing.compress(data) if self._packing else data)

    def close(self, *, is_cut: bool) -> None:
        """End the file, on the disk; one that `is_cut` breaks off after all that was written."""
        if self._packing:
            self._file.write(self._packing.flush(self._flush) if is_cut else self._packing.flush())
        self._file.close()
        sync(Path(self._file.name))
