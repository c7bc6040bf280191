"""Lakes for tests."""

import duckdb

from schemas.tables import tables
from warehouse.functions import add_functions


def memory_lake() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with every table of the contract, empty."""
    con = duckdb.connect(config={"threads": 2})
    con.execute("SET TimeZone = 'UTC'")
    add_functions(con)
    for table in tables().values():
        con.execute(table.ddl("main")[0])
    return con
