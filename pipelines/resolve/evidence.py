"""What the increment says about identifiers: when each was seen, and which belong together.

Every identifier of an event is linked to the event's anchor (a star, not all pairs). Events that a machine
made count too: the identifiers in them come from the company's own systems, whoever set the event off. So do
events after `as_of`: it bounds what is profiled, not who somebody is.
"""

import duckdb

from schemas.identifiers import anchor_sql, blocked_sql, identifier_sql
from schemas.keys import key_sql
from warehouse.queries import has_rows, number
from warehouse.run import Run
from warehouse.settings import IdentitySettings

SAME_EVENT = "same_event"
ALIAS = "alias"

_BEFORE_ALL_COMMITS = -1


def gather_events(con: duckdb.DuckDBPyConnection, since: int | None) -> None:
    """Make the view `resolve_events`: interactions after commit `since`, and those of `resolve_reread`."""
    con.execute(f"""
        CREATE OR REPLACE TEMP VIEW resolve_events AS
        SELECT interaction_id, occurred_at, event_name, identifiers
        FROM interactions
        WHERE commit_seq > {_BEFORE_ALL_COMMITS if since is None else since}
        UNION ALL
        SELECT interaction_id, occurred_at, event_name, identifiers
        FROM temp.resolve_reread
    """)


def gather_seen(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> int:
    """Fill `resolve_seen` (identifier, kind, value, first_seen_at) from `resolve_events`; links must be up to date.

    Of identifiers in `resolve_withdrawn` all events count: those that have it as their anchor are in the rollup
    `daily_activity`, the others are evidence for a link of it. Returns the number of identifiers; blocked values are
    left out.
    """
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE resolve_seen AS
        WITH carried AS (
            SELECT occurred_at, UNNEST(identifiers, recursive := TRUE)
            FROM resolve_events
        ),
        first_seen AS (
            SELECT kind, value, MIN(occurred_at) AS first_seen_at
            FROM carried
            GROUP BY kind, value
        )
        SELECT {identifier_sql("kind", "value")} AS identifier, kind, value, first_seen_at
        FROM first_seen
        WHERE kind IS NOT NULL
            AND NOT {blocked_sql("value", settings.blocked_values)}
    """)
    if has_rows(con, "resolve_withdrawn"):
        con.execute(_SEEN_BEFORE)
    return number(con, "SELECT COUNT(*) FROM resolve_seen")


_SEEN_BEFORE = """
    CREATE OR REPLACE TEMP TABLE resolve_seen AS
    WITH sightings AS (
        SELECT anchor AS identifier, MIN(first_at) AS first_seen_at
        FROM daily_activity
        WHERE anchor IN (SELECT identifier FROM resolve_withdrawn)
        GROUP BY anchor
        UNION ALL
        SELECT left_identifier, MIN(occurred_at)
        FROM identity_links
        WHERE left_identifier IN (SELECT identifier FROM resolve_withdrawn)
        GROUP BY left_identifier
        UNION ALL
        SELECT right_identifier, MIN(occurred_at)
        FROM identity_links
        WHERE right_identifier IN (SELECT identifier FROM resolve_withdrawn)
        GROUP BY right_identifier
    )
    SELECT identifier, kind, value, MIN(first_seen_at) AS first_seen_at
    FROM (
        FROM resolve_seen
        UNION ALL
        SELECT identifier, kind, value, first_seen_at
        FROM sightings
        JOIN resolve_withdrawn USING (identifier)
    )
    GROUP BY identifier, kind, value
"""


def add_links(con: duckdb.DuckDBPyConnection, run: Run) -> int:
    """Append the links of `resolve_events` to `identity_links`; returns how many.

    A pair under one rule is appended when it is new or when its evidence comes before the earliest known one
    by (occurred_at, link_id). The earliest evidence of a pair is therefore the same for every order of
    arrival. The new rows stay in `resolve_new_links`.
    """
    _gather_evidence(con, run.settings.identity)
    con.execute(_NEW_LINKS)
    added = number(con, "SELECT COUNT(*) FROM resolve_new_links")
    if added:
        con.execute(
            """
            INSERT INTO identity_links BY NAME
            SELECT *, 1.0 AS confidence, ? AS commit_seq
            FROM resolve_new_links
            """,
            [run.commit_seq],
        )
    return added


_LINK_ID = key_sql("left_identifier", "right_identifier", "rule", "interaction_id")

_NEW_LINKS = """
    CREATE OR REPLACE TEMP TABLE resolve_new_links AS
    WITH known AS (
        SELECT
            left_identifier,
            right_identifier,
            rule,
            MIN({'occurred_at': occurred_at, 'link_id': link_id}) AS evidence
        FROM identity_links
        WHERE left_identifier IN (SELECT left_identifier FROM resolve_evidence)
        GROUP BY left_identifier, right_identifier, rule
    )
    SELECT
        found.evidence.link_id AS link_id,
        left_identifier,
        right_identifier,
        rule,
        found.evidence.occurred_at AS occurred_at,
        found.evidence.interaction_id AS interaction_id
    FROM resolve_evidence AS found
    LEFT JOIN known USING (left_identifier, right_identifier, rule)
    WHERE known.evidence IS NULL
        OR (found.evidence.occurred_at, found.evidence.link_id)
            < (known.evidence.occurred_at, known.evidence.link_id)
"""


def _gather_evidence(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """Fill `resolve_evidence`: each pair of identifiers under a rule, with its earliest evidence."""
    blocked = blocked_sql("identifier.value", settings.blocked_values)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE resolve_evidence AS
        WITH events AS (
            SELECT
                interaction_id,
                occurred_at,
                CASE event_name WHEN '{ALIAS}' THEN '{ALIAS}' ELSE '{SAME_EVENT}' END AS rule,
                LIST_FILTER(identifiers, lambda identifier: NOT {blocked}) AS unblocked
            FROM resolve_events
            WHERE LEN(identifiers) > 1
        ),
        stars AS (
            SELECT
                interaction_id,
                occurred_at,
                rule,
                {anchor_sql("unblocked", settings.priorities)} AS anchor,
                UNNEST(unblocked, recursive := TRUE)
            FROM events
            WHERE LEN(unblocked) > 1
        ),
        pairs AS (
            SELECT
                LEAST(anchor, {identifier_sql("kind", "value")}) AS left_identifier,
                GREATEST(anchor, {identifier_sql("kind", "value")}) AS right_identifier,
                rule,
                occurred_at,
                interaction_id
            FROM stars
            WHERE anchor <> {identifier_sql("kind", "value")}
        )
        SELECT
            left_identifier,
            right_identifier,
            rule,
            MIN({{
                'occurred_at': occurred_at,
                'link_id': {_LINK_ID},
                'interaction_id': interaction_id
            }}) AS evidence
        FROM pairs
        GROUP BY left_identifier, right_identifier, rule
        """
    )
