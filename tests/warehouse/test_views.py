"""The documented views, on rows of which only some columns matter."""

from dataclasses import replace

import duckdb
import pytest

from schemas.keys import key
from schemas.tables import tables
from warehouse.views import VIEWS


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for table in tables().values():
        columns = tuple(replace(column, nullable=True) for column in table.columns)
        con.execute(replace(table, columns=columns).ddl("main")[0])
    for name, (_, query) in VIEWS.items():
        con.execute(f"CREATE VIEW {name} AS {query}")
    fill(con, "identities", identifier="email:a", customer_id="old", known_to="2018-01-02")
    fill(con, "identities", identifier="email:a", customer_id="new")
    fill(con, "identities", identifier="email:b", customer_id="other")
    return con


def fill(con: duckdb.DuckDBPyConnection, table: str, **values: object) -> None:
    columns = ", ".join(f"? AS {name}" for name in values)
    con.execute(f"INSERT INTO {table} BY NAME SELECT {columns}", list(values.values()))


def test_every_view_says_what_it_shows() -> None:
    assert all(doc and not doc.endswith(".") for doc, _ in VIEWS.values())


@pytest.mark.parametrize("name", VIEWS)
def test_no_view_compares_every_pair_of_rows(name: str, con: duckdb.DuckDBPyConnection) -> None:
    ((_, plan),) = con.execute(f"EXPLAIN SELECT * FROM {name}").fetchall()
    assert "NL_JOIN" not in plan
    assert "NESTED_LOOP_JOIN" not in plan


def test_current_identities_are_those_known_now(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute("SELECT identifier, customer_id FROM current_identities ORDER BY ALL").fetchall()
    assert found == [("email:a", "new"), ("email:b", "other")]


@pytest.mark.parametrize(
    ("view", "table", "name", "at"),
    [
        ("customer_interactions", "interactions", "interaction_id", "occurred_at"),
        ("customer_orders", "orders", "order_id", "ordered_at"),
        ("customer_orders", "orders", "order_id", "first_at"),  # only refunds are known
    ],
)
def test_a_row_is_shown_once_with_the_customer_of_now_and_also_without_one(
    con: duckdb.DuckDBPyConnection, view: str, table: str, name: str, at: str
) -> None:
    for number, anchor in enumerate(["email:a", "email:b", "email:c", None]):
        fill(con, table, **{name: str(number), "anchor": anchor, at: "2018-01-01"})
    found = con.execute(f"SELECT {name}, customer_id FROM {view} ORDER BY ALL").fetchall()
    assert found == [("0", "new"), ("1", "other"), ("2", None), ("3", None)]


def test_a_row_is_its_customers_of_that_day(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, "identities", identifier="device_id:d", customer_id="one", valid_to="2018-01-02")
    fill(con, "identities", identifier="device_id:d", customer_id="two", valid_from="2018-01-02")
    for number, moment in enumerate(["2018-01-01T23:59:59", "2018-01-02T00:00:00"]):
        fill(con, "interactions", interaction_id=str(number), anchor="device_id:d", occurred_at=moment)
    found = con.execute("SELECT interaction_id, customer_id FROM customer_interactions ORDER BY ALL").fetchall()
    assert found == [("0", "one"), ("1", "two")]


def test_an_earlier_customer_is_found_under_the_id_that_its_anchor_has_now(con: duckdb.DuckDBPyConnection) -> None:
    mail = {"identifier": "email:x", "kind": "email", "value": "x"}
    device = {"identifier": "device_id:d", "kind": "device_id", "value": "d"}
    former, account = key("email", "x"), key("user_id", "u")
    for found in (mail, device):
        fill(con, "identities", **found, customer_id=former, known_to="2018-01-02")
    fill(con, "identities", **mail, customer_id=account)
    fill(con, "identities", **device, customer_id="other")
    assert con.execute("FROM customer_redirects").fetchall() == [(former, account)]


def test_the_latest_decision_is_the_newest_as_of_then_the_newest_commit(con: duckdb.DuckDBPyConnection) -> None:
    rows = [("a", "2018-01-01", 9), ("b", "2018-01-02", 1), ("c", "2018-01-02", 2), ("d", "2018-01-02", 2)]
    for decision, as_of, commit in rows:
        fill(con, "decisions", decision_id=decision, customer_id="x", decided_as_of=as_of, commit_seq=commit)
    fill(con, "decisions", decision_id="e", customer_id="y", decided_as_of="2017-01-01", commit_seq=1)
    fill(con, "decisions", decision_id="f", customer_id="gone", decided_as_of="2018-01-02", commit_seq=2)
    for customer in ("x", "y"):
        fill(con, "profiles", customer_id=customer)
    found = con.execute("SELECT customer_id, decision_id FROM latest_decisions ORDER BY ALL").fetchall()
    assert found == [("x", "c"), ("y", "e")]
