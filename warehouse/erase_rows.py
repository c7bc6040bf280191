"""The rows that an erasure deletes, by the erasure targets that the tables declare."""

import duckdb

from schemas.table import Erasure, quoted
from schemas.tables import tables
from warehouse.queries import number

# An event goes with all its copies, also where another anchor stands on one.
_EVENTS = {
    "interactions": "interaction_id IN (SELECT interaction_id FROM erase_interactions)",
    "interaction_versions": "(interaction_id, content_sha256) IN "
    "(SELECT (interaction_id, content_sha256) FROM erase_versions)",
}
_ALONE = "SELECT identifier FROM erase_identifiers WHERE NOT is_shared"
_CUSTOMERS = "SELECT customer_id FROM erase_customers"
_PERSONS = {"anchor": _ALONE, "identifier": _ALONE, "customer_id": _CUSTOMERS}
# Beyond the targets: evidence in their events, and that they once had what is somebody else's now.
_FURTHER = {
    "identity_links": _EVENTS["interactions"],
    "identities": f"known_to IS NOT NULL AND customer_id IN ({_CUSTOMERS})",
}


def count_rows(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many rows each table has about the persons; tables without any are left out."""
    counts = {name: _count(con, name, condition) for name, condition in {**_EVENTS, **_conditions()}.items()}
    return {name: count for name, count in sorted(counts.items()) if count}


def delete_events(con: duckdb.DuckDBPyConnection) -> None:
    """Delete the persons' interactions and losing copies."""
    _delete(con, _EVENTS)


def delete_rows(con: duckdb.DuckDBPyConnection) -> None:
    """Delete the persons' rows of every other table.

    Rows that name a landing file name no person: they stay, as its row numbers do.
    """
    _delete(con, _conditions())


def blank_names(con: duckdb.DuckDBPyConnection, values: list[str]) -> None:
    """Take the names from landing files that hold one of `values`: somebody may name a file after a person."""
    named = "EXISTS (SELECT 1 FROM (SELECT UNNEST(?::VARCHAR[]) AS value) WHERE contains(lower(name), lower(value)))"
    rows = con.execute(f"SELECT file_id FROM landing_files WHERE {named}", [values]).fetchall()
    for (file_id,) in rows:
        con.execute("UPDATE landing_files SET name = 'erased' WHERE file_id = ?", [file_id])


def _conditions() -> dict[str, str]:
    """By table, which rows are about the persons, but for the events themselves."""
    found = {}
    for name, table in tables().items():
        parts = [_target(target) for target in table.erasure if target.kind in _PERSONS]
        if parts and name not in _EVENTS:
            found[name] = " OR ".join((*parts, *([_FURTHER[name]] if name in _FURTHER else [])))
    return found


def _target(target: Erasure) -> str:
    return f"{quoted(target.column)} IN ({_PERSONS[target.kind]})"


def _count(con: duckdb.DuckDBPyConnection, name: str, condition: str) -> int:
    return number(con, f"SELECT COUNT(*) FROM {quoted(name)} WHERE {condition}")


def _delete(con: duckdb.DuckDBPyConnection, conditions: dict[str, str]) -> None:
    """Delete what is found. Looked for first: a DELETE of nothing writes, too."""
    for name, condition in conditions.items():
        if _count(con, name, condition):
            con.execute(f"DELETE FROM {quoted(name)} WHERE {condition}")
