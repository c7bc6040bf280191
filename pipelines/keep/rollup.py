"""Bringing rollups up to date: what is new is added, what was retracted is recomputed, equal rows are left alone."""

from collections.abc import Iterable

import duckdb

from pipelines.keep.anchors import anchor_again
from pipelines.keep.days import days_between, within_sql
from pipelines.keep.definition import Rollup
from pipelines.keep.near import BY_DAY, near_sql, newest_sql
from pipelines.keep.rollups import rollups
from schemas.table import quoted
from schemas.tables import tables
from warehouse.run import Run
from warehouse.settings import Settings

_TEMPORARY = ("delta", "stale", "touched", "known", "near", "late", "old", "new", "same", "gone", "span")


def rests_on(settings: Settings) -> list[object]:
    """What rollups rest on besides interactions: if it changes between two runs, `recompute` is due."""
    identity = settings.identity
    queries = [rollup.rows_sql("interactions", settings) for rollup in rollups().values()]
    return [queries, sorted(identity.priorities.items()), sorted(identity.blocked_values)]


def roll_up(con: duckdb.DuckDBPyConnection, run: Run, *, retracts: bool) -> dict[str, int]:
    """Bring all rollups up to date with `keep_fresh` (added already) and `keep_retracted` (deleted already).

    Both are relations with the columns of `interactions`; the latter is read if `retracts`. Gives the number of rows
    written to each table.
    """
    return {name: update(con, run, name, rollup, retracts=retracts) for name, rollup in rollups().items()}


def recompute(con: duckdb.DuckDBPyConnection, run: Run, names: Iterable[str] | None = None) -> dict[str, int]:
    """Make all rollups (or those of `names`) anew from all interactions under the settings of `run`.

    The anchors of the interactions are brought in line with the settings first. Only rows that differ are written:
    gives their number by table, `interactions` for those with another anchor.
    """
    written = {"interactions": anchor_again(con, run.settings)}
    for name in rollups() if names is None else names:
        rollup = rollups()[name]
        _make(con, "new", rollup.rows_sql("interactions", run.settings))
        _make(con, "old", f"SELECT {_columns(name)}, rowid AS place FROM {quoted(name)}")
        written[name] = _write(con, run, name, rollup)
        _drop(con)
    return written


def update(con: duckdb.DuckDBPyConnection, run: Run, name: str, rollup: Rollup, *, retracts: bool) -> int:
    """Bring table `name` up to date with `keep_fresh` and `keep_retracted`; gives the number of rows written."""
    _make(con, "delta", rollup.rows_sql("keep_fresh", run.settings))
    retracted = rollup.rows_sql("keep_retracted", run.settings) if retracts else "SELECT * FROM keep_delta LIMIT 0"
    _make(con, "stale", retracted)
    _find_old(con, name, rollup)
    if retracts and not rollup.appends:
        _recompute_stale(con, run, rollup)
    _merge(con, run, name, rollup)
    written = _write(con, run, name, rollup)
    _drop(con)
    return written


def _find_old(con: duckdb.DuckDBPyConnection, name: str, rollup: Rollup) -> None:
    """Make `keep_old`: the table's rows of every cell that is touched, each with its row id as `place`."""
    keys, columns = _listed(rollup.keys), _columns(name)
    if _is_empty(con, quoted(name)):
        _make(con, "old", f"SELECT {columns}, NULL::BIGINT AS place FROM keep_delta LIMIT 0")
        return
    touched = _listed(dict.fromkeys((*rollup.keys, *rollup.near)))
    fresh = "" if rollup.appends else f" UNION SELECT {touched} FROM keep_delta"
    _make(con, "touched", f"SELECT {touched} FROM keep_stale{fresh}")
    if rollup.near == BY_DAY:
        _find_old_by_day(con, name, keys, columns)
        return
    near, relation = near_sql(con, "keep_touched", name, rollup.near), "keep_touched"
    if not rollup.near and near != "FALSE":
        # Keys alone are read first: the wide columns only if some are there, and only near them. Rows of a few commits
        # stand in a few files.
        order = (*tables()[name].sorted_by, "commit_seq")
        known = _listed(dict.fromkeys((*rollup.keys, *order)))
        _make(con, "known", f"SELECT {known} FROM {quoted(name)} WHERE ({keys}) IN (SELECT {keys} FROM keep_touched)")
        near, relation = near_sql(con, "keep_known", name, order), "keep_known"
    # In two steps where few rows are near: the join would have its filters tested before those that leave rows out.
    source = quoted(name)
    if " OR " in near:
        _make(con, "near", f"SELECT {columns}, rowid AS place FROM {source} WHERE {near}")
        source, near = "(SELECT *, place AS rowid FROM keep_near)", "TRUE"
    is_touched = f"({keys}) IN (SELECT {keys} FROM {relation})"
    _make(con, "old", f"SELECT {columns}, rowid AS place FROM {source} WHERE {near} AND {is_touched}")


def _find_old_by_day(con: duckdb.DuckDBPyConnection, name: str, keys: str, columns: str) -> None:
    """The same for a table sorted by anchor and day. Of the newest days the rows of the anchors are read.

    Few of the cells of earlier days are there: their keys are looked for first, and the wide columns then only for
    their anchors. The day is tested afterwards, as a reader would test it on every row.
    """
    source, newest = quoted(name), newest_sql(con, "keep_touched")
    is_touched = f"({keys}) IN (SELECT {keys} FROM keep_touched)"
    early = f"SELECT anchor FROM keep_touched WHERE NOT ({newest})"
    of_anchors = f"anchor IN (SELECT anchor FROM keep_touched WHERE {newest})"
    _make(con, "near", f"SELECT {columns}, rowid AS place FROM {source} WHERE {newest} AND {of_anchors}")
    _make(con, "known", f"SELECT {keys} FROM {source} WHERE anchor IN ({early})")
    con.execute(f"DELETE FROM keep_known WHERE {newest} OR NOT ({is_touched})")
    of_known = near_sql(con, "keep_known", name, ("anchor",))
    if of_known == "TRUE":  # they are many
        of_known = "anchor IN (SELECT anchor FROM keep_known)"
    _make(con, "late", f"SELECT {columns}, rowid AS place FROM {source} WHERE {of_known}")
    both = f"FROM keep_near UNION ALL FROM keep_late WHERE NOT ({newest})"
    _make(con, "old", f"SELECT * FROM ({both}) WHERE {is_touched}")


def _recompute_stale(con: duckdb.DuckDBPyConnection, run: Run, rollup: Rollup) -> None:
    """Replace what `keep_delta` says of stale cells by what all their interactions say."""
    keys = _listed(rollup.keys)
    stale = f"({keys}) IN (SELECT {keys} FROM keep_stale)"
    span = _listed(dict.fromkeys(rollup.span))
    sides = " UNION ALL ".join(f"SELECT {span} FROM keep_{side} WHERE {stale}" for side in ("old", "delta", "stale"))
    _make(con, "span", sides)
    days = days_between(con, "keep_span", *rollup.span)
    within = "TRUE" if days is None else within_sql("i.occurred_at", days)
    scoped = f"(SELECT i.* FROM interactions AS i WHERE {within} AND {rollup.scope})"
    con.execute(f"DELETE FROM keep_delta WHERE {stale}")
    con.execute(f"INSERT INTO keep_delta SELECT * FROM ({rollup.rows_sql(scoped, run.settings)}) WHERE {stale}")


def _merge(con: duckdb.DuckDBPyConnection, run: Run, name: str, rollup: Rollup) -> None:
    """Make `keep_new`: the rows of all touched cells as they are now."""
    keys, columns = _listed(rollup.keys), _columns(name)
    standing = f"FROM keep_old WHERE ({keys}) NOT IN (SELECT {keys} FROM keep_stale)"
    if rollup.appends or _is_empty(con, f"(SELECT 1 {standing})"):
        _make(con, "new", f"SELECT {columns} FROM keep_delta")
        return
    _make(
        con,
        "new",
        f"SELECT {keys}, {rollup.merge_sql(run.settings)} "
        f"FROM (SELECT {columns} {standing} UNION ALL SELECT {columns} FROM keep_delta) GROUP BY {keys}",
    )


def _write(con: duckdb.DuckDBPyConnection, run: Run, name: str, rollup: Rollup) -> int:
    """Put `keep_new` in the place of `keep_old`, but for rows that are the same; gives the number of rows written."""
    columns, changed = _columns(name), "keep_new"
    if not _is_empty(con, "keep_old"):
        changed = _replace_changed(con, name, rollup)
    # The lake sorts what is inserted as the table declares.
    row = con.execute(
        f"INSERT INTO {quoted(name)} BY NAME SELECT {columns}, {run.commit_seq}::BIGINT AS commit_seq FROM {changed}"
    ).fetchone()
    return int(row[0]) if row else 0


def _replace_changed(con: duckdb.DuckDBPyConnection, name: str, rollup: Rollup) -> str:
    """Delete the rows of `keep_old` that `keep_new` has otherwise or not at all; gives the relation of what differs."""
    keys, columns = _listed(rollup.keys), _columns(name)
    same = f"SELECT {columns} FROM keep_old INTERSECT SELECT {columns} FROM keep_new"
    _make(con, "same", f"SELECT {keys} FROM ({same})")
    _make(con, "gone", f"SELECT place FROM keep_old ANTI JOIN keep_same USING ({keys})")
    if not _is_empty(con, "keep_gone"):
        # Row ids are found without reading a column.
        con.execute(f"DELETE FROM {quoted(name)} WHERE rowid IN (SELECT place FROM keep_gone)")
    return f"keep_new ANTI JOIN keep_same USING ({keys})"


def _is_empty(con: duckdb.DuckDBPyConnection, relation: str) -> bool:
    return con.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone() is None


def _columns(name: str) -> str:
    return _listed(column for column in tables()[name].column_names if column != "commit_seq")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(quoted(name) for name in names)


def _make(con: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    con.execute(f"CREATE OR REPLACE TEMP TABLE keep_{name} AS {query}")


def _drop(con: duckdb.DuckDBPyConnection) -> None:
    for name in _TEMPORARY:
        con.execute(f"DROP TABLE IF EXISTS temp.keep_{name}")
