"""Writes only what changed: rows equal to the kept ones stay untouched, so a no-op writes nothing."""

from collections.abc import Sequence

import duckdb

from schemas.table import quoted
from schemas.tables import tables
from warehouse.queries import has_rows, number
from warehouse.run import Run

TEMPORARY_TABLES = ("know_before", "know_rows", "know_old", "know_changed")
_FEW_CUSTOMERS = 10_000

_CHANGED = """
INSERT INTO know_changed
SELECT {owner}
FROM know_rows
UNION
SELECT {owner}
FROM know_old
"""


def write_changes(
    con: duckdb.DuckDBPyConnection,
    run: Run,
    table: str,
    source: str,
    columns: Sequence[str],
    *,
    owner: str = "customer_id",
) -> None:
    """Make the rows of `table` for the customers of know_scope equal to those of temporary table `source`.

    `owner` is the column, part of the key, that holds what know_scope lists as customer_id.
    `columns` are the columns that both have and that decide whether a row changed; the key is among them.
    Where `table` has an as_of, a row that is otherwise equal keeps its own unless that lies after the run's.
    Adds the customers concerned to know_changed (customer_id).
    """
    key = tables()[table].key
    has_as_of = "as_of" in tables()[table].column_names
    before = _before(con, table, owner)
    con.execute(_rows_sql(before, source, key, columns, has_as_of))
    con.execute(_old_sql(before, source, key))
    con.execute(_CHANGED.format(owner=quoted(owner)))
    if has_rows(con, "know_old"):
        # Row ids are found without reading a column.
        con.execute(f"DELETE FROM {quoted(table)} WHERE rowid IN (SELECT place FROM know_old)")
    if has_rows(con, "know_rows"):
        names = _names("n", (*columns, *(["as_of"] if has_as_of else [])))
        con.execute(
            f"INSERT INTO {quoted(table)} BY NAME SELECT {names}, ?::BIGINT AS commit_seq FROM {source} AS n "
            f"SEMI JOIN know_rows AS r ON {_same('r', 'n', key)} ORDER BY {_names('n', key)}",
            [run.commit_seq],
        )


def begin_changes(con: duckdb.DuckDBPyConnection) -> None:
    """Make know_changed, empty."""
    con.execute("CREATE OR REPLACE TEMP TABLE know_changed (customer_id VARCHAR)")


def changed_customers(con: duckdb.DuckDBPyConnection) -> int:
    """How many customers the calls of `write_changes` since `begin_changes` concerned."""
    return number(con, "SELECT COUNT(DISTINCT customer_id) FROM know_changed")


def _before(con: duckdb.DuckDBPyConnection, table: str, owner: str) -> str:
    """A relation of what `table` has for the customers of know_scope, with row ids as `place`; of few read once."""
    theirs = f"SEMI JOIN know_scope AS s ON s.customer_id = o.{quoted(owner)}"
    rows = f"SELECT o.*, o.rowid AS place FROM {quoted(table)} AS o {theirs}"
    if con.execute(f"SELECT 1 FROM know_scope LIMIT 1 OFFSET {_FEW_CUSTOMERS}").fetchone() is not None:
        return f"({rows})"
    con.execute(f"CREATE OR REPLACE TEMP TABLE know_before AS {rows}")
    return "know_before"


def _rows_sql(before: str, source: str, key: Sequence[str], columns: Sequence[str], has_as_of: bool) -> str:
    """Keys of the rows of the source that `before` does not have like that."""
    differs = [f"n.{quoted(name)} IS DISTINCT FROM o.{quoted(name)}" for name in columns]
    differs += ["o.as_of > n.as_of"] if has_as_of else []
    return (
        f"CREATE OR REPLACE TEMP TABLE know_rows AS SELECT {_names('n', key)} FROM {source} AS n "
        f"LEFT JOIN {before} AS o ON {_same('o', 'n', key)} WHERE {' OR '.join(differs)}"
    )


def _old_sql(before: str, source: str, key: Sequence[str]) -> str:
    """Keys and row ids of kept rows to delete: know_rows replaces them, or the source has them no more."""
    return (
        f"CREATE OR REPLACE TEMP TABLE know_old AS SELECT {_names('o', key)}, o.place FROM {before} AS o "
        f"WHERE EXISTS (SELECT 1 FROM know_rows AS r WHERE {_same('r', 'o', key)}) "
        f"OR NOT EXISTS (SELECT 1 FROM {source} AS n WHERE {_same('n', 'o', key)})"
    )


def _names(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{quoted(name)}" for name in names)


def _same(left: str, right: str, key: Sequence[str]) -> str:
    return " AND ".join(f"{left}.{quoted(name)} = {right}.{quoted(name)}" for name in key)
