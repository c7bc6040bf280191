"""Text out of columns: one SQL expression per row, its characters written to a file without a detour."""

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from schemas.table import literal

ROWS_A_BATCH = 50_000
ROWS_A_FILE = 250_000


def session() -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own, in memory, in UTC."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    return con


def texts(con: duckdb.DuckDBPyConnection, columns: pa.Table, expression: str) -> pa.Array:
    """The VARCHAR `expression` over each row of `columns`, in their order."""
    con.register("simulated", columns)
    found = con.execute(f"SELECT {expression} AS text FROM simulated").to_arrow_table()
    con.unregister("simulated")
    return found.column("text").combine_chunks()


def file_count(rows: int) -> int:
    """Files for this many records."""
    return -(-rows // ROWS_A_FILE)


def write_files(
    con: duckdb.DuckDBPyConnection, columns: pa.Table, slices: list[slice], query: str, pattern: Path
) -> dict[Path, int]:
    """Write each slice of `columns` to the file that `pattern` names by its number; rows per file.

    `query` selects over the table `simulated`: a file named .csv gets its rows with a header, any other file
    the one VARCHAR column, row after row, nothing in between. A file has its name only when it is complete.
    """
    pattern.parent.mkdir(parents=True, exist_ok=True)
    write = _write_csv if pattern.suffix == ".csv" else _write_text
    written = {}
    for number, rows in enumerate(slices):
        path = pattern.with_name(pattern.name.format(number))
        part = path.with_name(path.name + ".part")
        con.register("simulated", columns.slice(rows.start, rows.stop - rows.start))
        write(con, query, part)
        con.unregister("simulated")
        written[part.replace(path)] = rows.stop - rows.start
    return written


def _write_text(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    with path.open("wb") as file:
        for batch in con.execute(query).to_arrow_reader(ROWS_A_BATCH):
            file.write(_characters(batch.column(0)))


def _write_csv(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    con.execute(f"COPY ({query}) TO {literal(str(path))} (FORMAT csv, HEADER)")


def _characters(array: pa.StringArray) -> memoryview:
    """The values of a string array laid end to end: its own buffer, not a copy."""
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int32)[array.offset : array.offset + len(array) + 1]
    return memoryview(array.buffers()[2])[offsets[0] : offsets[-1]]
