"""Blanks in files of JSON: whole lines, or single records of an array or a batch."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.collect.divided_line import DividedLine, Member
from pipelines.collect.erased import RECORD
from pipelines.collect.json_records import JsonFormat
from pipelines.collect.requests import joined_envelope, split_envelope
from pipelines.collect.rewriting import Rows, rewrite, rows_with
from pipelines.collect.text_lines import LINES, MAX_LINE_BYTES, read_document
from warehouse.compressed import read_bytes
from warehouse.needles import Needles

_NEWLINE = 10
Place = tuple[int, int]


class BlankLines:
    """Replaces records of one file: `places` are elements by line; others that hold one of `needles` go too.

    After `rewrite`, `asked` are the places of `places` that are blanks now, `found` the others.
    """

    def __init__(self, path: Path, form: JsonFormat, places: Mapping[int, Collection[int]], needles: Needles) -> None:
        self._path, self._form, self._places, self._needles = path, form, places, needles
        self._document = read_document(path)
        self._hits = rows_with(self._pieces(), needles)
        self._con = duckdb.connect(config={"threads": 1, "temp_directory": ""})
        self.asked: set[Place] = set()
        self.found: set[Place] = set()

    @property
    def is_needed(self) -> bool:
        """Whether there is a line to look at."""
        return bool(self._hits or self._places)

    def rewrite(self, write: Callable[[bytes], None]) -> bool:
        """Write the file with its blanks; gives whether what was written breaks off as the file did."""
        try:
            return rewrite(self._pieces(), self._hits | set(self._places), self._replaced, write)
        finally:
            self._con.close()

    def _pieces(self) -> Iterator[Rows]:
        if self._document is None:
            return _lines(self._path)
        text = self._document.encode()
        return iter([Rows(1, text, [len(text)])])

    def _replaced(self, number: int, text: bytes | None) -> bytes:
        request, line = self._divided(text)
        asked, is_hit = self._places.get(number, ()), number in self._hits
        gone = {
            place
            for place, record in enumerate(line.records)
            if place in asked or not line.is_text or (is_hit and self._holds_needle(record))
        }
        if is_hit:
            gone |= line.sharing(gone, self._holds_needle)
        if is_hit and self._holds_needle(request):
            request, gone = None, set(range(len(line.records)))
        written = line.with_blanks(gone)
        if request is not None:
            written = joined_envelope(request, written)
        self.asked |= {(number, place) for place in gone if place in asked}
        self.found |= {(number, place) for place in gone if place not in asked}
        return written.rstrip("\r\n").encode() + b"\n"

    def _holds_needle(self, text: str | None) -> bool:
        return self._needles.stand_in((text or "").encode())

    def _divided(self, text: bytes | None) -> tuple[str | None, DividedLine]:
        """What the line's envelope says of a request (None if it has none), and the line."""
        readable = self._readable(text)
        if readable is None:
            return None, DividedLine([Member(RECORD)], is_text=False)
        request, payload = split_envelope(self._con, readable)
        return request, self._divided_payload(payload)

    def _divided_payload(self, payload: str) -> DividedLine:
        if not self._form.may_divide(payload):
            return DividedLine([Member(payload)])
        columns = ([0], [1], [payload], [None])
        arrays = [pa.array(column, kind) for column, kind in zip(columns, LINES.types, strict=True)]
        self._con.register("input", pa.table(arrays, schema=LINES))
        _, is_batch, is_array, texts, envelope, places = self._con.execute(self._form.divided_sql()).fetchall()[0]
        members = [Member.of(text, place) for text, place in zip(texts, places or [None] * len(texts), strict=True)]
        return DividedLine(
            members,
            bool(is_batch or is_array),
            envelope=envelope,
            batch=self._form.batch,
            parts=self._form.parts,
            merge=self._merged,
        )

    def _merged(self, texts: Sequence[str]) -> str:
        """JSON objects laid over one another, the later over the earlier (RFC 7396)."""
        marks = ", ".join("?" * len(texts))
        return str(
            self._con.execute(f"SELECT json_merge_patch('{{}}', {marks})::VARCHAR", list(texts)).fetchall()[0][0]
        )

    def _readable(self, text: bytes | None) -> str | None:
        """The text of a line, if its reader looks at it; a document may be longer than a line."""
        if text is None or (self._document is None and len(text.removesuffix(b"\n")) >= MAX_LINE_BYTES):
            return None
        try:
            return text.decode()
        except UnicodeDecodeError:
            return None


def _lines(path: Path) -> Iterator[Rows]:
    """The lines of a file as its reader numbers them, from 1."""
    number, rest = 1, b""
    for block in read_bytes(path):
        if block is None:
            yield Rows(number, rest, [len(rest)], is_cut=True)
            return
        data = rest + block
        end = data.rfind(b"\n") + 1
        if end:
            ends = (np.flatnonzero(np.frombuffer(data, np.uint8, end) == _NEWLINE) + 1).tolist()
            yield Rows(number, data[:end], ends)
            number, data = number + len(ends), data[end:]
        rest = data
        if len(rest) > MAX_LINE_BYTES:
            yield Rows(number, rest, [len(rest)], is_open=True)
            rest = b""
    if rest:
        yield Rows(number, rest, [len(rest)])
