"""Copies of one event: what makes two the same, and which wins."""

from itertools import permutations

import duckdb
import pytest

from schemas.copies import content_sql, winner_order_sql
from schemas.tables import tables
from tests.lakes import memory_lake

ROW = {
    "interaction_id": "1",
    "source": "shop",
    "event_id": "e",
    "occurred_at": "2018-01-02 03:04:05.678901+00",
    "received_at": "2018-01-03 00:00:00+00",
    "is_received_assigned": False,
    "amount": "1.5000",
    "file_id": "f",
    "row_number": 1,
    "commit_seq": 1,
}


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    con = memory_lake()
    con.execute("CREATE TABLE copies AS FROM interactions LIMIT 0")
    return con


def content(con: duckdb.DuckDBPyConnection, **changes: object) -> object:
    con.execute("DELETE FROM copies")
    row = {**ROW, **changes}
    columns = ", ".join(f"? AS {name}" for name in row)
    con.execute(f"INSERT INTO copies BY NAME SELECT {columns}", list(row.values()))
    return con.execute(f"SELECT {content_sql()} FROM copies").fetchall()[0][0]


@pytest.mark.parametrize(
    "changes",
    [
        {"received_at": "2018-01-04 00:00:00+00", "is_received_assigned": True},
        {"file_id": "g", "row_number": 2, "element": 3, "batch_id": "b", "commit_seq": 9},
        {"anchor": "email:a@shop.example"},
        {"amount": "1.5"},
        {"occurred_at": "2018-01-02 05:04:05.678901+02"},
    ],
)
def test_copies_that_say_the_same_have_one_digest(con: duckdb.DuckDBPyConnection, changes: dict[str, object]) -> None:
    assert content(con, **changes) == content(con)


def test_every_column_that_a_source_fills_counts(con: duckdb.DuckDBPyConnection) -> None:
    texts = [c.name for c in tables()["interactions"].columns if str(c.type) == "string"]
    added = {"batch_id", "file_id", "anchor"}
    digests = [content(con, **{name: "changed"}) for name in texts if name not in added]
    assert len({content(con), *digests}) == len(digests) + 1


COPIES = [
    ("version 2, late", "2", False, "2018-01-09", "f"),
    ("version 1, early", "1", False, "2018-01-01", "a"),
    ("given, early", None, False, "2018-01-02", "b"),
    ("given, late", None, False, "2018-01-03", "a"),
    ("assigned, small digest", None, True, "2018-01-01", "a"),
    ("assigned, great digest", None, True, "2018-01-01", "b"),
]


@pytest.mark.parametrize("rotation", range(len(COPIES)))
def test_the_winner_does_not_depend_on_the_order_of_arrival(con: duckdb.DuckDBPyConnection, rotation: int) -> None:
    arrived = list(permutations(COPIES))[rotation * 100]
    con.execute(
        "CREATE OR REPLACE TEMP TABLE arrived "
        "(name VARCHAR, source_version VARCHAR, is_received_assigned BOOLEAN, received_at TIMESTAMPTZ, content VARCHAR)"
    )
    con.executemany("INSERT INTO arrived VALUES (?, ?, ?, ?, ?)", arrived)
    found = con.execute(f"SELECT name FROM arrived ORDER BY {winner_order_sql()}").fetchall()
    assert [name for (name,) in found] == [copy[0] for copy in COPIES]
