"""What a call looks at: customers whose memberships may have changed, and the groups that this or time touches."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb

from pipelines.know.accounts.memberships import statements_sql
from pipelines.know.rolled import RolledTable, filled
from schemas.identifiers import identifier_sql
from warehouse.run import Run

TEMPORARY_TABLES = ("know_touched",)

# Evidence of rules may stand on an event under another anchor than the customer's.
_BY_LINKS = f"""
INSERT INTO know_scope
WITH named AS (
  SELECT left_identifier AS identifier
  FROM identity_links
  WHERE commit_seq > $since
  UNION
  SELECT right_identifier
  FROM identity_links
  WHERE commit_seq > $since
  UNION
  SELECT {identifier_sql("lost.identifier.kind", "lost.identifier.value")}
  FROM (
    SELECT unnest(identifiers) AS identifier
    FROM interaction_versions
    WHERE commit_to > $since AND commit_from IS NOT NULL
  ) AS lost
)
SELECT DISTINCT customer_id
FROM identities
WHERE known_to IS NULL AND identifier IN (SELECT identifier FROM named)
  AND customer_id NOT IN (SELECT customer_id FROM know_scope)
"""
_FELLOWS = """
INSERT INTO know_scope
SELECT DISTINCT customer_id
FROM memberships
WHERE group_id IN (SELECT UNNEST($besides::VARCHAR[])) AND customer_id NOT IN (SELECT customer_id FROM know_scope)
"""
_ALL_MEMBERS = """
INSERT INTO know_scope
SELECT DISTINCT customer_id
FROM memberships
WHERE customer_id NOT IN (SELECT customer_id FROM know_scope)
"""

_TOUCHED = "CREATE OR REPLACE TEMP TABLE know_touched AS "
_EVERY_GROUP = f"""
{_TOUCHED}
SELECT group_id FROM groups
UNION
SELECT group_id FROM account_profiles
UNION
SELECT group_id FROM know_memberships
UNION
SELECT group_id FROM {{statements}}
"""
_OF_MEMBERS = f"""
{_TOUCHED}
SELECT group_id
FROM memberships
WHERE customer_id IN (SELECT customer_id FROM know_scope)
UNION
SELECT group_id
FROM know_memberships
UNION
SELECT group_id
FROM group_statements
WHERE commit_seq > $since
UNION
SELECT UNNEST($besides::VARCHAR[])
"""
# Spans that begin or end, and statements that were made, between two times of asking.
_PASSED = """
INSERT INTO know_touched
SELECT group_id
FROM memberships
WHERE (valid_from >= $passed AND valid_from < $as_of) OR (valid_to >= $passed AND valid_to < $as_of)
UNION
SELECT group_id
FROM group_statements
WHERE stated_at >= $passed AND stated_at < $as_of
"""
# Events of which another copy won said something of a group, too.
_LOST = """
INSERT INTO know_touched
SELECT group_id
FROM ({statements})
"""
_LOST_EVENTS = "(SELECT * FROM interaction_versions WHERE commit_to > {since} AND commit_from IS NOT NULL)"


def scope_members(
    con: duckdb.DuckDBPyConnection, since: int | None, besides: Sequence[str], *, has_rules: bool
) -> None:
    """Add to know_scope, the customers that an increment touches, those whose memberships it may change besides.

    Members of the groups `besides` are among them.
    """
    if since is None:
        con.execute(_ALL_MEMBERS)
        return
    if has_rules:
        con.execute(_BY_LINKS, {"since": since})
    if besides:
        con.execute(_FELLOWS, {"besides": list(besides)})


def scope_every_group(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Make know_touched hold every group; needs know_memberships."""
    con.execute(_EVERY_GROUP.replace("{statements}", statements_sql(run.settings)))


def scope_groups(
    con: duckdb.DuckDBPyConnection,
    run: Run,
    since: int,
    passed: datetime,
    besides: Sequence[str],
    rolled: Mapping[str, RolledTable],
) -> None:
    """Make know_touched: the groups of know_scope's customers, those that commits after `since` speak of, `besides`.

    When as_of moves on from `passed`, those for whom this changes something are among them.
    """
    con.execute(_OF_MEMBERS, {"since": since, "besides": list(besides)})
    if passed < run.as_of:
        con.execute(_PASSED, {"passed": passed, "as_of": run.as_of})
    if "group_statements" in rolled:
        lost = filled(rolled["group_statements"], _LOST_EVENTS.format(since=int(since)))
        con.execute(_LOST.replace("{statements}", lost))
