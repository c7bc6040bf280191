"""Conformance: what holds for every declared table."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from schemas.table import DATE, FLAG, INSTANT, JSON, LONG, TEXT, Table, sql_type
from schemas.tables import tables
from tests.lakes import memory_lake
from warehouse.home import Home
from warehouse.lake import Lake, open_writer

TABLES = list(tables().values())
# A span of event time that began before all data has no beginning.
OPEN_KEYS = {("identities", "valid_from")}
WHOLE_NUMBERS = re.compile(
    r".+_count|commit_seq|commit_(from|to)|version|revision|window_days|seed|rank|size_bytes|row_number"
)
INSTANTS = re.compile(r".+_at|(.+_)?as_of|(valid|known)_(from|to)")

every_table = pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])


@pytest.fixture(scope="module")
def memory() -> duckdb.DuckDBPyConnection:
    return memory_lake()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with open_writer(Home(tmp_path_factory.mktemp("conformance"))) as opened:
        yield opened


def test_every_file_of_the_folder_is_a_table_named_after_it() -> None:
    folder = Path(__file__).parents[2] / "schemas" / "tables"
    assert [table.name for table in TABLES] == sorted(path.stem for path in folder.glob("[!_]*.py"))


@every_table
def test_a_table_says_what_a_row_is(table: Table) -> None:
    assert table.doc.strip()
    assert not table.doc.endswith(".")


@every_table
def test_column_names_are_unique_also_without_case(table: Table) -> None:
    names = [name.lower() for name in table.column_names]
    assert len(names) == len(set(names))


@every_table
def test_key_and_order_are_columns_and_the_key_is_always_known(table: Table) -> None:
    columns = {column.name: column for column in table.columns}
    assert table.key
    assert {*table.key, *table.sorted_by} <= set(columns)
    assert [n for n in table.key if columns[n].nullable and (table.name, n) not in OPEN_KEYS] == []


@every_table
def test_a_table_names_the_commit_that_wrote_each_row(table: Table) -> None:
    written = {column.name for column in table.columns if not column.nullable} & {"commit_seq", "commit_to"}
    assert written


@every_table
def test_rows_about_a_person_can_be_found_for_erasure(table: Table) -> None:
    for target in table.erasure:
        assert target.column in table.column_names
        assert target.kind in {"anchor", "identifier", "customer_id", "landing"}
    personal = {"anchor", "customer_id", "identifier", "left_identifier", "right_identifier", "element"}
    assert bool(table.erasure) == bool(personal & set(table.column_names))


@every_table
def test_each_column_says_what_it_means(table: Table) -> None:
    assert [name for name in table.column_names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []
    assert [column.name for column in table.columns if not column.doc or column.doc != column.doc.strip()] == []


@every_table
def test_each_column_has_the_suffix_of_its_type(table: Table) -> None:
    types = [
        (INSTANT, INSTANTS),
        (FLAG, re.compile("(is|has)_.+")),
        (DATE, re.compile("day|.+_on")),
    ]
    for kind, names in types:
        assert [c.name for c in table.columns if c.type == kind] == list(filter(names.fullmatch, table.column_names))
    assert [c.name for c in table.columns if c.type == LONG and not WHOLE_NUMBERS.fullmatch(c.name)] == []
    assert [c.name for c in table.columns if c.name.endswith("_id") and c.type != TEXT] == []


@every_table
def test_counts_are_whole_and_always_known(table: Table) -> None:
    counts = [column for column in table.columns if column.name.endswith("_count")]
    assert [column.name for column in counts if column.type != LONG or column.nullable] == []


@every_table
def test_closed_sets_are_of_texts_without_repetition(table: Table) -> None:
    closed = [column for column in table.columns if column.values]
    assert [c.name for c in closed if c.type != TEXT or len(set(c.values)) != len(c.values)] == []


@every_table
def test_ddl_creates_the_declared_columns_in_duckdb(memory: duckdb.DuckDBPyConnection, table: Table) -> None:
    assert described(memory, table) == declared(table)


@every_table
def test_ddl_creates_the_declared_columns_in_the_lake(lake: Lake, table: Table) -> None:
    assert described(lake.con, table) == declared(table)


@every_table
def test_arrow_data_of_the_declared_schema_goes_into_the_lake(lake: Lake, table: Table) -> None:
    lake.con.register("arrow_rows", plain(table.schema).empty_table())
    lake.con.execute("BEGIN")
    lake.con.execute(f"INSERT INTO {table.name} BY NAME SELECT * FROM arrow_rows")
    lake.con.execute("ROLLBACK")
    lake.con.unregister("arrow_rows")


@every_table
def test_the_lake_sorts_as_declared(lake: Lake, table: Table) -> None:
    rows = lake.con.execute(
        "SELECT e.expression FROM __ducklake_metadata_lake.ducklake_sort_expression AS e "
        "JOIN __ducklake_metadata_lake.ducklake_table AS t USING (table_id) "
        "WHERE t.table_name = ? ORDER BY e.sort_key_index",
        [table.name],
    ).fetchall()
    assert tuple(row[0].strip('"') for row in rows) == table.sorted_by


def test_a_copy_that_lost_keeps_every_column_of_an_interaction() -> None:
    kept = {column.name: column.type for column in tables()["interaction_versions"].columns}
    interaction = {
        column.name: column.type for column in tables()["interactions"].columns if column.name != "commit_seq"
    }
    assert interaction.items() <= kept.items()
    assert set(kept) - set(interaction) == {"content_sha256", "commit_from", "commit_to"}


def test_only_profiles_grow() -> None:
    assert [table.name for table in TABLES if table.grows] == ["account_profiles", "profiles"]


def described(con: duckdb.DuckDBPyConnection, table: Table) -> list[tuple[str, str, bool]]:
    rows = con.execute(f"DESCRIBE {table.name}").fetchall()
    return [(name, kind.replace('"', ""), nullable == "YES") for name, kind, nullable, *_ in rows]


def declared(table: Table) -> list[tuple[str, str, bool]]:
    return [(c.name, sql_type(c.type).replace('"', ""), c.nullable) for c in table.columns]


def plain(schema: pa.Schema) -> pa.Schema:
    """The schema without nullability, which an empty table does not need."""
    return pa.schema([pa.field(f.name, TEXT if f.type == JSON else f.type) for f in schema])
