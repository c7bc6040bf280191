"""Blanks in Parquet files: rows of nulls, named in the footer; everything is written anew."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.collect.erased import FOOTER_KEY, footer_value, parquet_blanks
from pipelines.collect.parts import parquet_shape
from pipelines.collect.rewriting import Rows, rows_with
from schemas.table import literal, quoted
from warehouse.errors import RapportError
from warehouse.needles import Needles
from warehouse.parquet_texts import texts

_ROWS = 8192
_CODECS = {"SNAPPY": "snappy", "GZIP": "gzip", "BROTLI": "brotli", "LZ4": "lz4", "UNCOMPRESSED": "uncompressed"}
Place = tuple[int, int]


class BlankParquet:
    """Replaces rows of one file: those with `numbers`, and others that hold one of `needles`.

    `asked` are the places of `numbers`, `found` the others. Raises
    pyarrow.ArrowInvalid for a file that is no Parquet, RapportError for one of which a page cannot be read.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, path: Path, numbers: Collection[int], needles: Needles) -> None:
        self._con, self._path = con, path
        columns, count = parquet_shape(con, path)
        if columns is None:
            raise pa.ArrowInvalid("the file is no Parquet")
        self._columns = columns
        self._before = set(parquet_blanks(path)["row_number"].to_pylist())
        self._numbers = {number for number in numbers if 0 < number <= count}
        try:
            self._hits = set(self._found(needles)) if needles else set()
        except duckdb.Error as problem:
            raise _unreadable(path) from problem
        self.asked: set[Place] = {(number, 0) for number in self._numbers}
        self.found: set[Place] = {(number, 0) for number in self._hits - self._numbers - self._before}

    @property
    def is_needed(self) -> bool:
        """Whether there is a row to replace."""
        return bool((self._hits | self._numbers) - self._before)

    def rewrite(self, target: Path) -> None:
        """Write the file with its blanks to `target`: the same rows, columns and types as its reader sees."""
        gone = self._hits | self._numbers | self._before
        is_gone = "file_row_number + 1 IN (SELECT row_number FROM gone)"
        names = [quoted(name) for name in self._columns]
        cells = ", ".join(f"CASE WHEN NOT is_gone THEN {name} END AS {name}" for name in names)
        self._con.register("gone", pa.table({"row_number": pa.array(sorted(gone), pa.int64())}))
        try:
            self._con.execute(
                f"COPY (SELECT {cells} FROM (SELECT *, {is_gone} AS is_gone FROM {self._rows})) "
                f"TO {literal(str(target))} (FORMAT parquet, COMPRESSION {_codec(self._path)}, "
                f"KV_METADATA {{{literal(FOOTER_KEY)}: {literal(footer_value(gone))}}})"
            )
        except duckdb.Error as problem:
            raise _unreadable(self._path) from problem

    @property
    def _rows(self) -> str:
        return f"read_parquet({literal(str(self._path))}, file_row_number = TRUE)"

    def _found(self, needles: Needles) -> Iterator[int]:
        first = 1
        names = ", ".join(quoted(name) for name in self._columns)
        for batch in self._con.execute(f"SELECT {names} FROM {self._rows}").to_arrow_reader(_ROWS):
            if any(needles.stand_in(text) for column in batch.columns for text in texts(column, needles)):
                yield from rows_with([_as_rows(batch, first)], needles)
            first += batch.num_rows


def _as_rows(batch: pa.RecordBatch, first: int) -> Rows:
    """The texts of each row, one row after the other."""
    lines = [b"\n".join(_said(row)) + b"\n" for row in batch.to_pylist()]
    ends, end = [], 0
    for line in lines:
        end += len(line)
        ends.append(end)
    return Rows(first, b"".join(lines), ends)


def _said(value: Any) -> Iterator[bytes]:
    """The texts in a value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for member in value:
            yield from _said(member)
    else:
        yield value if isinstance(value, bytes) else str(value).encode()


def _codec(path: Path) -> str:
    metadata = pq.read_metadata(path)
    has_columns = metadata.num_row_groups and metadata.num_columns
    codec = metadata.row_group(0).column(0).compression if has_columns else ""
    return _CODECS.get(codec, "zstd")


def _unreadable(path: Path) -> RapportError:
    return RapportError(
        f"the landed file {path.name} is damaged within, so its records cannot be blanked; put a whole copy of it in "
        "its place"
    )
