"""Lakes for tests."""

from typing import Any

import duckdb

from schemas.table import quoted
from schemas.tables import tables
from warehouse.functions import add_functions


def memory_lake() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with every table of the contract, empty."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("SET TimeZone = 'UTC'")
    add_functions(con)
    for table in tables().values():
        con.execute(table.ddl("main")[0])
    return con


def insert(con: duckdb.DuckDBPyConnection, table: str, **values: Any) -> None:
    """Add one row, with commit 1."""
    values["commit_seq"] = 1
    columns = ", ".join(f"? AS {quoted(name)}" for name in values)
    con.execute(f"INSERT INTO {table} BY NAME SELECT {columns}", list(values.values()))
