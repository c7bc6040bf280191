"""Which statements only read."""

from collections.abc import Iterator
from contextlib import suppress

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.errors import RapportError
from warehouse.statements import require_read_only

CON = duckdb.connect()
READING = [
    "SELECT 1",
    "select 1;",
    "-- why\nSELECT 1 -- because",
    "FROM range(3)",
    "VALUES (1)",
    "WITH a AS (SELECT 1) FROM a",
    "SHOW TABLES",
    "DESCRIBE SELECT 1",
    "SUMMARIZE SELECT 1",
    "EXPLAIN SELECT 1",
    " explain analyze SELECT 1",
    "EXPLAIN (FORMAT json) SELECT 1",
    "SELECT 'DROP TABLE x; COPY', 'ducklake_cleanup_old_files'",
    "SELECT * FROM query_table('orders')",
    "SELECT upper('a'), sum(i) FROM range(3) AS t(i)",
]
ACTING = [
    "",
    ";",
    "-- nothing",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE x",
    "INSERT INTO x VALUES (1)",
    "WITH a AS (SELECT 1) INSERT INTO x FROM a",
    "UPDATE x SET a = 1",
    "DELETE FROM x",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP VIEW x AS SELECT 1",
    "DROP TABLE x",
    "COPY (SELECT 1) TO 'x.csv'",
    "COPY x FROM 'x.csv'",
    "EXPORT DATABASE 'x'",
    "ATTACH ':memory:' AS x",
    "DETACH lake_1",
    "USE memory",
    "SET threads = 1",
    "RESET threads",
    "PRAGMA database_list",
    "PRAGMA threads = 1",
    "CALL pragma_version()",
    "LOAD json",
    "INSTALL json",
    "CHECKPOINT",
    "BEGIN",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'",
    "EXPLAIN ANALYZE CREATE TABLE memory.main.t AS SELECT 1",
    "EXPLAIN (FORMAT json) INSERT INTO x VALUES (1)",
    "EXPLAIN/* (SELECT 1) */ANALYZE DELETE FROM x",
    "EXPLAIN EXPLAIN ANALYZE SELECT 1",
]
CALLING = [
    "SELECT * FROM ducklake_cleanup_old_files('lake_1', cleanup_all => TRUE)",
    "SELECT (SELECT COUNT(*) FROM DuckLake_Delete_Orphaned_Files('lake_1'))",
    "WITH a AS (SELECT * FROM \"ducklake_expire_snapshots\"('lake_1')) SELECT 1 FROM a",
    "SUMMARIZE SELECT * FROM ducklake_cleanup_old_files('lake_1')",
    "SELECT 1 UNION ALL SELECT * FROM lake_1.merge_adjacent_files()",
    "SELECT * FROM query('SELECT * FROM duck' || 'lake_cleanup_old_files()')",
    "SELECT * FROM checkpoint()",
    "EXPLAIN ANALYZE SELECT * FROM force_checkpoint()",
    "SELECT * FROM enable_logging()",
]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.mark.parametrize("query", READING)
def test_a_statement_that_only_reads_passes(con: duckdb.DuckDBPyConnection, query: str) -> None:
    con.execute("CREATE TEMP TABLE IF NOT EXISTS orders AS SELECT 1 AS order_id")
    require_read_only(con, query)
    assert con.sql(query).fetchall()


@pytest.mark.parametrize("query", ACTING)
def test_anything_else_is_refused(con: duckdb.DuckDBPyConnection, query: str) -> None:
    with pytest.raises(RapportError, match="one SELECT statement is needed: the lake is read-only here"):
        require_read_only(con, query)


@pytest.mark.parametrize("query", CALLING)
def test_a_query_that_calls_what_acts_is_refused(con: duckdb.DuckDBPyConnection, query: str) -> None:
    with pytest.raises(RapportError, match="is not for queries: the lake is read-only here"):
        require_read_only(con, query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 'open",
        "EXPLAIN /* SELECT 1 */ ANALYZE DELETE FROM x",
        "SELEC 1",
        "SELECT * FROM (",
        "EXPLAIN ANALYZE (SELECT 1)",
    ],
)
def test_a_broken_statement_is_refused_with_its_mistake(con: duckdb.DuckDBPyConnection, query: str) -> None:
    with pytest.raises(RapportError):
        require_read_only(con, query)


def test_the_mistake_is_told(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(RapportError, match=r'the query cannot be read: syntax error at or near "SELEC"'):
        require_read_only(con, "SELEC 1")


def test_a_result_that_is_being_read_is_not_disturbed(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("SELECT i FROM range(3) AS t(i)")
    assert con.fetchone() == (0,)
    require_read_only(con, "SELECT 1")
    assert con.fetchall() == [(1,), (2,)]


words = st.sampled_from(
    ["SELECT", "EXPLAIN", "ANALYZE", "FROM", "COPY", "TO", "(", ")", ";", "1", "x", "'x'", "--", "\n"]
)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.lists(words, max_size=8).map(" ".join))
@settings(max_examples=200, deadline=None)
def test_any_text_is_refused_or_broken_or_one_statement_that_reads(query: str) -> None:
    with suppress(RapportError, duckdb.ParserException):
        require_read_only(CON, query)
        assert [s.type for s in CON.extract_statements(query)] == [duckdb.StatementType.SELECT] or "EXPLAIN" in query
