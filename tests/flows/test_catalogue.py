import pytest

from pipelines.collect.connectors import connectors
from pipelines.decide.rule import gates
from pipelines.know.traits import trait_columns, traits
from schemas.tables import tables
from tests.flows.cli import rapport
from warehouse.views import VIEWS

LISTS = {
    "connectors": list(connectors()),
    "traits": list(traits()),
    "rules": list(gates()),
    "tables": [*tables(), *VIEWS],
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_has_all_that_there_is(name: str) -> None:
    assert [row["name"] for row in rapport(name, "--json").object[name]] == LISTS[name]


@pytest.mark.parametrize("columns", [80, 160])
@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_readable_at_any_width(name: str, columns: int) -> None:
    shown = rapport(name, columns=columns).out
    assert all(word in shown for word in LISTS[name])
    assert max(map(len, shown.splitlines())) <= columns


def test_the_columns_of_profiles_are_those_that_traits_add(shop: str) -> None:
    listed = {row["name"]: row["columns"] for row in rapport("tables", "--json").object["tables"]}
    described = rapport("--home", shop, "sql", "DESCRIBE profiles", "--json").object["rows"]
    assert set(listed["profiles"]) == {row["column_name"] for row in described}
    assert set(listed["profiles"]) >= {column.name for column in trait_columns()}
    assert listed["orders"]["order_id"] == next(c.doc for c in tables()["orders"].columns if c.name == "order_id")
