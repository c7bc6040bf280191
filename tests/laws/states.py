"""What a home holds at one moment, and whether two moments hold the same under the equality of the laws."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.table import quoted
from warehouse import compare, open_lake
from warehouse.catalog_attach import attach_lake
from warehouse.compare import STATE, Difference, current_sql, key_of
from warehouse.extensions import load_ducklake, session
from warehouse.home import Home
from warehouse.published import lease
from warehouse.settings import Settings

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


def differences(left: State, right: State, names: Iterable[str] = STATE) -> dict[str, Difference]:
    """By table, what is not the same on both sides under the equality of the laws."""
    con = session(Settings(), left.data.parent / "tmp")
    try:
        load_ducklake(con)
        attach_lake(con, left.copy, left.data, "was", read_only=True)
        attach_lake(con, right.copy, right.data, "became", read_only=True)
        return compare.differences(con, "was.main", "became.main", names)
    finally:
        con.close()


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
            "SELECT COUNT(*) + (SELECT COALESCE(SUM(erased_interaction_count), 0) FROM erasures) FROM interactions"
        )
        rejected = ask("SELECT file_id, COUNT(*) FROM rejections GROUP BY file_id")
        noted = ask("SELECT file_id, rejected_count FROM landing_files WHERE rejected_count > 0")
        if ask("SELECT COUNT(*) FROM erasures") == [(0,)]:
            assert rejected == noted
        assert all(count <= dict(noted)[file_id] for file_id, count in rejected)
        for name in (*STATE, "rejections", "landing_files", "batches", "decisions"):
            keys = ", ".join(quoted(key) for key in key_of(name))
            current = f"SELECT {keys} FROM {quoted(name)} WHERE {current_sql(name, 'main')}"
            assert not ask(f"SELECT {keys} FROM ({current}) GROUP BY ALL HAVING COUNT(*) > 1 LIMIT 3"), name
