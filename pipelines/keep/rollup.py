"""Bringing rollups up to date: what is new is added, what was retracted is recomputed, equal rows are left alone."""

from collections.abc import Iterable

import duckdb

from pipelines.keep.anchors import anchor_again
from pipelines.keep.days import days_between, within_sql
from pipelines.keep.definition import Rollup
from pipelines.keep.machines import (
    MACHINES,
    Touched,
    all_marked_sql,
    follow_machines,
    forget_machines,
    marked_relation_sql,
    recompute_machines,
)
from pipelines.keep.near import BY_DAY, near_sql, newest_sql
from pipelines.keep.rollups import rollups
from pipelines.keep.temporary import drop, make
from schemas.table import quoted
from schemas.tables import tables
from warehouse.queries import has_rows, number
from warehouse.run import Run
from warehouse.settings import Settings

_TEMPORARY = ("delta", "stale", "touched", "known", "near", "old", "new", "same", "gone", "span")


def rests_on(settings: Settings) -> list[object]:
    """What rollups rest on besides interactions: if it changes between two runs, `recompute` is due."""
    identity = settings.identity
    queries = [rollup.rows_sql("interactions", settings) for rollup in rollups().values()]
    machines = all_marked_sql("interactions", settings)
    return [queries, machines, sorted(identity.priorities.items()), sorted(identity.blocked_values)]


def roll_up(con: duckdb.DuckDBPyConnection, run: Run, *, retracts: bool) -> dict[str, int]:
    """Bring all rollups up to date with `keep_fresh` (added already) and `keep_retracted` (deleted already).

    Both are relations with the columns of `interactions`; the latter is read if `retracts`. What a machine did is
    marked first. Gives the number of rows written to each table.
    """
    touched = follow_machines(con, run, retracts=retracts)
    written = {
        name: update(con, run, name, rollup, touched if rollup.reads_machines else Touched(retracts))
        for name, rollup in rollups().items()
    }
    forget_machines(con)
    return {MACHINES: touched.marked_count, **written}


def recompute(con: duckdb.DuckDBPyConnection, run: Run, names: Iterable[str] | None = None) -> dict[str, int]:
    """Make all rollups (or those of `names`) anew from all interactions under the settings of `run`.

    The anchors of the interactions are brought in line with the settings first, then what is marked as a machine's.
    Only rows that differ are written: gives their number by table, `interactions` for those with another anchor.
    """
    written = {"interactions": anchor_again(con, run.settings), MACHINES: recompute_machines(con, run)}
    for name in rollups() if names is None else names:
        rollup = rollups()[name]
        known = marked_relation_sql("interactions") if rollup.reads_machines else "interactions"
        make(con, "new", rollup.rows_sql(known, run.settings))
        make(con, "old", f"SELECT {_columns(name)}, rowid AS place FROM {quoted(name)}")
        written[name] = _write(con, run, name, rollup)
        drop(con, _TEMPORARY)
    return written


def update(
    con: duckdb.DuckDBPyConnection,
    run: Run,
    name: str,
    rollup: Rollup,
    touched: Touched,
    *,
    is_compared: bool = False,
) -> int:
    """Bring table `name` up to date with what is fresh and what was retracted; gives the number of rows written.

    With `is_compared` only those that differ from what was there; else rows that were made again count and are
    written, also if they came out the same.
    """
    retracts = touched.retracts
    if not retracts and not has_rows(con, f"(SELECT 1 FROM {touched.fresh} WHERE {rollup.gate})"):
        return 0
    if not retracts and not has_rows(con, quoted(name)):  # in one query: what a transaction made is read by one thread
        return _insert(con, run, name, f"({rollup.rows_sql(touched.fresh, run.settings)})")
    make(con, "delta", rollup.rows_sql(touched.fresh, run.settings))
    retracted = rollup.rows_sql(touched.retracted, run.settings) if retracts else "SELECT * FROM keep_delta LIMIT 0"
    make(con, "stale", retracted)
    _find_old(con, name, rollup, is_compared=is_compared)
    if not rollup.appends and has_rows(con, "keep_stale"):
        _recompute_stale(con, run, rollup, touched.retracted)
    _merge(con, run, name, rollup)
    written = _write(con, run, name, rollup)
    drop(con, _TEMPORARY)
    return written


def _find_old(con: duckdb.DuckDBPyConnection, name: str, rollup: Rollup, *, is_compared: bool) -> None:
    """Make `keep_old`: the table's rows of every cell that is touched, each with its row id as `place`.

    Unless `is_compared`, the measures of stale cells may be NULL there: they are made again from their interactions.
    """
    keys, columns = _listed(rollup.keys), _columns(name)
    touched = _listed(dict.fromkeys((*rollup.keys, *rollup.near)))
    fresh = "" if rollup.appends else f" UNION SELECT {touched} FROM keep_delta"
    make(con, "touched", f"SELECT {touched} FROM keep_stale{fresh}")
    if not is_compared and rollup.near in ((), BY_DAY):
        find = _find_old_by_day if rollup.near else _find_old_by_key
        find(con, name, rollup)
        return
    source, is_touched = quoted(name), f"({keys}) IN (SELECT {keys} FROM keep_touched)"
    near = near_sql(con, "keep_touched", name, rollup.near)
    # In two steps where few rows are near: the join would have its filters tested before those that leave rows out.
    if " OR " in near:
        make(con, "near", f"SELECT {columns}, rowid AS place FROM {source} WHERE {near}")
        source, near = "(SELECT *, place AS rowid FROM keep_near)", "TRUE"
    make(con, "old", f"SELECT {columns}, rowid AS place FROM {source} WHERE {near} AND {is_touched}")


def _find_old_by_key(con: duckdb.DuckDBPyConnection, name: str, rollup: Rollup) -> None:
    """The same for a table in which few of the cells are there: their keys are looked for first.

    The wide columns, which are decoded for many other rows too, are read only if one of the cells is not stale.
    """
    source, keys, columns = quoted(name), _listed(rollup.keys), _columns(name)
    narrow = _listed((*rollup.keys, *rollup.span))
    is_touched = f"({keys}) IN (SELECT {keys} FROM keep_touched)"
    make(con, "known", f"SELECT {narrow}, rowid AS place FROM {source} WHERE {is_touched}")
    if has_rows(con, f"(SELECT 1 FROM keep_known WHERE ({keys}) NOT IN (SELECT {keys} FROM keep_stale))"):
        is_known = "rowid IN (SELECT place FROM keep_known)"
        make(con, "old", f"SELECT {columns}, rowid AS place FROM {source} WHERE {is_known}")
        return
    make(con, "old", f"SELECT {columns}, NULL::BIGINT AS place FROM keep_delta LIMIT 0")
    con.execute("INSERT INTO keep_old BY NAME FROM keep_known")


def _find_old_by_day(con: duckdb.DuckDBPyConnection, name: str, rollup: Rollup) -> None:
    """The same for a table sorted by anchor and day. Of the newest days the rows of the anchors are read.

    Few of the cells of earlier days are there, and they lie all over the table: only their keys are read, and they
    become stale, as their interactions are found by their days at less cost than their rows.
    """
    source, keys, columns = quoted(name), _listed(rollup.keys), _columns(name)
    newest = newest_sql(con, "keep_touched")
    is_touched = f"({keys}) IN (SELECT {keys} FROM keep_touched)"
    of_anchors = "anchor IN (SELECT anchor FROM keep_touched WHERE {day})"
    recent, early = of_anchors.format(day=newest), of_anchors.format(day=f"NOT ({newest})")
    make(con, "old", f"SELECT {columns}, rowid AS place FROM {source} WHERE {newest} AND {recent}")
    con.execute(f"DELETE FROM keep_old WHERE NOT ({is_touched})")
    # The day is tested afterwards: a reader would test it on every row.
    make(con, "known", f"SELECT {keys}, rowid AS place FROM {source} WHERE {early}")
    con.execute(f"DELETE FROM keep_known WHERE {newest} OR NOT ({is_touched})")
    con.execute("INSERT INTO keep_old BY NAME FROM keep_known")
    con.execute(f"INSERT INTO keep_stale BY NAME SELECT {keys} FROM keep_known")


def _recompute_stale(con: duckdb.DuckDBPyConnection, run: Run, rollup: Rollup, retracted: str) -> None:
    """Replace what `keep_delta` says of stale cells by what all their interactions say."""
    keys = _listed(rollup.keys)
    stale = f"({keys}) IN (SELECT {keys} FROM keep_stale)"
    span = _listed(dict.fromkeys(rollup.span))
    sides = " UNION ALL ".join(f"SELECT {span} FROM keep_{side} WHERE {stale}" for side in ("old", "delta", "stale"))
    make(con, "span", sides)
    days = days_between(con, "keep_span", *rollup.span)
    within = "TRUE" if days is None else within_sql("i.occurred_at", days)
    scope = rollup.scope.replace("keep_retracted", retracted)
    scoped = f"(SELECT i.* FROM interactions AS i WHERE {within} AND {scope})"
    if rollup.reads_machines:
        scoped = marked_relation_sql(scoped, within.replace("i.occurred_at", "occurred_at"))
    con.execute(f"DELETE FROM keep_delta WHERE {stale}")
    con.execute(f"INSERT INTO keep_delta SELECT * FROM ({rollup.rows_sql(scoped, run.settings)}) WHERE {stale}")


def _merge(con: duckdb.DuckDBPyConnection, run: Run, name: str, rollup: Rollup) -> None:
    """Make `keep_new`: the rows of all touched cells as they are now."""
    keys, columns = _listed(rollup.keys), _columns(name)
    standing = f"FROM keep_old WHERE ({keys}) NOT IN (SELECT {keys} FROM keep_stale)"
    if rollup.appends or not has_rows(con, f"(SELECT 1 {standing})"):
        make(con, "new", f"SELECT {columns} FROM keep_delta")
        return
    make(
        con,
        "new",
        f"SELECT {keys}, {rollup.merge_sql(run.settings)} "
        f"FROM (SELECT {columns} {standing} UNION ALL SELECT {columns} FROM keep_delta) GROUP BY {keys}",
    )


def _write(con: duckdb.DuckDBPyConnection, run: Run, name: str, rollup: Rollup) -> int:
    """Put `keep_new` in the place of `keep_old`, but for rows that are the same; gives the number of rows written."""
    changed = _replace_changed(con, name, rollup) if has_rows(con, "keep_old") else "keep_new"
    return _insert(con, run, name, changed)


def _insert(con: duckdb.DuckDBPyConnection, run: Run, name: str, relation: str) -> int:
    """Add the rows of `relation` to table `name`; gives their number. The lake sorts them as the table declares."""
    return number(
        con,
        f"INSERT INTO {quoted(name)} BY NAME SELECT {_columns(name)}, {run.commit_seq}::BIGINT AS commit_seq "
        f"FROM {relation}",
    )


def _replace_changed(con: duckdb.DuckDBPyConnection, name: str, rollup: Rollup) -> str:
    """Delete the rows of `keep_old` that `keep_new` has otherwise or not at all; gives the relation of what differs."""
    keys, columns = _listed(rollup.keys), _columns(name)
    same = f"SELECT {columns} FROM keep_old INTERSECT SELECT {columns} FROM keep_new"
    make(con, "same", f"SELECT {keys} FROM ({same})")
    make(con, "gone", f"SELECT place FROM keep_old ANTI JOIN keep_same USING ({keys})")
    if has_rows(con, "keep_gone"):
        # Row ids are found without reading a column.
        con.execute(f"DELETE FROM {quoted(name)} WHERE rowid IN (SELECT place FROM keep_gone)")
    return f"keep_new ANTI JOIN keep_same USING ({keys})"


def _columns(name: str) -> str:
    return _listed(column for column in tables()[name].column_names if column != "commit_seq")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(quoted(name) for name in names)
