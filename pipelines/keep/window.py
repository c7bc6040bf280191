"""A window of days again: whether the rollups are what its interactions say."""

from datetime import date, timedelta

import duckdb

from pipelines.keep.days import within_sql
from pipelines.keep.definition import Rollup
from pipelines.keep.machines import MACHINES, Touched, follow_machines, forget_machines
from pipelines.keep.rollup import update
from pipelines.keep.rollups import rollups
from schemas.table import INSTANT, quoted
from schemas.tables import tables
from warehouse.queries import number
from warehouse.run import Run

_EPOCH = date(1970, 1, 1)


def differences(con: duckdb.DuckDBPyConnection, run: Run, first: date, last: date) -> dict[str, int]:
    """How many rows of each rollup, and marks, are not what the interactions of the days `first` to `last` say.

    Makes the rows of these interactions anew, so it leaves changes in the caller's transaction. Rows of these days
    that no interaction stands behind are counted, not removed: `recompute` removes them.
    """
    days = range((first - _EPOCH).days, (last - _EPOCH).days + 1)
    for relation in ("keep_fresh", "keep_retracted"):
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW {relation} AS "
            f"SELECT * FROM interactions WHERE {within_sql('occurred_at', days)}"
        )
    unmarked = Touched(retracts=True)
    marked = follow_machines(con, run, retracts=True)
    sides = {name: marked if rollup.reads_machines else unmarked for name, rollup in rollups().items()}
    found = {MACHINES: marked.marked_count + _lost_marks(con, days)}
    for name, rollup in rollups().items():
        baseless = _baseless(con, run, name, rollup, sides[name].fresh, first, last)
        found[name] = baseless + update(con, run, name, rollup, sides[name], is_compared=True)
    forget_machines(con)
    for relation in ("keep_fresh", "keep_retracted"):
        con.execute(f"DROP VIEW temp.{relation}")
    return found


def _lost_marks(con: duckdb.DuckDBPyConnection, days: range) -> int:
    """Marks of the window whose interaction is not there."""
    return number(
        con,
        f"SELECT COUNT(*) FROM {MACHINES} WHERE {within_sql('occurred_at', days)} "
        "AND interaction_id NOT IN (SELECT interaction_id FROM keep_fresh)",
    )


def _baseless(
    con: duckdb.DuckDBPyConnection, run: Run, name: str, rollup: Rollup, fresh: str, first: date, last: date
) -> int:
    """Rows of the table with a time in the window, of which no interaction of the window is a part."""
    keys = ", ".join(map(quoted, rollup.keys))
    times = set(rollup.span) - {""} or {column.name for column in tables()[name].columns if column.type == INSTANT}
    is_inside = " OR ".join(f"({quoted(at)} >= $first AND {quoted(at)} < $after)" for at in sorted(times))
    return number(
        con,
        f"SELECT COUNT(*) FROM {quoted(name)} WHERE ({is_inside}) "
        f"AND ({keys}) NOT IN (SELECT {keys} FROM ({rollup.rows_sql(fresh, run.settings)}))",
        {"first": first, "after": last + timedelta(days=1)},
    )
