"""What the increment touches: whole raw components, links that were refused included.

A refused link ties two customers together for the greedy pass, so a late link may re-decide both. An identifier over
its degree limit links nothing, so nothing is looked for behind it, unless it may have just come over the limit.
"""

import duckdb

from pipelines.resolve.said import accepted_sql
from warehouse.queries import has_rows
from warehouse.settings import IdentitySettings


def gather_members(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, since: int | None) -> bool:
    """Fill `resolve_members` with all identifiers whose customer is to be decided anew; False if none is.

    It starts at identifiers that are new or were seen earlier than known, at the ends of `resolve_new_links`, and at
    what people and models have said after commit `since`; everyone is if that is None. One round takes the customers
    of the frontier with all their identifiers, and then what their links lead to outside; only refused links do, so
    nearly always one round is enough. `resolve_crowded` are the members over their degree limit.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE resolve_members (identifier VARCHAR)")
    con.execute("CREATE OR REPLACE TEMP TABLE resolve_crowded (identifier VARCHAR, degree BIGINT)")
    if since is None:
        con.execute("INSERT INTO resolve_members SELECT identifier FROM resolve_seen")
        con.execute(f"INSERT INTO resolve_crowded {_crowded_sql(_ALL_ENDS, settings)}")
        return has_rows(con, "resolve_members")
    con.execute(_SEEDS)
    rounds = 0
    while has_rows(con, "resolve_frontier"):
        con.execute(_REACHED)
        con.execute("INSERT INTO resolve_members FROM resolve_reached")
        con.execute(_ENDS)
        con.execute(f"INSERT INTO resolve_crowded {_crowded_sql('SELECT * FROM resolve_ends', settings)}")
        con.execute(_outside_sql(settings))
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
    SELECT UNNEST([left_identifier, right_identifier]) FROM resolve_new_links
    UNION
    SELECT UNNEST([left_identifier, right_identifier]) FROM resolve_scored
    UNION
    SELECT UNNEST([left_identifier, COALESCE(right_identifier, left_identifier)]) FROM resolve_acts WHERE is_new
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
    ),
    found AS (
        SELECT identifier FROM resolve_frontier
        UNION
        SELECT identifier
        FROM identities
        WHERE known_to IS NULL
            AND customer_id IN (SELECT customer_id FROM customers)
    )
    SELECT identifier
    FROM found
    ANTI JOIN resolve_members USING (identifier)
"""

_ENDS = """
    CREATE OR REPLACE TEMP TABLE resolve_ends AS
    SELECT left_identifier AS identifier, right_identifier AS other
    FROM identity_links
    WHERE left_identifier IN (SELECT identifier FROM resolve_reached)
    UNION ALL
    SELECT right_identifier, left_identifier
    FROM identity_links
    WHERE right_identifier IN (SELECT identifier FROM resolve_reached)
"""

_ALL_ENDS = """
    SELECT UNNEST([left_identifier, right_identifier]) AS identifier,
        UNNEST([right_identifier, left_identifier]) AS other
    FROM identity_links
"""


def _crowded_sql(ends: str, settings: IdentitySettings) -> str:
    """The identifiers of `ends` with links to too many others that nobody has unlinked, unless they are released."""
    return f"""
        WITH ends AS ({ends}),
        many AS (
            SELECT identifier
            FROM ends
            WHERE identifier NOT IN (SELECT left_identifier FROM resolve_acts WHERE act = 'release')
            GROUP BY identifier
            HAVING COUNT(*) > {settings.degree_limit}
        )
        SELECT identifier, COUNT(DISTINCT other) AS degree
        FROM ends
        SEMI JOIN many USING (identifier)
        ANTI JOIN (FROM resolve_acts WHERE act = 'unlink') AS unlinked
            ON unlinked.left_identifier = LEAST(identifier, other)
            AND unlinked.right_identifier = GREATEST(identifier, other)
        GROUP BY identifier
        HAVING COUNT(DISTINCT other) > {settings.degree_limit}
    """


def _outside_sql(settings: IdentitySettings) -> str:
    """What the reached lead to. Those that were over the limit before this increment lead nowhere."""
    reached = "SELECT identifier FROM resolve_reached"
    return f"""
        CREATE OR REPLACE TEMP TABLE resolve_frontier AS
        WITH news AS (
            SELECT identifier, COUNT(*) AS links
            FROM (SELECT UNNEST([left_identifier, right_identifier]) AS identifier FROM resolve_new_links)
            GROUP BY identifier
        ),
        closed AS (
            SELECT identifier
            FROM resolve_crowded
            LEFT JOIN news USING (identifier)
            WHERE degree - COALESCE(links, 0) > {settings.degree_limit}
                AND identifier NOT IN (SELECT left_identifier FROM resolve_acts WHERE is_new)
                AND identifier NOT IN (
                    SELECT right_identifier FROM resolve_acts WHERE is_new AND right_identifier IS NOT NULL
                )
        ),
        said AS (
            SELECT left_identifier, right_identifier FROM resolve_acts WHERE act = 'link'
            UNION ALL
            SELECT left_identifier, right_identifier FROM ({accepted_sql(settings, reached)})
        ),
        neighbours AS (
            SELECT other AS identifier
            FROM resolve_ends
            WHERE identifier NOT IN (SELECT identifier FROM closed)
            UNION ALL
            SELECT right_identifier FROM said WHERE left_identifier IN ({reached})
            UNION ALL
            SELECT left_identifier FROM said WHERE right_identifier IN ({reached})
        )
        SELECT DISTINCT identifier
        FROM neighbours
        ANTI JOIN resolve_members USING (identifier)
    """
