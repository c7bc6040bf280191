"""Resolve: links from interactions, customers from links, and the current map of identifiers to customers.

`identities` and `identity_links` carry the history; only the increment's interactions are read. Both tables
are written only where something changed.
"""

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.resolve.components import (
    NO_LIMIT,
    Nodes,
    Partition,
    accept_in_order,
    component_anchors,
    in_conflict,
)
from pipelines.resolve.evidence import add_links, gather_events, gather_seen
from pipelines.resolve.touched import gather_members
from pipelines.resolve.withdrawn import LOST, withdraw
from schemas.identifiers import priority_sql
from schemas.keys import key_sql
from schemas.table import literal
from warehouse.run import Run
from warehouse.settings import IdentitySettings

_TEMPORARY = (
    "carried",
    "withdrawn",
    "reopened",
    "broken",
    "days",
    "reread",
    "seen",
    "evidence",
    "new_links",
    "frontier",
    "reached",
    "members",
    "nodes",
    "ties",
    "changed",
)


@dataclass(frozen=True)
class ResolveReport:
    """What one call found and changed.

    `customers` are those behind the identifiers that the increment mentions; `customers_changed` those that
    are new, gone, or have gained or lost an identifier or an earlier first sight of one (their rows of
    `identities` carry the run's commit_seq); `links_refused` the pairs that the greedy pass refused in the
    components that it decided anew.
    """

    links_added: int = 0
    identifiers_seen: int = 0
    customers: int = 0
    customers_changed: int = 0
    links_refused: int = 0


def resolve(con: duckdb.DuckDBPyConnection, run: Run, since: int | None, *, lost: str = LOST) -> ResolveReport:
    """Bring links and identities up to date with the interactions of commits after `since` (None: all).

    The current identities are a function of the set of interactions alone: neither their order nor their
    split into calls changes anything. A call without news writes nothing. The rollups must be up to date. `lost` is a
    query for the rows of events that went away after a commit, its parameter.
    """
    withdraw(con, run, since, lost)
    gather_events(con, since)
    added = add_links(con, run)
    seen = gather_seen(con, run.settings.identity)
    _close_vanished(con, run)
    changed, refused = 0, 0
    if gather_members(con):
        partition = _partition(con, run.settings.identity)
        changed, refused = _write(con, run, partition.anchors), partition.refused
    customers = _number(con, _CUSTOMERS_SEEN)
    con.execute("DROP VIEW IF EXISTS temp.resolve_events")
    for name in _TEMPORARY:
        con.execute(f"DROP TABLE IF EXISTS temp.resolve_{name}")
    return ResolveReport(added, seen, customers, changed, refused)


def _close_vanished(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Close the identifiers that no event carries any more."""
    vanished = """
        SELECT withdrawn.identifier
        FROM resolve_withdrawn AS withdrawn
        JOIN identities AS known ON known.identifier = withdrawn.identifier AND known.known_to IS NULL
        ANTI JOIN resolve_seen AS seen ON seen.identifier = withdrawn.identifier
    """
    if _number(con, f"SELECT COUNT(*) FROM ({vanished})"):
        con.execute(
            f"UPDATE identities SET known_to = ?, commit_seq = ? WHERE known_to IS NULL AND identifier IN ({vanished})",
            [run.started_at, run.commit_seq],
        )


def _partition(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> Partition:
    """Number the members and their links (`resolve_nodes`, `resolve_ties`) and find the anchor of each."""
    con.execute(_nodes_sql(settings))
    con.execute(_TIES)
    accounts = _columns(con, "SELECT account FROM resolve_nodes ORDER BY node")["account"]
    ties = _columns(con, "SELECT left_node, right_node FROM resolve_ties")
    anchors = component_anchors(len(accounts), ties["left_node"], ties["right_node"])
    contested = in_conflict(anchors, accounts)
    if not len(contested):
        return Partition(anchors, 0)
    ordered = _ordered_ties(con, contested)
    # The greedy pass works on the contested nodes alone, renumbered by their rank: the order stays.
    left, right = (np.searchsorted(contested, ordered[end]) for end in ("left_node", "right_node"))
    decided = accept_in_order(left, right, accounts[contested])
    anchors[contested] = contested[decided.anchors]
    return Partition(anchors, decided.refused)


def _ordered_ties(con: duckdb.DuckDBPyConnection, contested: Nodes) -> dict[str, Nodes]:
    con.register("resolve_contested", pa.table({"node": contested}))
    ties = _columns(
        con,
        """
        SELECT left_node, right_node
        FROM resolve_ties
        WHERE left_node IN (SELECT node FROM resolve_contested)
        ORDER BY occurred_at, link_id
        """,
    )
    con.unregister("resolve_contested")
    return ties


def _write(con: duckdb.DuckDBPyConnection, run: Run, anchors: Nodes) -> int:
    """Write the rows of `identities` that differ; returns the number of customers concerned.

    A row whose customer changed is closed and followed by a new one. A row that was only seen earlier is
    corrected in place: whom it belongs to was known before.
    """
    con.register("resolve_anchors", pa.table({"node": np.arange(len(anchors)), "anchor": anchors}))
    con.execute(_CHANGED)
    con.unregister("resolve_anchors")
    if _number(con, "SELECT COUNT(*) FROM resolve_changed WHERE previous_id <> customer_id"):
        con.execute(_CLOSE, [run.started_at, run.commit_seq])
    if _number(con, "SELECT COUNT(*) FROM resolve_changed WHERE previous_id = customer_id"):
        con.execute(_TAKE_OUT)
    con.execute(_INSERT, [run.started_at, run.commit_seq])
    return _number(con, _CUSTOMERS_CHANGED)


def _nodes_sql(settings: IdentitySettings) -> str:
    """The members in the order in which they may be an anchor: priority, first sight, value, kind."""
    accounts = " ".join(f"WHEN {literal(kind)} THEN {index}" for index, kind in enumerate(settings.account_kinds))
    account = f"CASE kind {accounts} ELSE {NO_LIMIT} END" if accounts else str(NO_LIMIT)
    priority = priority_sql("kind", settings.priorities)
    return f"""
        CREATE OR REPLACE TEMP TABLE resolve_nodes AS
        WITH known AS (
            SELECT identifier, kind, value, customer_id, first_seen_at, known_from,
                identifier IN (SELECT identifier FROM resolve_withdrawn) AS is_withdrawn
            FROM identities
            WHERE known_to IS NULL
                AND identifier IN (SELECT identifier FROM resolve_members)
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
                LEAST(CASE WHEN NOT is_withdrawn THEN known.first_seen_at END, seen.first_seen_at) AS first_seen_at,
                known.first_seen_at AS previous_first_seen_at,
                known.customer_id AS previous_id,
                known.known_from AS previous_known_from
            FROM known
            FULL JOIN seen USING (identifier)
        )
        SELECT
            ROW_NUMBER() OVER (ORDER BY {priority} DESC, first_seen_at, value, kind) - 1 AS node,
            ({account})::BIGINT AS account,
            *
        FROM members
        """


_TIES = """
    CREATE OR REPLACE TEMP TABLE resolve_ties AS
    SELECT one.node AS left_node, other.node AS right_node, links.occurred_at, links.link_id
    FROM identity_links AS links
    JOIN resolve_nodes AS one ON one.identifier = links.left_identifier
    JOIN resolve_nodes AS other ON other.identifier = links.right_identifier
"""

_CHANGED = f"""
    CREATE OR REPLACE TEMP TABLE resolve_changed AS
    WITH customers AS (
        SELECT node AS anchor, {key_sql("kind", "value")} AS customer_id
        FROM resolve_nodes
        WHERE node IN (SELECT anchor FROM resolve_anchors)
    ),
    decided AS (
        SELECT nodes.*, customers.customer_id
        FROM resolve_nodes AS nodes
        JOIN resolve_anchors USING (node)
        JOIN customers USING (anchor)
    )
    SELECT *
    FROM decided
    WHERE customer_id IS DISTINCT FROM previous_id
        OR first_seen_at <> previous_first_seen_at
"""

_CLOSE = """
    UPDATE identities
    SET known_to = ?, commit_seq = ?
    WHERE known_to IS NULL
        AND identifier IN (SELECT identifier FROM resolve_changed WHERE previous_id <> customer_id)
"""

_TAKE_OUT = """
    DELETE FROM identities
    WHERE known_to IS NULL
        AND identifier IN (SELECT identifier FROM resolve_changed WHERE previous_id = customer_id)
"""

_INSERT = """
    INSERT INTO identities BY NAME
    SELECT
        identifier,
        kind,
        value,
        customer_id,
        first_seen_at,
        CASE WHEN previous_id = customer_id THEN previous_known_from ELSE ? END AS known_from,
        ? AS commit_seq
    FROM resolve_changed
"""

_CUSTOMERS_CHANGED = """
    WITH concerned AS (
        SELECT customer_id FROM resolve_changed
        UNION
        SELECT previous_id FROM resolve_changed WHERE previous_id IS NOT NULL
    )
    SELECT COUNT(*) FROM concerned
"""

_CUSTOMERS_SEEN = """
    SELECT COUNT(DISTINCT customer_id)
    FROM identities
    WHERE known_to IS NULL
        AND identifier IN (SELECT identifier FROM resolve_seen)
"""


def _columns(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, Nodes]:
    return {name: np.asarray(values, dtype=np.int64) for name, values in con.execute(query).fetchnumpy().items()}


def _number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(query).fetchone()
    return int(row[0]) if row else 0
