"""Small worlds for the know stage: rows of the tables that it reads."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv

from pipelines.know.models.likelihood import Array
from schemas.keys import key, key_sql
from tests.lakes import memory_lake
from warehouse.run import Run
from warehouse.settings import Settings

AS_OF = datetime(2018, 1, 2, tzinfo=UTC)
_CDNOW_ID = key_sql("'user_id'", "split_part(anchor, ':', 2)")
CDNOW = Path(__file__).parent / "data" / "cdnow_sample.csv"


def run_at(as_of: datetime = AS_OF, commit_seq: int = 1, settings: Settings | None = None) -> Run:
    return Run(f"batch-{commit_seq}", commit_seq, as_of, as_of, settings or Settings())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def customer(anchor: str) -> str:
    return key(*anchor.split(":", 1))


def insert(con: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        con.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))


def identity(identifier: str, owner: str = "", **changes: Any) -> dict[str, Any]:
    kind, value = identifier.split(":", 1)
    return {
        "identifier": identifier,
        "kind": kind,
        "value": value,
        "customer_id": customer(owner or identifier),
        "first_seen_at": at("2017-01-01"),
        "known_from": at("2017-01-01"),
        "commit_seq": 1,
        **changes,
    }


def activity(anchor: str, moment: str, event_name: str = "page", **changes: Any) -> dict[str, Any]:
    return {
        "anchor": anchor,
        "day": at(moment).date(),
        "channel": "web",
        "event_name": event_name,
        "interaction_count": 1,
        "machine_count": 0,
        "unconverted_count": 0,
        "first_at": at(moment),
        "last_at": at(moment),
        "commit_seq": 1,
        **changes,
    }


def category(anchor: str, day: str, name: str, **changes: Any) -> dict[str, Any]:
    return {
        "anchor": anchor,
        "day": at(day).date(),
        "category": name,
        "event_name": "order_completed",
        "interaction_count": 1,
        "unconverted_count": 0,
        "commit_seq": 1,
        **changes,
    }


def order(anchor: str, order_id: str, moment: str, amount: str | None = "10", **changes: Any) -> dict[str, Any]:
    return {
        "source": "shop",
        "order_id": order_id,
        "anchor": anchor,
        "anchors": [anchor],
        "channel": "web",
        "ordered_at": at(moment),
        "completed_at": at(moment),
        "first_at": at(moment),
        "last_at": at(moment),
        "line_count": 1,
        "amount": None if amount is None else Decimal(amount),
        "unconverted_count": 0,
        "commit_seq": 1,
        **changes,
    }


def contact(anchor: str, contact_id: str, sent: str, channel: str = "email", **changes: Any) -> dict[str, Any]:
    return {
        "source": "mailer",
        "contact_id": contact_id,
        "anchor": anchor,
        "anchors": [anchor],
        "channel": channel,
        "sent_at": at(sent),
        "first_at": at(sent),
        "last_at": at(sent),
        "commit_seq": 1,
        **changes,
    }


def consent(anchor: str, channel: str, status: str, moment: str, **changes: Any) -> dict[str, Any]:
    return {
        "consent_id": key(anchor, channel, status, moment),
        "anchor": anchor,
        "purpose": "marketing",
        "channel": channel,
        "status": status,
        "legal_basis": "consent",
        "stated_at": at(moment),
        "interaction_id": key(moment),
        "commit_seq": 1,
        **changes,
    }


def stated(anchor: str, moment: str, channel: str, **changes: Any) -> dict[str, Any]:
    return {
        "statement_id": key(anchor, moment, channel),
        "interaction_id": key(anchor, moment, channel),
        "anchor": anchor,
        "name": "preferred_channel",
        "value": channel,
        "stated_at": at(moment),
        "commit_seq": 1,
        **changes,
    }


def interaction(anchor: str, moment: str, event_name: str = "page", **changes: Any) -> dict[str, Any]:
    kind, value = anchor.split(":", 1)
    return {
        "interaction_id": key(anchor, moment, event_name),
        "source": "shop",
        "connector": "segment",
        "event_id": f"{anchor} {moment} {event_name}",
        "channel": "web",
        "event_name": event_name,
        "direction": "inbound",
        "initiator": "customer",
        "occurred_at": at(moment),
        "received_at": at(moment),
        "ingested_at": at(moment),
        "is_received_assigned": False,
        "time_basis": "occurred",
        "identifiers": [{"kind": kind, "value": value}],
        "anchor": anchor,
        "is_machine": False,
        "batch_id": "b",
        "file_id": "f",
        "row_number": 1,
        "element": 0,
        "commit_seq": 1,
        **changes,
    }


World = Mapping[str, list[dict[str, Any]]]


def lake_of(world: World) -> duckdb.DuckDBPyConnection:
    con = memory_lake()
    for table, rows in world.items():
        insert(con, table, rows)
    return con


def one(con: duckdb.DuckDBPyConnection, sql: str, *parameters: Any) -> dict[str, Any]:
    rows = con.execute(sql, list(parameters)).to_arrow_table().to_pylist()
    assert len(rows) == 1, rows
    return dict(rows[0])


def profile(con: duckdb.DuckDBPyConnection, anchor: str) -> dict[str, Any]:
    return one(con, "SELECT * FROM profiles WHERE customer_id = ?", customer(anchor))


def contents(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the stage's three tables, sorted."""
    names = ("profiles", "channel_preferences", "interests")
    return {name: con.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in names}


@cache
def cdnow() -> pa.Table:
    return pyarrow.csv.read_csv(CDNOW)


def cdnow_lake() -> duckdb.DuckDBPyConnection:
    """CDNOW as orders: an identifier per customer, an order per line, at noon."""
    con = memory_lake()
    con.register("cdnow", cdnow())
    con.execute("CREATE TEMP TABLE lines AS SELECT *, ROW_NUMBER() OVER () AS line FROM cdnow")
    con.execute(
        "INSERT INTO orders BY NAME SELECT 'cdnow' AS source, line::VARCHAR AS order_id, "
        "'user_id:' || customer AS anchor, ['user_id:' || customer] AS anchors, 'web' AS channel, "
        "TIMESTAMPTZ '1997-01-01 12:00:00+00' "
        "+ to_days(day::INTEGER) AS ordered_at, ordered_at AS completed_at, "
        "ordered_at AS first_at, ordered_at AS last_at, 1 AS line_count, "
        "(cents / 100)::DECIMAL(18,4) AS amount, 0 AS unconverted_count, 1 AS commit_seq FROM lines"
    )
    con.execute(
        "INSERT INTO identities BY NAME SELECT anchor AS identifier, 'user_id' AS kind, "
        f"split_part(anchor, ':', 2) AS value, {_CDNOW_ID} AS customer_id, "
        "MIN(ordered_at) AS first_seen_at, MIN(ordered_at) AS known_from, 1 AS commit_seq "
        "FROM orders GROUP BY anchor"
    )
    con.execute(
        "INSERT INTO daily_activity BY NAME SELECT anchor, ordered_at::DATE AS day, 'web' AS channel, "
        "'order_completed' AS event_name, COUNT(*) AS interaction_count, 0 AS machine_count, "
        "0 AS unconverted_count, MIN(ordered_at) AS first_at, MAX(ordered_at) AS last_at, 1 AS commit_seq "
        "FROM orders GROUP BY anchor, day"
    )
    return con


def numbers(con: duckdb.DuckDBPyConnection, sql: str) -> list[Array]:
    found = con.execute(sql).fetchnumpy()
    return [np.asarray(column, dtype=np.float64) for column in found.values()]
