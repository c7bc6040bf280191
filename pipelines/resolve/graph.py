"""The members and what ties them as arrays, and the rules over them.

`resolve_nodes` are the members, numbered in the order in which they may be an anchor: priority, first sight, value,
kind. `resolve_ties` are the pairs of nodes that events, people and models tie.
"""

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.resolve.components import Flags, Nodes
from pipelines.resolve.partition import ACT, EVIDENCE, PROPOSAL, Decision, Facts, Ties, decide
from pipelines.resolve.said import accepted_sql
from schemas.identifiers import priority_sql
from schemas.table import literal
from warehouse.identity_settings import DEFAULT_PERIODS, IdentitySettings

_GROUPS = """
    CREATE OR REPLACE TEMP TABLE resolve_groups AS
    SELECT ROW_NUMBER() OVER (ORDER BY kind, period) - 1 AS number, kind, period
    FROM (SELECT DISTINCT kind, period FROM resolve_nodes)
"""
_NUMBERS = """
    SELECT number
    FROM resolve_nodes
    JOIN resolve_groups USING (kind, period)
    ORDER BY node
"""
_CONTESTED = """
    SELECT left_node, right_node, basis
    FROM resolve_ties
    WHERE left_node IN (SELECT node FROM resolve_contested)
    ORDER BY basis, place, CASE WHEN basis = {act} THEN tie_id END DESC, tie_id
"""


def partition(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> Decision:
    """Number the members, and decide which of them are one customer."""
    con.execute(_nodes_sql(settings))
    con.execute(_ties_sql(settings))
    ties = _ties(con, "SELECT left_node, right_node, basis FROM resolve_ties")
    return decide(_facts(con, settings), ties, lambda nodes: _in_order(con, nodes), settings.size_limit)


def _ties(con: duckdb.DuckDBPyConnection, query: str) -> Ties:
    found = con.execute(query).fetchnumpy()
    left, right, basis = (np.asarray(found[name], dtype=np.int64) for name in ("left_node", "right_node", "basis"))
    return Ties(left, right, basis)


def _in_order(con: duckdb.DuckDBPyConnection, nodes: Nodes) -> Ties:
    """The ties of whole components in the order of acceptance."""
    con.register("resolve_contested", pa.table({"node": nodes}))
    ties = _ties(con, _CONTESTED.format(act=ACT))
    con.unregister("resolve_contested")
    return ties


def _nodes_sql(settings: IdentitySettings) -> str:
    order = f"{priority_sql('kind', settings.priorities)} DESC, first_seen_at, value, kind"
    return f"""
        CREATE OR REPLACE TEMP TABLE resolve_nodes AS
        WITH known AS (
            SELECT identifier, kind, value,
                CASE WHEN identifier NOT IN (SELECT identifier FROM resolve_withdrawn) THEN first_seen_at END
                    AS first_seen_at
            FROM resolve_known
            WHERE valid_from IS NULL
        ),
        seen AS (
            FROM resolve_seen
            SEMI JOIN resolve_members USING (identifier)
        ),
        members AS (
            SELECT
                identifier,
                COALESCE(known.kind, seen.kind) AS kind,
                COALESCE(known.value, seen.value) AS value,
                LEAST(known.first_seen_at, seen.first_seen_at) AS first_seen_at
            FROM known
            FULL JOIN seen USING (identifier)
        )
        SELECT
            ROW_NUMBER() OVER (ORDER BY {order}) - 1 AS node,
            {_period_sql(settings)} AS period,
            *
        FROM members
    """


def _period_sql(settings: IdentitySettings) -> str:
    """In which period of its kind's limit an identifier was first seen: its start; always the same one for 'ever'."""
    at, ever = "first_seen_at AT TIME ZONE 'UTC'", "TIMESTAMP 'epoch'"
    kinds = sorted({*settings.periods, *DEFAULT_PERIODS})
    cases = " ".join(
        f"WHEN {literal(kind)} THEN date_trunc({literal(settings.period(kind))}, {at})"
        for kind in kinds
        if settings.period(kind) != "ever"
    )
    return f"CASE kind {cases} ELSE {ever} END" if cases else ever


def _facts(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> Facts:
    """The groups of the nodes with their limits, and the flags of the nodes."""
    con.execute(_GROUPS)
    kinds = [kind for (kind,) in con.execute("SELECT kind FROM resolve_groups ORDER BY number").fetchall()]
    groups = np.asarray(con.execute(_NUMBERS).fetchnumpy()["number"], dtype=np.int64)
    is_account = np.array([kind in settings.account_kinds for kind in kinds], dtype=bool)
    return Facts(
        groups=groups,
        limits=np.array([settings.limit(kind) for kind in kinds], dtype=np.int64),
        is_account=is_account[groups],
        is_crowded=_flags(con, len(groups), "SELECT identifier FROM resolve_crowded"),
        is_held=_flags(con, len(groups), "SELECT left_identifier FROM resolve_acts WHERE act = 'hold'"),
        is_released=_flags(con, len(groups), "SELECT left_identifier FROM resolve_acts WHERE act = 'release'"),
    )


def _flags(con: duckdb.DuckDBPyConnection, count: int, identifiers: str) -> Flags:
    flags = np.zeros(count, dtype=bool)
    found = con.execute(f"SELECT node FROM resolve_nodes WHERE identifier IN ({identifiers})").fetchnumpy()
    flags[np.asarray(found["node"], dtype=np.int64)] = True
    return flags


def _ties_sql(settings: IdentitySettings) -> str:
    """`place` and `tie_id` give the order of acceptance among ties of one basis."""
    return f"""
        CREATE OR REPLACE TEMP TABLE resolve_ties AS
        WITH said AS (
            SELECT left_identifier, right_identifier, {EVIDENCE} AS basis, epoch_us(occurred_at) AS place,
                link_id AS tie_id
            FROM identity_links
            UNION ALL
            SELECT left_identifier, right_identifier, {ACT}, -epoch_us(acted_at), act_id
            FROM resolve_acts
            WHERE act = 'link' AND NOT is_bounded
            UNION ALL
            SELECT left_identifier, right_identifier, {PROPOSAL}, (-1e15 * probability)::BIGINT, proposal_id
            FROM ({accepted_sql(settings, "SELECT identifier FROM resolve_members")})
        )
        SELECT one.node AS left_node, other.node AS right_node, basis, place, tie_id
        FROM said
        JOIN resolve_nodes AS one ON one.identifier = said.left_identifier
        JOIN resolve_nodes AS other ON other.identifier = said.right_identifier
        ANTI JOIN (FROM resolve_acts WHERE act = 'unlink') AS unlinked
            ON unlinked.left_identifier = said.left_identifier AND unlinked.right_identifier = said.right_identifier
    """
