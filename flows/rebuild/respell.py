"""Telephone numbers in what no landed file tells are spelled as the settings of now spell those of the interactions."""

import duckdb

from schemas.identifiers import PHONE, SEPARATOR, international_sql
from schemas.table import literal, quoted
from warehouse.beside import FRESH

_PREFIX = literal(PHONE + SEPARATOR)
_OF_PAIRS = ("identity_acts", "identity_proposals")


def respell(con: duckdb.DuckDBPyConnection, phone_region: str) -> None:
    """Bring the carried acts and proposals of the new lake to today's spelling; a pair that became one number goes.

    Their keys and times stay: they are what somebody said then. Nothing is written where nothing differs.
    """
    left, right = (_told_sql(name, phone_region) for name in ("left_identifier", "right_identifier"))
    for name in _OF_PAIRS:
        table = f"{FRESH}.{quoted(name)}"
        con.execute(
            f"UPDATE {table} SET left_identifier = least({left}, {right}), "
            f"right_identifier = CASE WHEN right_identifier IS NOT NULL THEN greatest({left}, {right}) END "
            f"WHERE {left} <> left_identifier OR {right} <> right_identifier"
        )
        con.execute(f"DELETE FROM {table} WHERE left_identifier = right_identifier")


def _told_sql(name: str, phone_region: str) -> str:
    value = international_sql(literal(PHONE), f"substr({name}, {len(PHONE + SEPARATOR) + 1})", phone_region)
    return f"CASE WHEN starts_with({name}, {_PREFIX}) THEN {_PREFIX} || {value} ELSE {name} END"
