"""Evidence that no longer stands: events of which another copy won after they had been looked at.

Such an event may have been the first sight of an identifier, or the earliest evidence for a link. If it was neither,
nothing changes; else only what it said is looked at again. Links are stars: whatever ties two identifiers is an event
whose anchor is the better of the two, so the next evidence for a pair lies among the events of that anchor, on the
days that the rollup `daily_activity` has for it.
"""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import duckdb

from schemas.identifiers import blocked_sql, identifier_sql, priority_sql
from schemas.table import literal
from warehouse.queries import has_rows
from warehouse.run import Run

# Rows of events that lost after a commit, the parameter.
LOST = "SELECT * FROM interaction_versions WHERE commit_from IS NOT NULL AND commit_to > ?"
_MOST_RANGES = 100


def withdraw(con: duckdb.DuckDBPyConnection, run: Run, since: int | None, lost: str = LOST) -> None:
    """Take back what events said that lost after commit `since`, the rows of the query `lost`.

    Rollups must have followed already. Removes the links that they are the evidence for. Fills `resolve_withdrawn`
    (identifier, kind, value: those whose first sight may be lost), `resolve_reopened` (all identifiers of the customers
    to decide anew) and `resolve_reread` (the events among which other evidence for the links is; nothing if `since` is
    None: then all are read anyway).
    """
    con.execute(_carried_sql(run, lost), [-1 if since is None else since])
    con.execute(_BROKEN)
    con.execute(_WITHDRAWN)
    con.execute(_REOPENED)
    con.execute(_NO_EVENTS)
    if has_rows(con, "resolve_broken"):
        con.execute(
            "DELETE FROM identity_links WHERE left_identifier IN (SELECT left_identifier FROM resolve_broken) "
            "AND link_id IN (SELECT link_id FROM resolve_broken)"
        )
        if since is not None:
            _reread(con, run)


def _carried_sql(run: Run, lost: str) -> str:
    """What the lost events carried: `resolve_carried`."""
    return f"""
        CREATE OR REPLACE TEMP TABLE resolve_carried AS
        WITH carried AS (
            SELECT interaction_id, occurred_at, UNNEST(identifiers, recursive := TRUE)
            FROM ({lost})
        )
        SELECT {identifier_sql("kind", "value")} AS identifier, kind, value, interaction_id, occurred_at
        FROM carried
        WHERE NOT {blocked_sql("value", run.settings.identity.blocked_values)}
    """


_BROKEN = """
    CREATE OR REPLACE TEMP TABLE resolve_broken AS
    SELECT link_id, left_identifier, right_identifier, rule, occurred_at
    FROM identity_links
    WHERE left_identifier IN (SELECT identifier FROM resolve_carried)
        AND interaction_id IN (SELECT interaction_id FROM resolve_carried)
"""

_WITHDRAWN = """
    CREATE OR REPLACE TEMP TABLE resolve_withdrawn AS
    SELECT DISTINCT identifier, carried.kind, carried.value
    FROM identities
    JOIN resolve_carried AS carried USING (identifier)
    WHERE known_to IS NULL
        AND carried.occurred_at <= first_seen_at
"""

_REOPENED = """
    CREATE OR REPLACE TEMP TABLE resolve_reopened AS
    WITH doubtful AS (
        SELECT identifier FROM resolve_withdrawn
        UNION
        SELECT left_identifier FROM resolve_broken
        UNION
        SELECT right_identifier FROM resolve_broken
    ),
    customers AS (
        SELECT DISTINCT customer_id
        FROM identities
        WHERE known_to IS NULL
            AND identifier IN (SELECT identifier FROM doubtful)
    )
    SELECT identifier
    FROM identities
    WHERE known_to IS NULL
        AND customer_id IN (SELECT customer_id FROM customers)
"""

_NO_EVENTS = """
    CREATE OR REPLACE TEMP TABLE resolve_reread AS
    SELECT interaction_id, occurred_at, event_name, identifiers
    FROM interactions
    LIMIT 0
"""


def _reread(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Fill `resolve_reread`: events of the anchors of broken links, from the lost evidence up to what is left."""
    con.execute(_days_sql(run))
    days = [day for (day,) in con.execute("SELECT DISTINCT day FROM resolve_days ORDER BY day").fetchall()]
    if days:
        con.execute(f"""
            INSERT INTO resolve_reread
            SELECT interaction_id, occurred_at, event_name, identifiers
            FROM interactions
            WHERE ({" OR ".join(ranges_sql(days))})
                AND anchor IN (SELECT anchor FROM resolve_days)
        """)


def _days_sql(run: Run) -> str:
    """The days on which the anchor of a broken link was active and evidence earlier than what is left may lie."""
    priority = priority_sql("kind", run.settings.identity.priorities)
    return f"""
        CREATE OR REPLACE TEMP TABLE resolve_days AS
        WITH pairs AS (
            SELECT left_identifier, right_identifier, rule, MIN(occurred_at) AS lost_at
            FROM resolve_broken
            GROUP BY ALL
        ),
        remaining AS (
            SELECT left_identifier, right_identifier, rule, MIN(occurred_at) AS known_at
            FROM identity_links
            WHERE left_identifier IN (SELECT left_identifier FROM resolve_broken)
            GROUP BY ALL
        ),
        ranked AS (
            SELECT identifier, ROW_NUMBER() OVER (ORDER BY {priority} DESC, value, kind) AS rank
            FROM (SELECT DISTINCT identifier, kind, value FROM resolve_carried)
        ),
        sought AS (
            SELECT
                CASE WHEN one.rank < other.rank THEN left_identifier ELSE right_identifier END AS anchor,
                lost_at::DATE AS first_day,
                known_at::DATE AS last_day
            FROM pairs
            LEFT JOIN remaining USING (left_identifier, right_identifier, rule)
            JOIN ranked AS one ON one.identifier = left_identifier
            JOIN ranked AS other ON other.identifier = right_identifier
        )
        SELECT DISTINCT sought.anchor, activity.day
        FROM daily_activity AS activity
        JOIN sought ON sought.anchor = activity.anchor
        WHERE activity.day >= first_day
            AND activity.day <= COALESCE(last_day, activity.day)
    """


def ranges_sql(days: list[date]) -> list[str]:
    """Predicates over `occurred_at` that together hold on all `days` (ascending, at least one).

    They are few, so that a reader leaves out files and row groups by them: the smallest gaps are closed.
    """
    gaps = sorted((later - day for day, later in pairwise(days)), reverse=True)
    widest = max([timedelta(days=1), *gaps[_MOST_RANGES - 1 : _MOST_RANGES]])
    bounds = [days[0]]
    for day, later in pairwise(days):
        if later - day > widest:
            bounds += [day, later]
    bounds.append(days[-1])
    return [
        f"(occurred_at >= {_midnight(first)} AND occurred_at < {_midnight(last + timedelta(days=1))})"
        for first, last in zip(bounds[::2], bounds[1::2], strict=True)
    ]


def _midnight(day: date) -> str:
    return f"{literal(datetime.combine(day, time(), UTC).isoformat())}::TIMESTAMPTZ"
