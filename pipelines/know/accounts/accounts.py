"""Bring groups, memberships and account_profiles up to date, inside a call of `know`.

An account has the traits of a customer, by the same files: the rollups are regrouped to the group instead of the
customer. It has the identifiers of all customers who belong to it at as_of, each once, whatever they did and when.
"""

from collections.abc import Mapping, Sequence

import duckdb

from pipelines.know import changes, channels, inputs, interests, premises, profiles
from pipelines.know.accounts import groups, memberships, scope
from pipelines.know.accounts.rules import chosen_rules
from pipelines.know.rolled import RolledTable
from pipelines.know.traits import trait_columns
from schemas.tables import tables
from warehouse.queries import has_rows
from warehouse.run import Run

_OWN = (*scope.TEMPORARY_TABLES, *memberships.TEMPORARY_TABLES, *groups.TEMPORARY_TABLES)
TEMPORARY_TABLES = (*_OWN, "know_members", "know_accounts")
_STAMPS = ("as_of", "commit_seq")

# What several customers share has a customer of its own, who does what it says, but is nobody.
_MEMBERS = """
CREATE OR REPLACE TEMP TABLE know_members AS
SELECT DISTINCT m.group_id, m.customer_id, m.customer_id IN (
    SELECT customer_id FROM identities WHERE known_to IS NULL AND relation = 'own'
  ) AS is_nobody
FROM memberships AS m
SEMI JOIN know_touched USING (group_id)
WHERE m.valid_from < (SELECT as_of FROM know_clock)
  AND (m.valid_to IS NULL OR m.valid_to >= (SELECT as_of FROM know_clock))
"""
_IDENTIFIERS = """
SELECT i.* REPLACE (m.group_id AS customer_id)
FROM ({identifiers}) AS i
JOIN know_members AS m ON m.customer_id = i.customer_id
"""
_ACCOUNTS = """
CREATE OR REPLACE TEMP TABLE know_accounts AS
WITH counts AS (
  SELECT group_id, COUNT(*) FILTER (WHERE NOT is_nobody) AS member_count
  FROM know_members
  GROUP BY group_id
)
SELECT c.group_id, c.member_count, p.* EXCLUDE (customer_id, anchor, identifier_count)
FROM know_profiles AS p
JOIN counts AS c ON c.group_id = p.customer_id
"""


def follow_accounts(
    con: duckdb.DuckDBPyConnection,
    run: Run,
    since: int | None,
    rolled: Mapping[str, RolledTable],
    besides: Sequence[str] = (),
) -> None:
    """Bring the three tables up to `run.as_of`; know_scope holds the customers that the call of `know` looked at.

    Only groups of these, groups that commits after `since` (None: all) or passing time change, and `besides` are
    computed again. Without rules and statements nothing is looked at. Raises RapportError for an unknown rule.
    """
    rules = chosen_rules(run.settings.groups)
    if not rules and not any(has_rows(con, name) for name in ("group_statements", "groups")):
        return
    passed = premises.profiled_up_to(con)
    known = since if passed is not None and passed <= run.as_of else None
    premises.prepare_premises(con, run.settings, run.as_of)
    scope.scope_members(con, known, besides, has_rules=bool(rules))
    memberships.prepare_memberships(con, run, rules)
    if known is None or passed is None:
        scope.scope_every_group(con, run)
    else:
        scope.scope_groups(con, run, known, passed, besides, rolled)
    _write(con, run, "memberships", "know_memberships", "customer_id")
    if has_rows(con, "know_touched"):
        _follow_groups(con, run, rolled)


def _follow_groups(con: duckdb.DuckDBPyConnection, run: Run, rolled: Mapping[str, RolledTable]) -> None:
    """Bring `groups` and `account_profiles` up to date for the groups of know_touched."""
    groups.prepare_groups(con, run)
    con.execute(_MEMBERS)
    _scope(con, "SELECT DISTINCT customer_id FROM know_members")
    inputs.prepare_inputs(con, run, rolled, regrouped=_IDENTIFIERS)
    channels.prepare_channels(con)
    interests.prepare_interests(con)
    profiles.prepare_profiles(con)
    con.execute(_ACCOUNTS)
    _scope(con, "SELECT DISTINCT group_id AS customer_id FROM know_touched")
    _write(con, run, "groups", "know_groups", "group_id")
    _write(con, run, "account_profiles", "know_accounts", "group_id")


def _scope(con: duckdb.DuckDBPyConnection, query: str) -> None:
    con.execute(f"CREATE OR REPLACE TEMP TABLE know_scope AS {query}")


def _write(con: duckdb.DuckDBPyConnection, run: Run, table: str, source: str, owner: str) -> None:
    found = tables()[table]
    columns = (*found.column_names, *(column.name for column in (trait_columns() if found.grows else ())))
    telling = [name for name in columns if name not in _STAMPS]
    changes.write_changes(con, run, table, source, telling, owner=owner)
