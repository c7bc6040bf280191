"""Evidence that no longer stands: events of which another copy won after they had been looked at.

Such an event may have been the first sight of an identifier, or all that ties two together. What it said is taken
back, and everything is gathered again; that is the cost of a correction, not of an increment without one.
"""

import duckdb

from schemas.identifiers import identifier_sql


def withdraw(con: duckdb.DuckDBPyConnection, since: int | None) -> bool:
    """Take back what events said that lost after commit `since`; whether there are any.

    Removes their links, and fills `resolve_withdrawn` (identifiers that they carried) and `resolve_reopened` (all
    identifiers of the customers concerned).
    """
    lost = "SELECT * FROM interaction_versions WHERE commit_from IS NOT NULL AND commit_to > ?"
    known = -1 if since is None else since
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE resolve_withdrawn AS
        WITH carried AS (
            SELECT UNNEST(identifiers, recursive := TRUE)
            FROM ({lost})
        )
        SELECT DISTINCT {identifier_sql("kind", "value")} AS identifier
        FROM carried
        """,
        [known],
    )
    con.execute("""
        CREATE OR REPLACE TEMP TABLE resolve_reopened AS
        WITH customers AS (
            SELECT DISTINCT customer_id
            FROM identities
            WHERE known_to IS NULL
                AND identifier IN (SELECT identifier FROM resolve_withdrawn)
        )
        SELECT identifier
        FROM identities
        WHERE known_to IS NULL
            AND customer_id IN (SELECT customer_id FROM customers)
    """)
    if con.execute("SELECT 1 FROM resolve_withdrawn LIMIT 1").fetchone() is None:
        return False
    con.execute(
        f"DELETE FROM identity_links WHERE interaction_id IN (SELECT interaction_id FROM ({lost}))",
        [known],
    )
    return True
