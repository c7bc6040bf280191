"""Whose rows an erasure takes: temporary tables that name the persons, their identifiers and their events."""

from collections.abc import Sequence

import duckdb

from schemas.identifiers import identifier_sql
from warehouse.queries import drop_temporary

TEMPORARY_TABLES = ("erase_customers", "erase_identifiers", "erase_interactions", "erase_versions", "erase_carried")

# Former ids of the persons, from before their identifiers came together, are theirs too, unless somebody has one now.
_CUSTOMERS = """
    CREATE OR REPLACE TEMP TABLE erase_customers AS
    WITH
    chosen AS (SELECT UNNEST(?::VARCHAR[]) AS customer_id),
    mine AS (
        SELECT identifier
        FROM identities
        WHERE known_to IS NULL AND customer_id IN (SELECT customer_id FROM chosen)
    ),
    former AS (
        SELECT customer_id
        FROM identities
        WHERE identifier IN (SELECT identifier FROM mine)
    ),
    others AS (
        SELECT customer_id
        FROM identities
        WHERE known_to IS NULL AND customer_id NOT IN (SELECT customer_id FROM chosen)
    )
    SELECT customer_id FROM chosen
    UNION
    (SELECT customer_id FROM former EXCEPT SELECT customer_id FROM others)
"""
_IDENTIFIERS = """
    CREATE OR REPLACE TEMP TABLE erase_identifiers AS
    WITH current AS (SELECT identifier, kind, value, customer_id FROM identities WHERE known_to IS NULL)
    SELECT DISTINCT identifier, kind, value, identifier IN (
        SELECT identifier FROM current WHERE customer_id NOT IN (SELECT customer_id FROM erase_customers)
    ) AS is_shared
    FROM current
    WHERE customer_id IN (SELECT customer_id FROM erase_customers)
"""
# An event is the person's if it counts under an identifier that was theirs when it happened.
_IS_THEIRS = """EXISTS (
        SELECT 1
        FROM identities AS owner
        WHERE owner.known_to IS NULL
            AND owner.identifier = i.anchor
            AND owner.customer_id IN (SELECT customer_id FROM erase_customers)
            AND (owner.valid_from IS NULL OR i.occurred_at >= owner.valid_from)
            AND (owner.valid_to IS NULL OR i.occurred_at < owner.valid_to)
    )"""
_INTERACTIONS = f"""
    CREATE OR REPLACE TEMP TABLE erase_interactions AS
    SELECT i.*
    FROM interactions AS i
    WHERE i.anchor IN (SELECT identifier FROM erase_identifiers) AND {_IS_THEIRS}
"""
_VERSIONS = f"""
    CREATE OR REPLACE TEMP TABLE erase_versions AS
    SELECT i.*
    FROM interaction_versions AS i
    WHERE i.interaction_id IN (SELECT interaction_id FROM erase_interactions)
        OR (i.anchor IN (SELECT identifier FROM erase_identifiers) AND {_IS_THEIRS})
"""
# Every identifier on the events, whoever's it is: others' are learnt anew from what stays.
_CARRIED = f"""
    CREATE OR REPLACE TEMP TABLE erase_carried AS
    WITH
    events AS (
        SELECT identifiers FROM erase_interactions
        UNION ALL
        SELECT identifiers FROM erase_versions
    ),
    carried AS (SELECT UNNEST(identifiers, recursive := TRUE) FROM events)
    SELECT {identifier_sql("kind", "value")} AS identifier
    FROM carried
    UNION
    SELECT identifier FROM erase_identifiers
"""
# Those that somebody else's events carry, which stay.
_STAYING = f"""
    WITH
    events AS (
        SELECT identifiers FROM interactions
        UNION ALL
        SELECT identifiers FROM interaction_versions
    ),
    carried AS (SELECT UNNEST(identifiers, recursive := TRUE) FROM events)
    SELECT DISTINCT c.identifier
    FROM erase_carried AS c
    SEMI JOIN carried AS o ON {identifier_sql("o.kind", "o.value")} = c.identifier
"""


def gather_persons(con: duckdb.DuckDBPyConnection, customer_ids: Sequence[str]) -> None:
    """Fill the temporary tables for the persons behind the current `customer_ids`; changes nothing else."""
    con.execute(_CUSTOMERS, [list(customer_ids)])
    for query in (_IDENTIFIERS, _INTERACTIONS, _VERSIONS, _CARRIED):
        con.execute(query)


def mark_shared(con: duckdb.DuckDBPyConnection) -> bool:
    """Mark the identifiers that others' events carry, once the persons' events are deleted.

    Gives whether the persons' events named an identifier that others' events name too and that somebody is known by.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE erase_staying AS {_STAYING}")
    con.execute("UPDATE erase_identifiers SET is_shared = identifier IN (SELECT identifier FROM erase_staying)")
    row = con.execute(
        "SELECT COUNT(*) FROM erase_staying WHERE identifier IN (SELECT identifier FROM identities)"
    ).fetchone()
    con.execute("DROP TABLE temp.erase_staying")
    return bool(row and row[0])


def forget_persons(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the temporary tables."""
    drop_temporary(con, TEMPORARY_TABLES)
