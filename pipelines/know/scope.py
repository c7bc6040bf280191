"""Which customers a call of `know` looks at: temporary table know_scope (customer_id)."""

from datetime import datetime

import duckdb

from pipelines.know.premises import profiled_up_to
from warehouse.queries import number
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

# A row concerns its customer if it is new; an order or a contact also those whom an event on it belongs to, as
# another may have won it. A copy that lost may have taken its row from its own anchor.
# Each filter stands alone, so that files without new rows are left out by their statistics.
_NEW = """
SELECT anchor
FROM daily_activity
WHERE commit_seq > $since
UNION
SELECT anchor
FROM daily_categories
WHERE commit_seq > $since
UNION
SELECT unnest(anchors)
FROM orders
WHERE commit_seq > $since
UNION
SELECT unnest(anchors)
FROM contacts
WHERE commit_seq > $since
UNION
SELECT anchor
FROM consents
WHERE commit_seq > $since
UNION
SELECT anchor
FROM statements
WHERE commit_seq > $since
UNION
SELECT anchor
FROM interaction_versions
WHERE commit_to > $since AND commit_from IS NOT NULL
"""

# Events from `passed` up to as_of were kept, but not profiled, by earlier runs. Without any of them, time changes
# what is said of orders, contacts, interests and consents that expire, and nothing else.
_PASSED = """
SELECT anchor
FROM interactions
WHERE occurred_at >= $passed AND occurred_at < $as_of
UNION
SELECT unnest(anchors)
FROM orders
UNION
SELECT unnest(anchors)
FROM contacts
UNION
SELECT anchor
FROM daily_categories
UNION
SELECT anchor
FROM consents
WHERE expires_at > $passed AND expires_at <= $as_of
"""

# An identifier that moved concerns its customer of today and all that ever had it.
_CONCERNED = """
CREATE OR REPLACE TEMP TABLE know_scope AS
WITH moved AS (
  SELECT DISTINCT identifier
  FROM identities
  WHERE commit_seq > $since
)
SELECT customer_id
FROM identities
WHERE known_to IS NULL AND identifier IN (SELECT anchor FROM know_anchors)
UNION
SELECT customer_id
FROM identities
WHERE identifier IN (SELECT identifier FROM moved)
"""

TEMPORARY_TABLES = ("know_scope", "know_anchors")


def scope_customers(con: duckdb.DuckDBPyConnection, run: Run, since: int | None) -> int:
    """Make know_scope and return its size.

    Everyone if `since` is None or as_of went back; else the customers that commits after `since`, or the time passed
    since the last call of `know`, touched.
    """
    passed = profiled_up_to(con)
    if since is None or passed is None or passed > run.as_of:
        con.execute(_EVERYONE)
    else:
        _gather_anchors(con, run, since, passed)
        con.execute(_CONCERNED, {"since": since})
    return scope_size(con)


def _gather_anchors(con: duckdb.DuckDBPyConnection, run: Run, since: int, passed: datetime) -> None:
    con.execute(f"CREATE OR REPLACE TEMP TABLE know_anchors AS {_NEW}", {"since": since})
    if passed < run.as_of:
        con.execute(f"INSERT INTO know_anchors {_PASSED}", {"passed": passed, "as_of": run.as_of})


def scope_one(con: duckdb.DuckDBPyConnection, customer_id: str) -> None:
    """Make know_scope hold one customer."""
    con.execute("CREATE OR REPLACE TEMP TABLE know_scope AS SELECT ?::VARCHAR AS customer_id", [customer_id])


def scope_size(con: duckdb.DuckDBPyConnection) -> int:
    """How many customers know_scope holds."""
    return number(con, "SELECT COUNT(*) FROM know_scope")
