"""The parts of a split: each a relation `input` of bounded size in the session, with the plan that reads it."""

import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.collect.connector import Connector, Plan
from pipelines.collect.delimited import check_names, header, read_delimited
from pipelines.collect.erased import ERASED, parquet_blanks
from pipelines.collect.file_form import file_form
from pipelines.collect.mapping import parse_mapping
from pipelines.collect.mapping_plan import json_mapping_plan
from pipelines.collect.requests import opened
from pipelines.collect.text_lines import read_lines
from schemas.table import literal

PART_BYTES = 96 * 1024 * 1024
PART_ROWS = 500_000


def parts(
    con: duckdb.DuckDBPyConnection, connector: Connector, mapping: str, paths: Sequence[Path]
) -> Iterator[Plan | None]:
    """For each part of `paths`, make the relation `input` and give the plan that reads it.

    None stands for a file, or the rest of one, that is not what its name says, or is a blank. Files of columns, and
    those of a mapping, come alone. Raises UsageError where the mapping does not fit the file.
    """
    if connector.framing == "json":
        yield from _json_parts(con, connector.plan("", ()), iter(read_lines(list(paths))))
        return
    path = paths[0]
    form = file_form(connector, mapping, path)
    if form.kind == "parquet":
        yield from _parquet_parts(con, connector, mapping, path)
    elif form.kind == "lines":
        yield from _json_parts(con, _plan_of_lines(connector, mapping), iter(read_lines(list(paths))))
    elif form.kind == "rows":
        yield from _delimited_parts(con, connector, mapping, path, form.delimiter)
    else:
        yield None


def _plan_of_lines(connector: Connector, mapping: str) -> Plan:
    return json_mapping_plan(parse_mapping(mapping)) if connector.framing == "table" else connector.plan("", ())


def _delimited_parts(
    con: duckdb.DuckDBPyConnection, connector: Connector, mapping: str, path: Path, delimiter: str
) -> Iterator[Plan | None]:
    try:
        columns, rows = header(path, delimiter), read_delimited(path, delimiter)
    except pa.ArrowInvalid:
        yield None
        return
    yield from _arrow_parts(con, connector.plan(mapping, columns), rows)


def _json_parts(con: duckdb.DuckDBPyConnection, plan: Plan, batches: Iterator[pa.RecordBatch]) -> Iterator[Plan]:
    # Without an id of the source the records of a file are numbered: a file of a mapping stays whole then.
    limit = PART_BYTES if "event_id" in plan.fields else sys.maxsize
    while (first := next(batches, None)) is not None:
        # A table, not a stream: what is parsed may have to be divided after all, and is read again then.
        con.register("input", opened(con, pa.Table.from_batches(_up_to(limit, batches, first))))
        yield plan


def _arrow_parts(con: duckdb.DuckDBPyConnection, plan: Plan, batches: pa.RecordBatchReader) -> Iterator[Plan]:
    iterator = iter(batches)
    while (first := next(iterator, None)) is not None:
        limited = _up_to(PART_BYTES, iterator, first) if "event_id" in plan.fields else chain([first], iterator)
        con.register("input", pa.RecordBatchReader.from_batches(batches.schema, limited))
        yield plan


def _up_to(limit: int, batches: Iterator[pa.RecordBatch], first: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    yield first
    size = first.nbytes
    while size < limit and (batch := next(batches, None)) is not None:
        yield batch
        size += batch.nbytes


def _parquet_parts(
    con: duckdb.DuckDBPyConnection, connector: Connector, mapping: str, path: Path
) -> Iterator[Plan | None]:
    scan = f"read_parquet({literal(str(path))}, file_row_number = TRUE)"
    columns, count = parquet_shape(con, path)
    if columns is None:
        yield None
        return
    check_names(columns)
    plan = connector.plan(mapping, columns)
    step = PART_ROWS if "event_id" in plan.fields else max(count, 1)
    con.register("blanks", parquet_blanks(path))
    for start in range(0, count, step):
        # Read before it is parsed: a broken page is the file's fault, and only here that can be told.
        is_read = tried(
            con,
            "CREATE OR REPLACE TEMP TABLE input AS SELECT 0::INTEGER AS file_no, file_row_number + 1 AS row_number, "
            f"CASE WHEN row_number IN (SELECT row_number FROM blanks) THEN '{ERASED}' END AS problem, "
            f"* EXCLUDE (file_row_number) FROM {scan} "
            f"WHERE file_row_number >= {start} AND file_row_number < {start + step}",
        )
        if is_read is None:
            yield None
            return
        yield plan


def parquet_shape(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[list[str] | None, int]:
    """The columns of a Parquet file and the number of its rows; None if it is no such file."""
    found = tried(con, f"DESCRIBE SELECT * FROM read_parquet({literal(str(path))})")
    counted = tried(con, f"SELECT COUNT(*) FROM read_parquet({literal(str(path))})")
    if found is None or counted is None:
        return None, 0
    return [str(row[0]) for row in found], int(counted[0][0])


def tried(con: duckdb.DuckDBPyConnection, query: str) -> list[Any] | None:
    """The rows of a query over a file; None if the file cannot be read. Raises what is not the file's fault."""
    try:
        return con.execute(query).fetchall()
    except (duckdb.OutOfMemoryException, duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException):
        raise
    except duckdb.Error:
        return None
