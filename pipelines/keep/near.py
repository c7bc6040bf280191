"""Predicates that are near what is looked up, as readers of Parquet files can use them to leave out groups of rows."""

from collections.abc import Iterable

import duckdb

from schemas.table import literal, quoted, sql_type
from schemas.tables import tables
from warehouse.queries import has_rows

_FEW = 200
# Of texts, DuckDB 1.5 compares ranges with the statistics of a group of rows, but not lists. A range for each value
# costs a test on every row that is read, so there may be few, and three times that beside a test of another column.
_FEW_TEXTS = 32
_LATE_SHARE = 0.05
# What is the same in all rows of a cell of the daily rollups, whose tables are sorted by anchor, then by day.
BY_DAY = ("day",)


def near_sql(con: duckdb.DuckDBPyConnection, relation: str, name: str, columns: Iterable[str]) -> str:
    """A predicate that holds for the rows of table `name` with the values of `relation` in `columns`, and for others.

    A few values of a text column make up the predicate alone, as ranges. Else a few values of the other columns are
    listed, and of many the least and the greatest bound the rest. FALSE for an empty relation.
    """
    if not has_rows(con, relation):
        return "FALSE"
    types = {column.name: sql_type(column.type) for column in tables()[name].columns}
    for column in columns:
        if types[column] == "VARCHAR" and (few := _texts_sql(con, relation, quoted(column))):
            return few
    others = [column for column in columns if types[column] != "VARCHAR"]
    return " AND ".join(["TRUE", *(_values_sql(con, relation, quoted(column), types[column]) for column in others)])


def newest_sql(con: duckdb.DuckDBPyConnection, relation: str) -> str:
    """A predicate that holds for nearly all rows of `relation`, those of its newest days; FALSE for an empty one.

    An increment is of the newest days but for what came late. Files without these days are left out by statistics.
    """
    row = con.execute(f"SELECT quantile_disc(day, {_LATE_SHARE}) FROM {relation}").fetchone()
    return f"day >= DATE {literal(str(row[0]))}" if row and row[0] else "FALSE"


def _texts_sql(con: duckdb.DuckDBPyConnection, relation: str, column: str) -> str:
    values = _distinct(con, relation, column, _FEW_TEXTS)
    if len(values) > _FEW_TEXTS or None in values:
        return ""
    each = (f"({column} >= {literal(value)} AND {column} <= {literal(value)})" for value in values if value is not None)
    return f"({' OR '.join(each)})"


def _values_sql(con: duckdb.DuckDBPyConnection, relation: str, column: str, kind: str) -> str:
    values = _distinct(con, relation, column, _FEW)
    if len(values) <= _FEW:
        return f"{column} IN ({', '.join(f'{literal(str(value))}::{kind}' for value in values)})"
    low, high = con.execute(f"SELECT MIN({column})::VARCHAR, MAX({column})::VARCHAR FROM {relation}").fetchall()[0]
    return f"{column} BETWEEN {literal(low)}::{kind} AND {literal(high)}::{kind}"


def _distinct(con: duckdb.DuckDBPyConnection, relation: str, column: str, most: int) -> list[str | None]:
    query = f"SELECT DISTINCT {column}::VARCHAR FROM {relation} ORDER BY 1 NULLS FIRST LIMIT {most + 1}"
    return [value for (value,) in con.execute(query).fetchall()]
