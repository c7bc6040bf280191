"""What is declared: a lake of another version gets the columns, types, sort orders and views of this one."""

from collections.abc import Mapping

import duckdb
import pytest

from schemas.table import INTEGER, LONG, MONEY, TEXT, Column, Table
from schemas.tables import tables
from tests.catalogs import on_both_catalogs
from warehouse.catalog_attach import CATALOG, METADATA
from warehouse.catalog_tables import declare
from warehouse.errors import RapportError
from warehouse.lake import Lake
from warehouse.views import VIEWS

VIEW = {"seen": "SELECT name FROM things WHERE (count > 1)"}


def things(*columns: Column, sorted_by: tuple[str, ...] = ("name",)) -> Mapping[str, Table]:
    return {"things": Table("row", (Column("name", TEXT, "doc"), *columns), ("name",), sorted_by, name="things")}


def snapshot(lake: Lake) -> int:
    return int(lake.con.execute(f"SELECT MAX(snapshot_id) FROM {METADATA}.ducklake_snapshot").fetchall()[0][0])


@on_both_catalogs
def test_what_is_declared_otherwise_is_changed_and_what_is_the_same_is_left(lake: Lake) -> None:
    con = lake.con
    declare(con, things(Column("count", INTEGER, "doc")), VIEW)
    con.execute("INSERT INTO things VALUES ('a', 1), ('b', 2)")
    newer = things(Column("count", LONG, "doc"), Column("price", MONEY, "doc"), sorted_by=("count", "name"))
    views = {"seen": "SELECT name, price FROM things WHERE (count > 0)"}
    for _ in range(2):
        declare(con, newer, views)
        at = snapshot(lake)
    declare(con, newer, views)
    assert snapshot(lake) == at
    con.execute("INSERT INTO things VALUES ('c', 5000000000, 2.5)")
    assert con.execute("SELECT name, price FROM seen ORDER BY name").fetchall()[:2] == [("a", None), ("b", None)]
    assert con.execute("SELECT MAX(count) FROM seen JOIN things USING (name)").fetchall() == [(5_000_000_000,)]
    order = con.execute(
        f"SELECT list(trim(expression, chr(34)) ORDER BY sort_key_index) FROM {METADATA}.ducklake_sort_expression "
        f"WHERE sort_id = (SELECT MAX(sort_id) FROM {METADATA}.ducklake_sort_info)"
    ).fetchall()
    assert order == [(["count", "name"],)]


def test_the_tables_and_views_of_the_contract_are_declared_once(lake: Lake) -> None:
    before, views = snapshot(lake), {name: query for name, (_, query) in VIEWS.items()}
    declare(lake.con, tables(), views)
    assert snapshot(lake) == before


def test_a_type_that_cannot_be_changed_in_place_is_named_and_nothing_is_done(lake: Lake) -> None:
    declare(lake.con, things(Column("count", TEXT, "doc")), {})
    before = snapshot(lake)
    message = r"column things\.count is VARCHAR in this lake and BIGINT in this version; `rapport rebuild` makes"
    with pytest.raises(RapportError, match=message):
        declare(lake.con, things(Column("more", TEXT, "doc"), Column("count", LONG, "doc")), VIEW)
    assert snapshot(lake) == before
    with pytest.raises(duckdb.BinderException):
        lake.con.execute(f"SELECT more FROM {CATALOG}.main.things")
