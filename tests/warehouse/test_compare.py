"""The equality of the laws, on two small schemas side by side."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.tables import tables
from warehouse.compare import STATE, compare, differences, key_of

LEFT, RIGHT = "memory.was", "memory.became"


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as made:
        made.execute("SET TimeZone = 'UTC'")
        for schema in ("was", "became"):
            made.execute(f"CREATE SCHEMA {schema}")
            for name in STATE:
                made.execute(tables()[name].ddl(schema)[0].replace(" NOT NULL", ""))
        yield made


def insert(con: duckdb.DuckDBPyConnection, schema: str, table: str, **values: Any) -> None:
    marks = ", ".join("?" * len(values))
    con.execute(f"INSERT INTO {schema}.{table} ({', '.join(values)}) VALUES ({marks})", list(values.values()))


def both(con: duckdb.DuckDBPyConnection, table: str, left: dict[str, Any], right: dict[str, Any]) -> None:
    insert(con, LEFT, table, **left)
    insert(con, RIGHT, table, **right)


def test_empty_lakes_are_equal(con: duckdb.DuckDBPyConnection) -> None:
    assert differences(con, LEFT, RIGHT) == {}


def test_what_we_stamped_ourselves_does_not_count(con: duckdb.DuckDBPyConnection) -> None:
    said = {"interaction_id": "i", "anchor": "user_id:u", "is_received_assigned": True}
    both(
        con,
        "interactions",
        {**said, "commit_seq": 1, "file_id": "a", "row_number": 1, "received_at": "2025-01-01 00:00:00Z"},
        {**said, "commit_seq": 2, "file_id": "b", "row_number": 9, "received_at": "2025-02-01 00:00:00Z"},
    )
    both(con, "profiles", {"customer_id": "c", "as_of": "2025-01-01"}, {"customer_id": "c", "as_of": "2025-01-02"})
    assert differences(con, LEFT, RIGHT) == {}


def test_a_received_time_that_the_source_gave_counts(con: duckdb.DuckDBPyConnection) -> None:
    said = {"interaction_id": "i", "is_received_assigned": False}
    both(con, "interactions", {**said, "received_at": "2025-01-01"}, {**said, "received_at": "2025-02-01"})
    found = compare(con, LEFT, RIGHT, "interactions")
    assert (found.changed_count, found.columns, found.examples) == (1, {"received_at": 1}, ("i",))


def test_rows_of_one_side_and_changed_ones_are_told_with_their_keys(con: duckdb.DuckDBPyConnection) -> None:
    insert(con, LEFT, "orders", source="s", order_id="gone")
    insert(con, RIGHT, "orders", source="s", order_id="new")
    both(
        con,
        "orders",
        {"source": "s", "order_id": "o", "amount": 1, "line_count": 1},
        {"source": "s", "order_id": "o", "amount": 2, "line_count": 2},
    )
    found = differences(con, LEFT, RIGHT)["orders"]
    assert (found.only_left_count, found.only_right_count, found.changed_count) == (1, 1, 1)
    assert (found.left_count, found.right_count) == (2, 2)
    assert found.columns == {"amount": 1, "line_count": 1}
    assert found.examples == ("s gone", "s new", "s o")
    assert compare(con, LEFT, RIGHT, "orders") == found
    sides = con.execute("SELECT order_id, side FROM compare_found ORDER BY order_id").fetchall()
    assert sides == [("gone", "left"), ("new", "right"), ("o", "both")]


def test_the_keys_of_what_differs_stay_for_the_caller(con: duckdb.DuckDBPyConnection) -> None:
    insert(con, LEFT, "orders", source="s", order_id="gone")
    compare(con, LEFT, RIGHT, "orders", "mine")
    assert con.execute("SELECT * FROM mine").fetchall() == [("s", "gone", "left")]


def test_a_key_that_stands_twice_does_not_pair_off_unseen(con: duckdb.DuckDBPyConnection) -> None:
    for schema in (LEFT, LEFT, RIGHT):
        insert(con, schema, "outcomes", outcome_id="x")
    assert differences(con, LEFT, RIGHT)["outcomes"].repeated_count == 1


def test_identifiers_in_examples_are_not_shown(con: duckdb.DuckDBPyConnection) -> None:
    insert(con, LEFT, "identities", identifier="email:ann@shop.example", customer_id="c")
    (example,) = differences(con, LEFT, RIGHT)["identities"].examples
    assert example.startswith("email:")
    assert "ann" not in example


def test_only_what_stands_now_counts(con: duckdb.DuckDBPyConnection) -> None:
    insert(con, LEFT, "identities", identifier="email:a", customer_id="before", known_to="2025-01-01")
    link = {"left_identifier": "a", "right_identifier": "b", "rule": "same_event"}
    early, late = {"occurred_at": "2025-01-01", "link_id": "1"}, {"occurred_at": "2025-01-02", "link_id": "2"}
    both(con, "identity_links", {**link, **early}, {**link, **early})
    insert(con, RIGHT, "identity_links", **link, **late)
    assert differences(con, LEFT, RIGHT) == {}


def test_a_column_that_one_side_does_not_have_counts_as_unknown_there(con: duckdb.DuckDBPyConnection) -> None:
    both(con, "profiles", {"customer_id": "c"}, {"customer_id": "c"})
    con.execute("ALTER TABLE became.profiles ADD COLUMN mood VARCHAR")
    assert differences(con, LEFT, RIGHT) == {}
    con.execute("UPDATE became.profiles SET mood = 'good'")
    assert differences(con, LEFT, RIGHT)["profiles"].columns == {"mood": 1}


@settings(max_examples=10, deadline=None)
@given(value=st.floats(allow_nan=False, allow_infinity=False, width=32), share=st.sampled_from([1e-12, 5e-10, 1e-6]))
def test_floating_values_agree_to_a_billionth(value: float, share: float) -> None:
    with duckdb.connect() as con:
        for schema, said in (("was", value), ("became", value * (1 + share))):
            con.execute(f"CREATE SCHEMA {schema}")
            con.execute(tables()["interests"].ddl(schema)[0].replace(" NOT NULL", ""))
            insert(con, schema, "interests", customer_id="c", category="k", affinity=said)
        found = differences(con, LEFT, RIGHT, ["interests"])
    near = abs(value * (1 + share) - value) <= 1e-9 * max(abs(value), abs(value * (1 + share)))
    assert (found == {}) == near


@pytest.mark.parametrize("name", STATE)
def test_every_table_of_the_state_can_be_compared_by_its_key(name: str, con: duckdb.DuckDBPyConnection) -> None:
    assert set(key_of(name)) <= set(tables()[name].column_names)
    assert compare(con, LEFT, RIGHT, name).is_equal
