"""Rollups: tables that follow the interactions exactly, by adding what is new and recomputing what was retracted."""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from schemas.table import literal, quoted
from schemas.tables import tables
from warehouse.run import Run
from warehouse.settings import Settings


@dataclass(frozen=True)
class Rollup:
    """One rollup: `select` computes its rows (keys and measures) from the relation `{rows}` of interactions.

    `merge` gives, for each measure, the aggregate that joins rows of one key: rows computed from parts of the
    interactions, joined by it, equal the row computed from all of them. `scope` is a predicate over interactions `i`
    that holds for every interaction of the cells that the interactions `keep_retracted` belong to. `appends` says
    that a key has one interaction, so new rows never meet old ones. `{amount}`, `{is_unconverted}` and
    `{priority}` in `select` and `merge` come from the settings.
    """

    doc: str
    keys: tuple[str, ...]
    select: str
    merge: Mapping[str, str]
    scope: str
    appends: bool = False


def amount_sql(settings: Settings) -> str:
    """The amount of an interaction in the base currency; NULL without an amount or a rate."""
    rates = "".join(
        f" WHEN {literal(code)} THEN CAST(amount * {rate}::DECIMAL(18,8) AS DECIMAL(18,4))"
        for code, rate in sorted(settings.rates.items())
    )
    return (
        f"CASE COALESCE(currency, {literal(settings.currency)}) "
        f"WHEN {literal(settings.currency)} THEN amount{rates} END"
    )


def unconverted_sql(settings: Settings) -> str:
    """TRUE for an amount in a currency without a rate."""
    known = ", ".join(literal(code) for code in sorted({settings.currency, *settings.rates}))
    return f"(amount IS NOT NULL AND currency IS NOT NULL AND currency NOT IN ({known}))"


def update(con: duckdb.DuckDBPyConnection, run: Run, name: str, rollup: Rollup, *, retracts: bool) -> int:
    """Bring table `name` up to date with `keep_fresh` (added already) and `keep_retracted` (deleted already).

    Gives the number of rows written.
    """
    select = _filled(rollup.select, run.settings)
    keys = ", ".join(quoted(key) for key in rollup.keys)
    stale = f"({keys}) IN (SELECT {keys} FROM keep_stale)"
    con.execute(f"CREATE OR REPLACE TEMP TABLE keep_delta AS {select.replace('{rows}', 'keep_fresh')}")
    if retracts:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE keep_stale AS "
            f"SELECT DISTINCT {keys} FROM ({select.replace('{rows}', 'keep_retracted')})"
        )
        con.execute(f"DELETE FROM keep_delta WHERE {stale}")
        scoped = f"(SELECT i.* FROM interactions AS i WHERE {rollup.scope})"
        con.execute(f"DELETE FROM {quoted(name)} WHERE {stale}")
        con.execute(f"INSERT INTO keep_delta SELECT * FROM ({select.replace('{rows}', scoped)}) WHERE {stale}")
    if not rollup.appends:
        _merge(con, run, name, rollup, keys)
    columns = ", ".join(quoted(column) for column in tables()[name].column_names if column != "commit_seq")
    # The lake sorts what is inserted as the table declares.
    con.execute(
        f"INSERT INTO {quoted(name)} BY NAME SELECT {columns}, {run.commit_seq}::BIGINT AS commit_seq FROM keep_delta"
    )
    row = con.execute("SELECT COUNT(*) FROM keep_delta").fetchone()
    return int(row[0]) if row else 0


def _merge(con: duckdb.DuckDBPyConnection, run: Run, name: str, rollup: Rollup, keys: str) -> None:
    """Join the delta with the rows that the table has for its keys; these leave the table."""
    touched = f"({keys}) IN (SELECT {keys} FROM keep_delta)"
    columns = ", ".join(quoted(column) for column in (*rollup.keys, *rollup.merge))
    if con.execute(f"SELECT 1 FROM {quoted(name)} LIMIT 1").fetchone() is None:
        return
    con.execute(f"CREATE OR REPLACE TEMP TABLE keep_old AS SELECT {columns} FROM {quoted(name)} WHERE {touched}")
    row = con.execute("SELECT COUNT(*) FROM keep_old").fetchone()
    if not row or row[0] == 0:
        return
    con.execute(f"DELETE FROM {quoted(name)} WHERE ({keys}) IN (SELECT {keys} FROM keep_old)")
    measures = ", ".join(
        f"{_filled(aggregate, run.settings)} AS {quoted(measure)}" for measure, aggregate in rollup.merge.items()
    )
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE keep_delta AS
        SELECT {keys}, {measures}
        FROM (SELECT {columns} FROM keep_old UNION ALL SELECT {columns} FROM keep_delta)
        GROUP BY {keys}
    """)


def _filled(template: str, settings: Settings) -> str:
    cases = " ".join(f"WHEN {literal(kind)} THEN {-p}" for kind, p in sorted(settings.identity.priorities.items()))
    priority = f"CASE split_part(anchor, ':', 1) {cases} ELSE -1 END"
    return (
        template.replace("{amount}", amount_sql(settings))
        .replace("{is_unconverted}", unconverted_sql(settings))
        .replace("{priority}", priority)
    )
