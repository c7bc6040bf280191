"""Predicates near what is looked up: they hold for every row that is meant, and leave out groups of rows of a file."""

from pathlib import Path

import duckdb
import pytest

from pipelines.keep.near import near_sql
from tests.keep.rows import AT, SETTINGS, cells, event, recomputed, rolled_up, step
from tests.lakes import memory_lake


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    made = memory_lake()
    made.execute("CREATE TEMP TABLE wanted (anchor VARCHAR, day DATE)")
    return made


def anchors(con: duckdb.DuckDBPyConnection, count: int) -> None:
    con.execute(
        f"INSERT INTO wanted SELECT 'user_id:u' || i, DATE '2025-03-01' + i::INTEGER FROM range({count}) AS t (i)"
    )


def test_nothing_is_near_nothing(con: duckdb.DuckDBPyConnection) -> None:
    assert near_sql(con, "wanted", "daily_activity", ("anchor",)) == "FALSE"


@pytest.mark.parametrize("count", [1, 5, 40, 300])
@pytest.mark.parametrize("columns", [("anchor",), ("day",), ("day", "anchor")])
def test_every_row_with_the_values_is_near(
    con: duckdb.DuckDBPyConnection, count: int, columns: tuple[str, ...]
) -> None:
    anchors(con, count)
    near = near_sql(con, "wanted", "daily_activity", columns)
    assert con.execute(f"SELECT COUNT(*) FROM wanted WHERE {near}").fetchall() == [(count,)]
    con.execute("INSERT INTO wanted VALUES ('zzz', DATE '1999-01-01')")
    is_bound = columns != ("anchor",) or count < 40
    assert con.execute(f"SELECT COUNT(*) FROM wanted WHERE {near}").fetchall() == [(count + (not is_bound),)]


def test_a_missing_value_is_near_too(con: duckdb.DuckDBPyConnection) -> None:
    anchors(con, 2)
    con.execute("INSERT INTO wanted VALUES (NULL, DATE '2025-03-01')")
    near = near_sql(con, "wanted", "orders", ("anchor",))
    assert con.execute(f"SELECT COUNT(*) FROM wanted WHERE {near}").fetchall() == [(3,)]


def test_a_few_texts_leave_out_the_groups_of_rows_that_have_none(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "sorted.parquet"
    con.execute(
        "COPY (SELECT lpad(i::VARCHAR, 6, '0') AS anchor, i "
        f"FROM range(20480) AS t (i)) TO '{path}' (ROW_GROUP_SIZE 2048)"
    )
    con.execute("INSERT INTO wanted VALUES ('000003', DATE '2025-03-01'), ('020000', DATE '2025-03-01')")
    near = near_sql(con, "wanted", "orders", ("anchor",))
    plan = con.execute(f"EXPLAIN ANALYZE SELECT * FROM '{path}' WHERE {near}").fetchall()[0][1]
    assert "FILTER" not in plan  # the reader itself tests it, with its statistics
    assert con.execute(f"SELECT COUNT(*) FROM '{path}' WHERE {near}").fetchall() == [(2,)]


@pytest.mark.parametrize("count", [3, 60])
def test_known_orders_are_found_whether_they_are_few_or_many(count: int) -> None:
    con = memory_lake()
    step(con, [event(f"e{n}", order_id=f"o{n}", anchor=f"user_id:u{n}") for n in range(count)])
    step(con, [event(f"f{n}", order_id=f"o{n}", anchor="user_id:another") for n in range(count)], commit_seq=2)
    assert rolled_up(con) == recomputed(con, SETTINGS)
    assert cells(con, "orders", "line_count", "ordered_at") == [(2, AT)] * count
