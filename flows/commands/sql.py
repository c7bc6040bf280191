"""`rapport sql`."""

import sys
from typing import Annotated, Any, Literal

import typer

from flows.console import emit, exact, table, to_json
from flows.options import AsJson, home, utf8
from schemas.table import literal, quoted
from warehouse.errors import RapportError, UsageError

_ISO = "%Y-%m-%dT%H:%M:%S.%fZ"
_LIMIT = 1_000
_INTEGERS = ("tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint")
_AS_IT_IS = {*_INTEGERS, "float", "double", "decimal", "boolean", "varchar"}

Format = Literal["table", "csv", "json", "parquet"]


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("sql")
    def sql(
        context: typer.Context,
        query: Annotated[
            str,
            typer.Argument(metavar="QUERY", callback=utf8, help="One SELECT; `rapport tables` lists what is there."),
        ],
        format: Annotated[Format, typer.Option(help="How to print it.")] = "table",
        json: AsJson = False,
    ) -> None:
        """Ask the lake, read-only; answers also while a run is writing."""
        import duckdb

        from warehouse.reader import open_lake

        with open_lake(home(context).root) as lake:
            lake.confine()
            try:
                _print(_asked(lake, query), "object" if json else format)
            except duckdb.PermissionException as problem:
                mend = "queries read the tables of the lake alone; `rapport ingest` brings a file in"
                raise UsageError(f"{problem}\n{mend}") from problem
            except duckdb.ProgrammingError as problem:
                raise UsageError(str(problem)) from problem
            except (duckdb.DataError, duckdb.NotSupportedError) as problem:
                raise RapportError(str(problem)) from problem


def _asked(lake: Any, query: str) -> Any:
    try:
        return lake.select(query)
    except RapportError as problem:  # the statement is at fault, not the lake
        raise UsageError(str(problem)) from problem


def _print(found: Any, format: str) -> None:
    if format == "table":
        _print_table(found)
    elif format == "csv":
        _write_csv(found)
    elif format == "parquet":
        _write_parquet(found)
    elif format == "json":
        typer.echo(to_json(_objects(found)))
    else:
        emit({"columns": found.columns, "rows": _objects(found)})


def _print_table(found: Any) -> None:
    rows = found.fetchmany(_LIMIT)
    is_cut = bool(found.fetchmany(1))
    note = f"the first {_LIMIT:,} rows; --format csv gives all" if is_cut else ""
    table("", found.columns, rows, note, exact)


def _objects(found: Any) -> list[dict[str, Any]]:
    _require_distinct(found.columns)
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def _require_distinct(columns: list[str]) -> None:
    for name in columns:
        if columns.count(name) > 1:
            raise UsageError(f"two columns are named '{name}'; give one of them another name with AS")


def _write_csv(found: Any) -> None:
    """Header, empty for NULL, times in ISO 8601 UTC, nested values as JSON."""
    import pyarrow.csv as pa_csv

    cells = [_cell(number, name, found.types[number - 1]) for number, name in enumerate(found.columns, start=1)]
    reader = found.project(", ".join(cells)).to_arrow_reader()
    with pa_csv.CSVWriter(sys.stdout.buffer, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)


def _cell(number: int, name: str, kind: Any) -> str:
    """The column of that number as CSV can hold it; by number, as two columns may have one name."""
    value = f"#{number}"
    if str(kind).startswith("TIMESTAMP"):
        value = f"strftime({value}, {literal(_ISO)})"
    elif kind.id in ("list", "struct", "map", "array"):
        value = f"to_json({value})::VARCHAR"
    elif kind.id not in _AS_IT_IS:
        value = f"{value}::VARCHAR"
    return f"{value} AS {quoted(name)}"


def _write_parquet(found: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if sys.stdout.isatty():
        raise UsageError("Parquet is no text; send it to a file: rapport sql ... --format parquet > result.parquet")
    _require_distinct(found.columns)
    reader = found.to_arrow_reader()
    try:
        with pq.ParquetWriter(sys.stdout.buffer, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
    except pa.ArrowNotImplementedError as problem:
        raise UsageError(f"Parquet can't hold one of the columns ({problem}); CAST it in the query") from problem
