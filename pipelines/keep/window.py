"""A window of days again: whether the rollups are what its interactions say."""

from datetime import date, timedelta

import duckdb

from pipelines.keep.days import within_sql
from pipelines.keep.definition import Rollup
from pipelines.keep.rollup import roll_up
from pipelines.keep.rollups import rollups
from schemas.table import INSTANT, quoted
from schemas.tables import tables
from warehouse.run import Run

_EPOCH = date(1970, 1, 1)


def differences(con: duckdb.DuckDBPyConnection, run: Run, first: date, last: date) -> dict[str, int]:
    """How many rows of each rollup are not what the interactions of the days `first` to `last` say.

    Makes the rows of these interactions anew, so it leaves changes in the caller's transaction. Rows of these days
    that no interaction stands behind are counted, not removed: `recompute` removes them.
    """
    days = range((first - _EPOCH).days, (last - _EPOCH).days + 1)
    for relation in ("keep_fresh", "keep_retracted"):
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW {relation} AS "
            f"SELECT * FROM interactions WHERE {within_sql('occurred_at', days)}"
        )
    baseless = {name: _baseless(con, run, name, rollup, first, last) for name, rollup in rollups().items()}
    written = roll_up(con, run, retracts=True)
    for relation in ("keep_fresh", "keep_retracted"):
        con.execute(f"DROP VIEW temp.{relation}")
    return {name: written[name] + baseless[name] for name in written}


def _baseless(con: duckdb.DuckDBPyConnection, run: Run, name: str, rollup: Rollup, first: date, last: date) -> int:
    """Rows of the table with a time in the window, of which no interaction of the window is a part."""
    keys = ", ".join(map(quoted, rollup.keys))
    times = set(rollup.span) - {""} or {column.name for column in tables()[name].columns if column.type == INSTANT}
    is_inside = " OR ".join(f"({quoted(at)} >= $first AND {quoted(at)} < $after)" for at in sorted(times))
    row = con.execute(
        f"SELECT COUNT(*) FROM {quoted(name)} WHERE ({is_inside}) "
        f"AND ({keys}) NOT IN (SELECT {keys} FROM ({rollup.rows_sql('keep_fresh', run.settings)}))",
        {"first": first, "after": last + timedelta(days=1)},
    ).fetchone()
    return int(row[0]) if row else 0
