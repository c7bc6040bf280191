"""Short queries that every stage asks: a number, whether there is anything, rows by name; temporary tables dropped."""

from collections.abc import Iterable
from typing import Any

import duckdb


def number(con: duckdb.DuckDBPyConnection, statement: str, parameters: object = None) -> int:
    """The whole number that a query gives, or how many rows a statement changed; 0 where it gives no row."""
    row = con.execute(statement, parameters).fetchone()
    return int(row[0]) if row else 0


def has_rows(con: duckdb.DuckDBPyConnection, relation: str) -> bool:
    """Whether a table, or a query in parentheses, has any row."""
    return con.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone() is not None


def records(found: duckdb.DuckDBPyConnection | duckdb.DuckDBPyRelation) -> list[dict[str, Any]]:
    """The rows of a result by the names of its columns."""
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def drop_temporary(con: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Drop the temporary tables of these names, as far as they are there."""
    for name in names:
        con.execute(f"DROP TABLE IF EXISTS temp.{name}")
