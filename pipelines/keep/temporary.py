"""The temporary tables of the stage, `keep_<name>`."""

from collections.abc import Iterable

import duckdb

from warehouse.queries import drop_temporary


def make(con: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    """Make `keep_<name>` of a query, in the place of what had the name."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE keep_{name} AS {query}")


def drop(con: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Drop those of these names that are there."""
    drop_temporary(con, (f"keep_{name}" for name in names))
