"""Orders and contacts that go on after as_of, as they stood before it.

Every other table that the stage reads has a row for each event or day; these two have one for all that belongs
together. What lies on both sides of as_of is made again from the interactions before it. There is hardly any where
as_of is the next midnight, and then only the newest interactions are read.
"""

from collections.abc import Mapping
from datetime import datetime

import duckdb

from pipelines.know.rolled import RolledTable, filled
from schemas.engagement import is_machine_sql
from schemas.table import literal
from warehouse.queries import has_rows

# table -> its key beside the source
_CUT = {"orders": "order_id", "contacts": "contact_id"}
TEMPORARY_TABLES = tuple(f"know_{part}_{name}" for name in _CUT for part in ("crossing", "cut"))


def orders_and_contacts(
    con: duckdb.DuckDBPyConnection, as_of: datetime, rolled: Mapping[str, RolledTable]
) -> dict[str, str]:
    """SQL for the tables `orders` and `contacts` as they stood before `as_of`, by name; needs know_premises.

    Tables of which nothing goes on after as_of, or of which `rolled` does not tell how they are made, are left out.
    """
    until = f"{literal(as_of.isoformat())}::TIMESTAMPTZ"
    return {
        name: _cut(con, name, rolled[name], until) for name in _CUT if name in rolled and _crosses(con, name, until)
    }


def _crosses(con: duckdb.DuckDBPyConnection, name: str, until: str) -> bool:
    """Make the table of what has events on both sides of `until`: keys, first_at. Whether there is any."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE know_crossing_{name} AS "
        f"SELECT source, {_CUT[name]}, NULL::VARCHAR AS event_id, first_at FROM {name} "
        f"WHERE last_at >= {until} AND first_at < {until}"
    )
    return has_rows(con, f"know_crossing_{name}")


def _cut(con: duckdb.DuckDBPyConnection, name: str, rolled: RolledTable, until: str) -> str:
    crossing = f"know_crossing_{name}"
    (first,) = con.execute(f"SELECT MIN(first_at)::VARCHAR FROM {crossing}").fetchone() or (None,)
    is_before = f"occurred_at >= {literal(first)}::TIMESTAMPTZ AND occurred_at < {until}"
    before = (
        f"(SELECT i.* FROM interactions AS i WHERE {is_before} AND {rolled.scope.replace('keep_retracted', crossing)})"
    )
    if "is_machine" in rolled.select:
        marks = f"(SELECT interaction_id FROM machine_engagements WHERE {is_before})"
        before = f"(SELECT * REPLACE ({is_machine_sql(marks)}) FROM {before})"
    con.execute(f"CREATE OR REPLACE TEMP TABLE know_cut_{name} AS {filled(rolled, before)}")
    keys = f"source, {_CUT[name]}"
    return f"(FROM {name} ANTI JOIN {crossing} USING ({keys}) UNION ALL BY NAME FROM know_cut_{name})"
