"""What a home holds at one moment, and whether two moments hold the same under the equality of the laws.

Equality leaves out when we received, loaded or learnt something, and where in which file it lay; floating values
agree to 1e-9 relative.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from schemas.table import quoted
from schemas.tables import tables
from warehouse import open_lake
from warehouse.extensions import load_ducklake, session
from warehouse.home import Home
from warehouse.lake import attach_lake
from warehouse.published import lease
from warehouse.settings import Settings

# Every table that follows from the events alone.
STATE = (
    "interactions",
    "interaction_versions",
    "orders",
    "daily_activity",
    "daily_categories",
    "contacts",
    "consents",
    "outcomes",
    "identities",
    "identity_links",
    "profiles",
    "channel_preferences",
    "interests",
)
_OURS = {"ingested_at", "batch_id", "file_id", "row_number", "element", "commit_seq", "commit_from", "commit_to"}
_KNOWN_TIME = {"known_from", "known_to"}
# What stands now; of the evidence for a link, which is never updated, the earliest is the same in every order.
_CURRENT = {
    "identities": "known_to IS NULL",
    "identity_links": "TRUE QUALIFY row_number() OVER (PARTITION BY left_identifier, right_identifier, rule "
    "ORDER BY occurred_at, link_id) = 1",
}
_KEYS = {"identities": ("identifier",), "identity_links": ("left_identifier", "right_identifier", "rule")}


_SUMS = ", ".join(f"SUM({name}_count)" for name in ("received", "loaded", "duplicate", "rejected", "suppressed"))


@dataclass(frozen=True)
class State:
    """One published moment of a home, readable as long as it is held."""

    copy: Path
    data: Path


@contextmanager
def held(home: Home) -> Iterator[State]:
    """What `home` has published last, kept readable whatever it publishes meanwhile."""
    copy, handle = lease(home.published)
    try:
        yield State(copy.resolve(), home.data.resolve())
    finally:
        os.close(handle)


def rows(home: Home, query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """The rows of a query on the last publication."""
    with open_lake(home.root) as lake:
        return lake.execute(query, parameters).fetchall()


def one(home: Home, query: str, parameters: Any = None) -> Any:
    """The single value of a query on the last publication."""
    ((value,),) = rows(home, query, parameters)
    return value


def differences(left: State, right: State, names: Iterable[str] = STATE) -> dict[str, list[tuple[Any, ...]]]:
    """By table, up to five rows that are not the same on both sides: their key and the columns that differ."""
    con = session(Settings(), left.data.parent / "tmp")
    try:
        load_ducklake(con)
        attach_lake(con, left.copy, left.data, "was", read_only=True)
        attach_lake(con, right.copy, right.data, "became", read_only=True)
        found = {name: _table_differences(con, name) for name in names}
    finally:
        con.close()
    return {name: different for name, different in found.items() if different}


def _table_differences(con: duckdb.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    keys = _KEYS.get(name, tables()[name].key)
    columns = {column[0]: column[1] for column in con.execute(f"DESCRIBE {_side('was', name)}").fetchall()}
    changed = ", ".join(
        f"CASE WHEN {_is_different(column, kind)} THEN '{column}' END" for column, kind in columns.items()
    )
    joined = " AND ".join(f"w.{quoted(key)} = b.{quoted(key)}" for key in keys)
    listed = ", ".join(f"COALESCE(w.{quoted(key)}, b.{quoted(key)})" for key in keys)
    query = f"""
        SELECT {listed}, w.{quoted(keys[0])} IS NULL AS is_new, b.{quoted(keys[0])} IS NULL AS is_gone,
            list_filter([{changed}], lambda c: c IS NOT NULL) AS changed
        FROM ({_side("was", name)}) AS w
        FULL JOIN ({_side("became", name)}) AS b ON {joined}
        WHERE is_new OR is_gone OR len(changed) > 0
        LIMIT 5
    """
    return [*con.execute(query).fetchall(), *_count_difference(con, name)]


def _side(side: str, name: str) -> str:
    """The rows of a table without what the laws leave out."""
    table = tables()[name]
    left_out = [column for column in table.column_names if column in _OURS | _KNOWN_TIME]
    received = ""
    if name == "interaction_versions":  # of copies that say the same, the first to come is kept
        left_out += ["received_at", "is_received_assigned"]
    elif "is_received_assigned" in table.column_names:
        received = "REPLACE (CASE WHEN NOT is_received_assigned THEN received_at END AS received_at)"
    excluded = f"EXCLUDE ({', '.join(left_out)})" if left_out else ""
    return f"SELECT * {excluded} {received} FROM {side}.main.{quoted(name)} WHERE {_CURRENT.get(name, 'TRUE')}"


def _is_different(column: str, kind: str) -> str:
    left, right = f"w.{quoted(column)}", f"b.{quoted(column)}"
    different = f"{left} IS DISTINCT FROM {right}"
    if kind != "DOUBLE":
        return different
    near = f"abs({left} - {right}) <= 1e-9 * greatest(abs({left}), abs({right}))"
    return f"{different} AND NOT COALESCE({near}, FALSE)"


def _count_difference(con: duckdb.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    """Rows of one key that stand twice on one side would pair off unseen."""
    counts = [con.execute(f"SELECT COUNT(*) FROM ({_side(side, name)})").fetchall()[0][0] for side in ("was", "became")]
    return [] if counts[0] == counts[1] else [("rows", *counts)]


def contents(home: Home, names: Iterable[str] = STATE) -> dict[str, list[str]]:
    """Every column of every row, also the stamps of ours: equal only if nothing at all was rewritten."""
    with open_lake(home.root) as lake:
        return {name: sorted(map(repr, lake.execute(f"SELECT * FROM {quoted(name)}").fetchall())) for name in names}


def snapshot(home: Home) -> str:
    """The name of the publication; it changes with every commit."""
    return (home.published / "current").read_text(encoding="utf-8")


def assert_conserved(home: Home) -> None:
    """Law 1 for every file and every run, against the rows that are there; and no key stands twice."""
    with open_lake(home.root) as lake:

        def ask(query: str) -> list[tuple[Any, ...]]:
            return sorted(lake.execute(query).fetchall())

        broken = "received_count <> loaded_count + duplicate_count + rejected_count + suppressed_count"
        for name in ("landing_files", "batches"):
            assert not ask(f"SELECT * FROM {name} WHERE {broken}")
        assert ask(f"SELECT batch_id, {_SUMS} FROM landing_files GROUP BY batch_id") == ask(
            f"SELECT batch_id, {_SUMS} FROM batches WHERE stage = 'collect' GROUP BY batch_id"
        )
        assert ask("SELECT COALESCE(SUM(loaded_count), 0) FROM landing_files") == ask(
            "SELECT COUNT(*) FROM interactions"
        )
        assert ask("SELECT file_id, COUNT(*) FROM rejections GROUP BY file_id") == ask(
            "SELECT file_id, rejected_count FROM landing_files WHERE rejected_count > 0"
        )
        for name in (*STATE, "rejections", "landing_files", "batches", "decisions"):
            keys = ", ".join(quoted(key) for key in _KEYS.get(name, tables()[name].key))
            current = f"SELECT {keys} FROM {quoted(name)} WHERE {_CURRENT.get(name, 'TRUE')}"
            assert not ask(f"SELECT {keys} FROM ({current}) GROUP BY ALL HAVING COUNT(*) > 1 LIMIT 3"), name
