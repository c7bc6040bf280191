"""Ranges of days: predicates by which a reader leaves out files and row groups of other days."""

from collections.abc import Iterable

import duckdb

_MOST_RANGES = 48
_DAY = 86_400


def ranges(days: Iterable[int], most: int = _MOST_RANGES) -> list[tuple[int, int]]:
    """Ranges (first, last) that hold all `days` (since 1970); beyond `most` ranges the smallest gaps are closed."""
    ordered = sorted(set(days))
    gaps = [ordered[n + 1] - ordered[n] for n in range(len(ordered) - 1)]
    widest = sorted((n for n, gap in enumerate(gaps) if gap > 1), key=lambda n: (-gaps[n], n))[: most - 1]
    cuts = [0, *(n + 1 for n in sorted(widest)), len(ordered)]
    return [(ordered[cuts[n]], ordered[cuts[n + 1] - 1]) for n in range(len(cuts) - 1)] if ordered else []


def within_sql(column: str, days: Iterable[int]) -> str:
    """A predicate that holds where the time `column` lies on one of `days`, or near one; FALSE without days."""
    found = ranges(days)
    if not found:
        return "FALSE"
    each = " OR ".join(_range_sql(column, first, last) for first, last in found)
    # The range of all of them is what leaves out whole files.
    return f"({_range_sql(column, found[0][0], found[-1][1])} AND ({each}))"


def days_between(con: duckdb.DuckDBPyConnection, relation: str, first: str, last: str) -> list[int] | None:
    """Every day (since 1970) from the value of `first` to that of `last` in any row; None if a row does not say."""
    row = con.execute(f"SELECT bool_or({first} IS NULL OR {last} IS NULL) FROM {relation}").fetchone()
    if row and row[0]:
        return None
    found = con.execute(
        f"SELECT DISTINCT unnest(range({_number(first)}, {_number(last)} + 1)) FROM {relation}"
    ).fetchall()
    return [int(day) for (day,) in found]


def _number(column: str) -> str:
    return f"({column}::DATE - DATE '1970-01-01')"


def _range_sql(column: str, first: int, last: int) -> str:
    return f"({column} >= to_timestamp({first * _DAY}) AND {column} < to_timestamp({(last + 1) * _DAY}))"
