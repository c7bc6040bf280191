"""Text files as Arrow batches of numbered lines, whatever their bytes are. No line is lost and none raises."""

import codecs
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.compressed import BLOCK_BYTES, compression, open_bytes, read_bytes

MAX_LINE_BYTES = 8 * 1024 * 1024
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
_NEWLINE = 10

BLANK = "blank"  # the problem of a line that is no record at all
_WHITE = np.frombuffer(b" \t\r\n", np.uint8)

LINES = pa.schema(
    [
        ("file_no", pa.int32()),
        ("row_number", pa.int64()),
        ("payload", pa.string()),
        ("problem", pa.string()),
    ]
)

Lines = tuple[pa.Array, pa.Array]


def read_lines(paths: Sequence[Path]) -> pa.RecordBatchReader:
    """All lines of `paths` as batches (file_no from 0, row_number from 1, payload, problem).

    `problem` is the reason code of a line that cannot be read (its payload is NULL): not_utf8, record_too_large,
    truncated_file. A file that is one JSON document over several lines is one line.
    """
    return pa.RecordBatchReader.from_batches(LINES, _batches(paths))


def _batches(paths: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for file_no, path in enumerate(paths):
        document = read_document(path)
        first = 1
        for payloads, problems in _blocks(path) if document is None else [_one_line(document)]:
            count = len(payloads)
            numbers = pa.array(np.arange(first, first + count, dtype=np.int64))
            files = pa.array(np.full(count, file_no, dtype=np.int32))
            yield pa.record_batch([files, numbers, payloads, problems], schema=LINES)
            first += count


def read_document(path: Path) -> str | None:
    """The file's text, if it is one JSON document that is written over several lines: it counts as one line."""
    try:
        with open_bytes(path, compression(path)) as file:
            head = file.read(BLOCK_BYTES).removeprefix(codecs.BOM_UTF8)
            if head.lstrip()[:1] not in (b"[", b"{") or _is_json(head.lstrip().partition(b"\n")[0]):
                return None
            whole: bytes = head + file.read(MAX_DOCUMENT_BYTES)
    except OSError:
        return None
    if len(whole) > MAX_DOCUMENT_BYTES or not _is_json(whole):
        return None
    return whole.decode().strip()


def _one_line(document: str) -> Lines:
    return pa.array([document], pa.string()), pa.nulls(1, pa.string())


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text.decode())  # bytes would be tried in other encodings, too
    except (ValueError, RecursionError):
        return False
    return True


def _blocks(path: Path) -> Iterator[Lines]:
    """Blocks of whole lines, each with what is wrong with it."""
    rest, is_too_large, is_cut = b"", False, False
    for block in read_bytes(path):
        if block is None:
            is_cut = True
            break
        end = block.rfind(b"\n") + 1
        if end and is_too_large:
            yield _refused("record_too_large")
            data, is_too_large = block[block.find(b"\n") + 1 : end], False
        else:
            data = rest + block[:end] if end else b""
        if data:
            yield _lines(data)
        rest = block[end:] if end else rest + block
        is_too_large = is_too_large or len(rest) > MAX_LINE_BYTES
        rest = b"" if is_too_large else rest
    if is_too_large:
        yield _refused("record_too_large")
    elif is_cut:
        yield _refused("truncated_file")
    elif rest:
        yield _lines(rest + b"\n")


def _lines(data: bytes) -> Lines:
    """The lines of `data`, which ends with a newline, without copying them."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE).astype(np.int32)
    offsets = np.empty(len(ends) + 1, np.int32)
    offsets[0] = 0
    offsets[1:] = ends + 1
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    lines = pa.Array.from_buffers(pa.string(), len(ends), buffers)
    too_large = np.diff(offsets) > MAX_LINE_BYTES
    undecodable = _undecodable(lines, 0, len(lines))
    blank = _blank(lines, np.frombuffer(data, np.uint8)[offsets[:-1]])
    if not undecodable and not too_large.any() and not len(blank):
        return lines, pa.nulls(len(lines), pa.string())
    problems = np.full(len(ends), None, dtype=object)
    problems[blank] = BLANK
    problems[too_large] = "record_too_large"
    problems[undecodable] = "not_utf8"
    refused = pa.array(problems, pa.string())
    return pc.if_else(pc.is_null(refused), lines, pa.scalar(None, pa.string())), refused


def _blank(lines: pa.Array, first_bytes: Any) -> Any:
    """The places of lines that hold white space alone; only lines that begin with it are looked at."""
    places = np.flatnonzero(np.isin(first_bytes, _WHITE))
    trimmed = pc.ascii_trim_whitespace(lines.take(pa.array(places)).cast(pa.binary()).cast(pa.string(), safe=False))
    return places[np.asarray(pc.equal(pc.binary_length(trimmed), 0))]


def _undecodable(lines: pa.Array, start: int, stop: int) -> list[int]:
    """The places of lines that are not UTF-8, found by halving the blocks that hold one."""
    try:
        lines.slice(start, stop - start).validate(full=True)
    except pa.ArrowInvalid:
        if stop - start == 1:
            return [start]
        middle = (start + stop) // 2
        return _undecodable(lines, start, middle) + _undecodable(lines, middle, stop)
    return []


def _refused(problem: str) -> Lines:
    return pa.nulls(1, pa.string()), pa.array([problem], pa.string())
