"""What the increment touches: whole raw components, links that were refused included.

A refused link ties two customers together for the greedy pass, so a late link may re-decide both.
"""

import duckdb


def gather_members(con: duckdb.DuckDBPyConnection) -> bool:
    """Fill `resolve_members` with all identifiers whose customer is to be decided anew; False if none is.

    It starts at identifiers that are new or were seen earlier than known, and at the ends of
    `resolve_new_links`. One round takes the customers of the frontier with all their identifiers, and then
    what their links lead to outside; only refused links do, so nearly always one round is enough.
    """
    con.execute(_SEEDS)
    con.execute("CREATE OR REPLACE TEMP TABLE resolve_members AS FROM resolve_frontier LIMIT 0")
    rounds = 0
    while _any(con, "resolve_frontier"):
        con.execute(_REACHED)
        con.execute("INSERT INTO resolve_members FROM resolve_reached")
        con.execute(_OUTSIDE)
        rounds += 1
    return rounds > 0


_SEEDS = """
    CREATE OR REPLACE TEMP TABLE resolve_frontier AS
    WITH known AS (
        SELECT identifier, first_seen_at
        FROM identities
        WHERE known_to IS NULL
            AND identifier IN (SELECT identifier FROM resolve_seen)
    )
    SELECT seen.identifier
    FROM resolve_seen AS seen
    LEFT JOIN known USING (identifier)
    WHERE known.first_seen_at IS NULL
        OR seen.first_seen_at < known.first_seen_at
    UNION
    SELECT left_identifier FROM resolve_new_links
    UNION
    SELECT right_identifier FROM resolve_new_links
    UNION
    SELECT identifier FROM resolve_reopened
"""

_REACHED = """
    CREATE OR REPLACE TEMP TABLE resolve_reached AS
    WITH customers AS (
        SELECT DISTINCT customer_id
        FROM identities
        WHERE known_to IS NULL
            AND identifier IN (SELECT identifier FROM resolve_frontier)
    )
    SELECT identifier FROM resolve_frontier
    UNION
    SELECT identifier
    FROM identities
    WHERE known_to IS NULL
        AND customer_id IN (SELECT customer_id FROM customers)
"""

_OUTSIDE = """
    CREATE OR REPLACE TEMP TABLE resolve_frontier AS
    WITH neighbours AS (
        SELECT right_identifier AS identifier
        FROM identity_links
        WHERE left_identifier IN (SELECT identifier FROM resolve_reached)
        UNION ALL
        SELECT left_identifier AS identifier
        FROM identity_links
        WHERE right_identifier IN (SELECT identifier FROM resolve_reached)
    )
    SELECT DISTINCT identifier
    FROM neighbours
    ANTI JOIN resolve_members USING (identifier)
"""


def _any(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    return con.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None
