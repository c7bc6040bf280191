"""A table as data: DDL, quoting and types, also with hostile names."""

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import table as kinds
from schemas.table import Column, Table, literal, quoted, sql_type

CON = duckdb.connect()
TYPES = {
    kinds.TEXT: "VARCHAR",
    kinds.LONG: "BIGINT",
    kinds.INTEGER: "INTEGER",
    kinds.REAL: "DOUBLE",
    kinds.FLAG: "BOOLEAN",
    kinds.DATE: "DATE",
    kinds.INSTANT: "TIMESTAMP WITH TIME ZONE",
    kinds.MONEY: "DECIMAL(18,4)",
    kinds.JSON: "JSON",
    kinds.IDENTIFIERS: 'STRUCT("kind" VARCHAR, "value" VARCHAR)[]',
    kinds.ITEMS: (
        'STRUCT("product_id" VARCHAR, "category" VARCHAR, "quantity" DECIMAL(18,4), "amount" DECIMAL(18,4))[]'
    ),
    pa.list_(kinds.TEXT): "VARCHAR[]",
}
HOSTILE = """it's; DROP TABLE "x" --"""

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(text)
@settings(max_examples=100, deadline=None)
def test_a_literal_is_the_text_again(value: str) -> None:
    assert CON.execute(f"SELECT {literal(value)}").fetchall() == [(value,)]


@given(text.filter(bool))
@settings(max_examples=100, deadline=None)
def test_a_quoted_name_is_the_name_again(name: str) -> None:
    assert CON.execute(f"SELECT 1 AS {quoted(name)}").description[0][0] == name


@pytest.mark.parametrize(("kind", "expected"), TYPES.items(), ids=str)
def test_each_type_has_its_sql_type(kind: pa.DataType, expected: str) -> None:
    assert sql_type(kind) == expected
    assert str(CON.execute(f"SELECT NULL::{expected}").description[0][1]).replace('"', "") == expected.replace('"', "")


@pytest.mark.parametrize("kind", [pa.int8(), pa.timestamp("us"), pa.list_(pa.binary()), pa.struct([("a", pa.null())])])
def test_a_type_that_no_table_uses_is_refused(kind: pa.DataType) -> None:
    with pytest.raises(TypeError, match=r"has no place in a table; use one of schemas\.table"):
        sql_type(kind)


def hostile() -> Table:
    columns = (Column(HOSTILE, kinds.TEXT, "doc", nullable=False), Column("a b", kinds.LONG, "doc"))
    return Table(doc="row", columns=columns, key=(HOSTILE,), sorted_by=("a b",), name=HOSTILE)


def test_ddl_makes_a_table_with_hostile_names_and_its_required_columns() -> None:
    con = duckdb.connect()
    con.execute(hostile().ddl("main")[0])
    con.execute(f"INSERT INTO {quoted(HOSTILE)} VALUES ('x', NULL)")
    with pytest.raises(duckdb.ConstraintException):
        con.execute(f"INSERT INTO {quoted(HOSTILE)} VALUES (NULL, 1)")
    found = con.execute("SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal").fetchall()
    assert found == [(HOSTILE, HOSTILE), (HOSTILE, "a b")]


def test_ddl_can_be_run_again() -> None:
    con = duckdb.connect()
    for _ in range(2):
        con.execute(hostile().ddl("main")[0])


def test_the_order_on_disk_is_declared_only_where_there_is_one() -> None:
    statement = hostile().ddl("lake.main")[1]
    assert statement == f'ALTER TABLE lake.main.{quoted(HOSTILE)} SET SORTED BY ("a b")'
    assert len(Table(doc="row", columns=(Column("a", kinds.TEXT, "doc"),), key=("a",), name="t").ddl("main")) == 1


def test_the_arrow_schema_names_types_and_requires_as_declared() -> None:
    expected = [pa.field(HOSTILE, pa.string(), nullable=False), pa.field("a b", pa.int64())]
    assert hostile().schema.equals(pa.schema(expected))
    assert hostile().column_names == (HOSTILE, "a b")


def test_the_files_of_a_table_lie_under_its_name() -> None:
    assert Table(doc="row", columns=(), key=(), name="orders").storage_path == "main/orders/"
