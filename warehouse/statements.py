"""Which statements only read: judged on DuckDB's own syntax tree, as the text can hide anything."""

import re

import duckdb

from warehouse.errors import RapportError

_EXPLAIN = re.compile(r"\A\s*EXPLAIN\s+(ANALYZE\s+)?(\([^)]*\)\s*)?", re.IGNORECASE)
# Table functions that act, and the one that runs a text as a query. All functions of DuckLake are refused:
# `ducklake_cleanup_old_files` deletes files also from a read-only attachment. Those of PostgreSQL take its own SQL.
_ACTING = re.compile(
    "ducklake_.*|postgres_.*|merge_adjacent_files|set_option|set_commit_message|(force_)?checkpoint|query|enable_logging"
)


def require_read_only(con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raise RapportError unless `query` is one SELECT, or the EXPLAIN of one, that calls nothing that acts."""
    with con.cursor() as cursor:
        row = cursor.execute(
            "WITH parsed AS (SELECT json_serialize_sql(?) AS tree) "
            "SELECT tree ->> 'error_type', tree ->> 'error_message', json_array_length(tree, '$.statements'), "
            "json_extract_string(tree, '$..function_name') FROM parsed",
            [_EXPLAIN.sub("", query, count=1)],
        ).fetchone()
    error, message, statement_count, functions = row or ("", "", 0, [])
    if error == "parser":
        raise RapportError(f"the query cannot be read: {message}")
    if statement_count != 1:
        raise RapportError("one SELECT statement is needed: the lake is read-only here")
    acting = sorted(name for name in functions if _ACTING.fullmatch(name.lower()))
    if acting:
        raise RapportError(f"{acting[0]} is not for queries: the lake is read-only here")
