"""Rows of `interactions` in memory, and rollups brought up to date with them step by step."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.keep.machines import MACHINES
from pipelines.keep.rollup import roll_up
from pipelines.keep.rollups import rollups
from schemas.table import JSON, TEXT, quoted
from schemas.tables import tables
from tests.lakes import memory_lake
from warehouse.run import Run
from warehouse.settings import Settings

Row = dict[str, Any]
AT = datetime(2025, 3, 1, 10, tzinfo=UTC)
SETTINGS = Settings(currency="EUR", rates={"USD": Decimal("0.9")})
# Arrow builds no JSON arrays from Python values.
_SCHEMA = pa.schema([field if field.type != JSON else (field.name, TEXT) for field in tables()["interactions"].schema])
_DEFAULTS: Row = {
    "source": "till",
    "connector": "table",
    "channel": "pos",
    "event_name": "order_completed",
    "direction": "inbound",
    "initiator": "customer",
    "occurred_at": AT,
    "received_at": AT,
    "ingested_at": AT,
    "is_received_assigned": True,
    "time_basis": "occurred",
    "anchor": "user_id:u1",
    "is_machine": False,
    "batch_id": "b",
    "file_id": "f",
    "row_number": 1,
    "element": 0,
    "commit_seq": 1,
}


def event(id: str, **said: Any) -> Row:
    """An interaction; what is not said is an order line of one customer."""
    row = {**_DEFAULTS, "interaction_id": id, "event_id": id, **said}
    kind, _, value = (row["anchor"] or "").partition(":")
    return {"identifiers": [{"kind": kind, "value": value}] if kind else [], **row}


def run_of(commit_seq: int, settings: Settings = SETTINGS) -> Run:
    return Run(f"batch-{commit_seq}", commit_seq, AT, AT, settings)


def step(
    con: duckdb.DuckDBPyConnection,
    fresh: Sequence[Row],
    retracted: Iterable[str] = (),
    settings: Settings = SETTINGS,
    commit_seq: int = 1,
) -> None:
    """Take the `retracted` ids out of the interactions, add `fresh`, and let every rollup follow, as keep does."""
    ids = list(retracted)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE keep_retracted AS "
        "SELECT * FROM interactions WHERE list_contains(?, interaction_id)",
        [ids],
    )
    con.execute("DELETE FROM interactions WHERE interaction_id IN (SELECT interaction_id FROM keep_retracted)")
    stage_rows(con, fresh)
    con.execute("CREATE OR REPLACE TEMP TABLE keep_fresh AS SELECT * FROM staged_rows")
    con.execute("INSERT INTO interactions SELECT * FROM keep_fresh")
    roll_up(con, run_of(commit_seq, settings), retracts=bool(ids))


def by_commits(
    con: duckdb.DuckDBPyConnection, steps: Iterable[Sequence[tuple[int, Row]]]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Take in a commit for each of `steps`, numbers of events and what these say; gives the lake after each.

    A number that an earlier commit had is a correction of its event; of one that stands twice in a commit the last
    counts.
    """
    known = set[str]()
    for commit_seq, said in enumerate(steps, start=1):
        fresh = {f"e{number}": event(f"e{number}", commit_seq=commit_seq, **fields) for number, fields in said}
        step(con, list(fresh.values()), known & set(fresh), commit_seq=commit_seq)
        known |= set(fresh)
        yield con


def stage_rows(con: duckdb.DuckDBPyConnection, given: Sequence[Row]) -> None:
    """Make temporary table `staged_rows` of rows, with the columns of `interactions`."""
    con.register("rows_given", pa.Table.from_pylist(list(given), schema=_SCHEMA))
    con.execute("CREATE OR REPLACE TEMP TABLE staged_rows AS SELECT * FROM interactions LIMIT 0")
    con.execute("INSERT INTO staged_rows BY NAME SELECT * FROM rows_given")


def rolled_up(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The rows of every rollup and all marks, without the commit that wrote them."""
    found = {}
    for name in (MACHINES, *rollups()):
        columns = ", ".join(quoted(column) for column in tables()[name].column_names if column != "commit_seq")
        found[name] = sorted(map(repr, con.execute(f"SELECT {columns} FROM {quoted(name)}").fetchall()))
    return found


def recomputed(con: duckdb.DuckDBPyConnection, settings: Settings = SETTINGS) -> dict[str, list[str]]:
    """The rows of every rollup as one computation over all interactions of `con` gives them: the oracle."""
    lake = memory_lake()
    lake.register("all_rows", con.execute("SELECT * FROM interactions").to_arrow_table())
    lake.execute("CREATE TEMP TABLE keep_fresh AS SELECT * FROM all_rows")
    lake.execute("INSERT INTO interactions SELECT * FROM keep_fresh")
    roll_up(lake, run_of(1, settings), retracts=False)
    return rolled_up(lake)


def cells(con: duckdb.DuckDBPyConnection, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of some columns, sorted."""
    listed = ", ".join(quoted(column) for column in columns)
    return con.execute(f"SELECT {listed} FROM {quoted(table)} ORDER BY ALL").fetchall()
