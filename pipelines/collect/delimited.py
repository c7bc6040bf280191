"""Delimited text as Arrow batches of numbered rows, every cell a text; broken rows are marked, not skipped."""

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from pipelines.collect.erased import ERASED, WORD
from warehouse.compressed import read_bytes
from warehouse.errors import UsageError

_BLOCK_BYTES = 16 * 1024 * 1024
PLACE = [("file_no", pa.int32()), ("row_number", pa.int64()), ("problem", pa.string())]
_RESERVED = {"file_no", "row_number", "problem", "file_row_number"}

# Two of Unicode's noncharacters, which no text holds. One stands for bytes that are no text: Arrow stops at a broken
# row that is not UTF-8, and overlooks the quotes after a NUL. The other is a last row of ours: where a quote is not
# closed, it ends up in a cell.
_NO_TEXT, _END = "\ufdd0", "\ufdd1"
_SURROGATES = re.compile("[\udc80-\udcff]")


class SalvagedText(io.RawIOBase):
    """A file as UTF-8, up to the last whole line before the place where it breaks off, and `last_row` after that.

    Once it is read, `is_cut` tells whether it broke off, `is_text` whether all bytes were text.
    """

    def __init__(self, path: Path, last_row: str) -> None:
        super().__init__()
        self._pieces = self._whole_lines(path, last_row)
        self._rest = b""
        self.is_cut = False
        self.is_text = True

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` as far as the next piece goes; 0 at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _whole_lines(self, path: Path, last_row: str) -> Iterator[bytes]:
        rest = b""
        for block in read_bytes(path):
            if block is None:
                self.is_cut, rest = True, b""
                break
            data = rest + block
            # A row that is longer than a block is refused anyway.
            end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1 if len(data) <= _BLOCK_BYTES else len(data)
            rest = data[end:]
            yield self._text(data[:end])
        yield self._text(rest) + b"\n" + last_row.encode()

    def _text(self, data: bytes) -> bytes:
        try:
            data.decode()
        except UnicodeDecodeError:
            data = _SURROGATES.sub(_NO_TEXT, data.decode(errors="surrogateescape")).encode()
            self.is_text = False
        if b"\0" in data:
            data = data.replace(b"\0", _NO_TEXT.encode())
            self.is_text = False
        return data


class _Refused:
    """The rows that Arrow could not divide: row number -> reason code."""

    def __init__(self, file: SalvagedText) -> None:
        self.codes: dict[int, str] = {}
        self._file = file

    def __call__(self, row: pa.csv.InvalidRow) -> str:
        code = self.swallowed_code if _END in row.text else "broken_row"
        self.codes[row.number - 1] = code  # the header is row 1 there
        return "skip"

    @property
    def swallowed_code(self) -> str:
        """The reason code of a row whose quote is not closed, so that it runs to the end of the file."""
        return "truncated_file" if self._file.is_cut else "broken_row"


def read_delimited(path: Path, delimiter: str) -> pa.RecordBatchReader:
    """The rows of `path` as batches: file_no 0, row_number from 1, problem, then the columns. An empty cell is NULL.

    Neither the header nor blank lines are counted. `problem` is a reason code, with all cells NULL: broken_row,
    not_utf8, truncated_file. A row that is longer than 16 MiB ends the file, as what follows cannot be divided.
    Raises UsageError for a header that cannot serve, pyarrow.ArrowInvalid for a file that is no text table.
    """
    names = header(path, delimiter)
    file = SalvagedText(path, _END + delimiter * (len(names) - 1) + "\n")
    refused = _Refused(file)
    options = pa.csv.ConvertOptions(
        check_utf8=False,
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    rows = _open(file, delimiter, refused, options)
    schema = pa.schema([*PLACE, *((name, pa.string()) for name in names)])
    return pa.RecordBatchReader.from_batches(schema, _batches(rows, file, refused, schema))


def header(path: Path, delimiter: str) -> list[str]:
    """The names in the first row. Raises UsageError for names that cannot serve, pyarrow.ArrowInvalid for no header."""
    options = pa.csv.ConvertOptions(check_utf8=False)
    names = list(_open(SalvagedText(path, ""), delimiter, lambda _: "skip", options).schema.names)
    if any(_NO_TEXT in name for name in names):
        raise pa.ArrowInvalid("the header is not UTF-8")
    check_names(names)
    return names


def check_names(names: Sequence[str]) -> None:
    """Raise UsageError where a column of a file has no name, the name of another (case aside), or a reserved one."""
    seen: set[str] = set()
    for place, name in enumerate(names, start=1):
        if not name:
            raise UsageError(f"column {place} of the file has no name; name it in the header")
        if name.lower() in seen | _RESERVED:
            raise UsageError(f"the file's column '{name}' stands twice or is a reserved name; rename it")
        seen.add(name.lower())


def _open(file: SalvagedText, delimiter: str, refuse: Any, options: Any) -> Any:
    return pa.csv.open_csv(
        pa.PythonFile(io.BufferedReader(file, _BLOCK_BYTES), mode="r"),
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse),
        convert_options=options,
    )


def _batches(rows: Any, file: SalvagedText, refused: _Refused, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    first, is_whole = 1, False
    while True:
        try:
            batch = rows.read_next_batch()
        except StopIteration:
            break
        except pa.ArrowInvalid:
            refused.codes[_numbers(first, 1, refused)[0]] = "broken_row"
            break
        is_whole = bool(batch.num_rows) and batch.column(0)[-1].as_py() == _END
        batch = batch.slice(0, batch.num_rows - is_whole)
        numbers = _numbers(first, batch.num_rows, refused)
        first = int(numbers[-1]) + 1 if batch.num_rows else first
        yield _marked(batch, numbers, schema, file, refused)
    if is_whole and file.is_cut:
        refused.codes[_numbers(first, 1, refused)[0]] = "truncated_file"
    yield _refused_rows(schema, refused.codes)


def _numbers(first: int, count: int, refused: _Refused) -> Any:
    """The next `count` row numbers from `first` that are not those of refused rows."""
    skipped = np.array([number for number in refused.codes if number >= first], dtype=np.int64)
    candidates = np.arange(first, first + count + len(skipped), dtype=np.int64)
    return candidates[~np.isin(candidates, skipped)][:count]


def _marked(
    batch: pa.RecordBatch, numbers: Any, schema: pa.Schema, file: SalvagedText, refused: _Refused
) -> pa.RecordBatch:
    """The batch with its place columns. Blanks, rows that are no text, and one that runs to the end are marked."""
    problems = np.full(batch.num_rows, None, dtype=object)
    problems[pc.fill_null(pc.equal(batch.column(0), WORD), False).to_numpy(zero_copy_only=False)] = ERASED
    if not file.is_text:
        for column in batch.columns:
            problems[pc.fill_null(pc.match_substring(column, _NO_TEXT), False).to_numpy(zero_copy_only=False)] = (
                "not_utf8"
            )
    if any(_END in (cell.as_py() or "") for column in batch.columns for cell in column.slice(max(len(column) - 1, 0))):
        problems[-1] = refused.swallowed_code
    problem = pa.array(problems, pa.string())
    files = pa.array(np.zeros(batch.num_rows, dtype=np.int32))
    cells = batch.columns
    if problem.null_count < batch.num_rows:
        cells = [pc.if_else(pc.is_null(problem), column, pa.scalar(None, pa.string())) for column in cells]
    return pa.record_batch([files, pa.array(numbers), problem, *cells], schema=schema)


def _refused_rows(schema: pa.Schema, codes: dict[int, str]) -> pa.RecordBatch:
    place = [
        pa.array(np.zeros(len(codes), dtype=np.int32)),
        pa.array(list(codes), pa.int64()),
        pa.array(list(codes.values()), pa.string()),
    ]
    return pa.record_batch([*place, *(pa.nulls(len(codes), pa.string()) for _ in schema.names[3:])], schema=schema)
