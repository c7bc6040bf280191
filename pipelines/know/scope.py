"""Which customers a call of `know` looks at: temporary table know_scope (customer_id)."""

from datetime import datetime

import duckdb

from warehouse.run import Run

_EVERYONE = """
CREATE OR REPLACE TEMP TABLE know_scope AS
SELECT customer_id
FROM identities
WHERE known_to IS NULL
UNION
SELECT customer_id
FROM profiles
"""

# A row concerns its customer if it is new, or if time has moved over it: events from `passed` up to as_of
# were kept, but not profiled, by earlier runs. A copy that lost may have taken its row from its own anchor.
# An identifier that moved concerns its customer of today and all that ever had it.
_TOUCHED = """
CREATE OR REPLACE TEMP TABLE know_scope AS
WITH anchors AS (
  SELECT anchor
  FROM daily_activity
  WHERE commit_seq > $since OR (day >= $passed::DATE AND day < $as_of::DATE)
  UNION
  SELECT anchor
  FROM daily_categories
  WHERE commit_seq > $since OR (day >= $passed::DATE AND day < $as_of::DATE)
  UNION
  SELECT anchor
  FROM orders
  WHERE commit_seq > $since OR (ordered_at >= $passed AND ordered_at < $as_of)
  UNION
  SELECT anchor
  FROM contacts
  WHERE commit_seq > $since
    OR (
      GREATEST(sent_at, delivered_at, failed_at, opened_at, responded_at) >= $passed
      AND LEAST(sent_at, delivered_at, failed_at, opened_at, responded_at) < $as_of
    )
  UNION
  SELECT anchor
  FROM consents
  WHERE commit_seq > $since OR (stated_at >= $passed AND stated_at < $as_of)
  UNION
  SELECT anchor
  FROM interaction_versions
  WHERE commit_to > $since AND commit_from IS NOT NULL
),
moved AS (
  SELECT DISTINCT identifier
  FROM identities
  WHERE commit_seq > $since
)
SELECT customer_id
FROM identities
WHERE known_to IS NULL AND identifier IN (SELECT anchor FROM anchors)
UNION
SELECT customer_id
FROM identities
WHERE identifier IN (SELECT identifier FROM moved)
"""


def scope_customers(con: duckdb.DuckDBPyConnection, run: Run, since: int | None) -> int:
    """Make know_scope and return its size.

    Everyone if `since` is None or as_of went back behind a profile; else the customers that commits after
    `since`, or the time passed since the newest profile, touched.
    """
    passed = _profiled_up_to(con)
    if since is None or passed is None or passed > run.as_of:
        con.execute(_EVERYONE)
    else:
        con.execute(_TOUCHED, {"since": since, "passed": passed, "as_of": run.as_of})
    return scope_size(con)


def scope_one(con: duckdb.DuckDBPyConnection, customer_id: str) -> None:
    """Make know_scope hold one customer."""
    con.execute("CREATE OR REPLACE TEMP TABLE know_scope AS SELECT ?::VARCHAR AS customer_id", [customer_id])


def scope_size(con: duckdb.DuckDBPyConnection) -> int:
    """How many customers know_scope holds."""
    row = con.execute("SELECT COUNT(*) FROM know_scope").fetchone()
    return int(row[0]) if row else 0


def _profiled_up_to(con: duckdb.DuckDBPyConnection) -> datetime | None:
    row = con.execute("SELECT MAX(as_of) FROM profiles").fetchone()
    return row[0] if row else None
