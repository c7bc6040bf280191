"""Tables with their columns and sort orders, and views: the catalog's are kept to what this version declares."""

from collections.abc import Mapping, Sequence
from functools import cache

import duckdb

from schemas.table import Table, quoted, sql_type
from warehouse.catalog_attach import CATALOG, METADATA
from warehouse.errors import RapportError

_SORTED_BY = f"""
    SELECT t.table_name, list(e.expression ORDER BY e.sort_key_index)
    FROM {METADATA}.ducklake_sort_info AS i
    JOIN {METADATA}.ducklake_sort_expression AS e USING (sort_id)
    JOIN {METADATA}.ducklake_table AS t ON t.table_id = i.table_id AND t.end_snapshot IS NULL
    WHERE i.end_snapshot IS NULL
    GROUP BY t.table_name
"""
_VIEWS = f"SELECT view_name, sql FROM {METADATA}.ducklake_view WHERE end_snapshot IS NULL"
_COLUMNS = """
    SELECT table_name, map(list(column_name), list(data_type))
    FROM duckdb_columns()
    WHERE database_name = ?
    GROUP BY table_name
"""


def declare(con: duckdb.DuckDBPyConnection, tables: Mapping[str, Table], views: Mapping[str, str]) -> None:
    """Make what is missing and change what is declared otherwise now, in one commit; else nothing is written.

    `views` is name -> query. Raises RapportError for a column whose type cannot be changed in place.
    """
    columns = dict(con.execute(_COLUMNS, [CATALOG]).fetchall())
    orders = dict(con.execute(_SORTED_BY).fetchall())
    con.execute("BEGIN")
    try:
        for name, table in tables.items():
            if name in columns:
                _mend(con, table, columns[name], orders.get(name))
            else:
                _execute(con, table.ddl(f"{CATALOG}.main"))
        _declare_views(con, views)
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise


def _mend(
    con: duckdb.DuckDBPyConnection, table: Table, present: Mapping[str, str], order: Sequence[str] | None
) -> None:
    for column in table.columns:
        kind = sql_type(column.type)
        if column.name not in present:
            con.execute(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(column.name)} {kind}")
        elif present[column.name] != _as_shown(kind):
            _change_type(con, table, column.name, present[column.name], kind)
    if table.sorted_by and tuple(expression.strip('"') for expression in order or ()) != table.sorted_by:
        _execute(con, table.ddl(f"{CATALOG}.main")[1:])


def _execute(con: duckdb.DuckDBPyConnection, statements: Sequence[str]) -> None:
    for statement in statements:
        con.execute(statement)


@cache
def _as_shown(kind: str) -> str:
    """The type as DuckDB names it among the columns."""
    with duckdb.connect() as con:
        return str(con.sql(f"SELECT NULL::{kind}").types[0])


def _change_type(con: duckdb.DuckDBPyConnection, table: Table, column: str, was: str, kind: str) -> None:
    try:
        con.execute(f"ALTER TABLE {quoted(table.name)} ALTER COLUMN {quoted(column)} SET DATA TYPE {kind}")
    except duckdb.Error as problem:
        raise RapportError(
            f"column {table.name}.{column} is {was} in this lake and {kind} in this version; "
            "`rapport rebuild` makes the lake anew from what was landed"
        ) from problem


def _declare_views(con: duckdb.DuckDBPyConnection, views: Mapping[str, str]) -> None:
    present = dict(con.execute(_VIEWS).fetchall())
    for name, query in views.items():
        row = con.execute("SELECT json_deserialize_sql(json_serialize_sql(?))", [query]).fetchone()
        if row is None or present.get(name) != row[0]:
            con.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {query}")
