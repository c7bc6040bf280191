"""Components over the size limit: in them only links with an account id stand, until somebody releases one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from flows.identity.ties import LATEST_ACTS, ON_CUSTOMERS, ON_PAIRS
from pipelines.resolve.components import component_anchors
from pipelines.resolve.said import accepted_sql
from schemas.identifiers import priority_sql
from warehouse.queries import number
from warehouse.settings import IdentitySettings


@dataclass(frozen=True)
class TooLarge:
    """A component over the limit: its anchor and the anchor's customer, its size, all customers that it is now."""

    anchor: str
    customer_id: str
    size: int
    customers: frozenset[str]


def too_large(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, crowded: Sequence[str]) -> list[TooLarge]:
    """The components of more than `size_limit` identifiers, the largest first; `crowded` identifiers link nothing."""
    con.execute(_nodes_sql(settings))
    count = number(con, "SELECT COUNT(*) FROM identity_nodes")
    found = list(_components(con, settings, count, crowded)) if count > settings.size_limit else []
    con.execute("DROP TABLE temp.identity_nodes")
    return sorted(found, key=lambda each: (-each.size, each.anchor))


def _nodes_sql(settings: IdentitySettings) -> str:
    """Today's identifiers, numbered in the order in which they may be an anchor."""
    return f"""
        CREATE OR REPLACE TEMP TABLE identity_nodes AS
        SELECT
            ROW_NUMBER() OVER (
                ORDER BY {priority_sql("kind", settings.priorities)} DESC, MIN(first_seen_at), value, kind
            ) - 1 AS node,
            identifier
        FROM identities
        WHERE known_to IS NULL
        GROUP BY identifier, kind, value
    """


def _pairs_sql(settings: IdentitySettings) -> str:
    return f"""
        WITH acts AS ({LATEST_ACTS.format(condition=ON_PAIRS)}),
        crowded AS (SELECT UNNEST($crowded::VARCHAR[]) AS identifier),
        said AS (
            SELECT left_identifier, right_identifier FROM identity_links
            UNION
            SELECT left_identifier, right_identifier
            FROM ({accepted_sql(settings, "SELECT identifier FROM identity_nodes")})
        ),
        standing AS (
            SELECT left_identifier, right_identifier
            FROM said
            ANTI JOIN (SELECT * FROM acts WHERE act = 'unlink') AS unlinked USING (left_identifier, right_identifier)
            WHERE left_identifier NOT IN (SELECT identifier FROM crowded)
                AND right_identifier NOT IN (SELECT identifier FROM crowded)
            UNION ALL
            SELECT left_identifier, right_identifier
            FROM acts
            WHERE act = 'link' AND valid_from IS NULL AND valid_to IS NULL
        )
        SELECT one.node AS left_node, other.node AS right_node
        FROM standing
        JOIN identity_nodes AS one ON one.identifier = left_identifier
        JOIN identity_nodes AS other ON other.identifier = right_identifier
    """


_RELEASED = f"""
    SELECT node
    FROM identity_nodes
    WHERE identifier IN (
        SELECT left_identifier
        FROM ({LATEST_ACTS.format(condition=ON_CUSTOMERS)})
        WHERE act = 'release'
    )
"""
_LARGE = """
    SELECT
        anchors.identifier AS anchor,
        ARG_MIN(customer_id, members.node) AS customer_id,
        COUNT(DISTINCT members.node) AS size,
        LIST(DISTINCT customer_id) AS customers
    FROM identity_large
    JOIN identity_nodes AS members USING (node)
    JOIN identity_nodes AS anchors ON anchors.node = identity_large.anchor
    JOIN identities AS current ON current.identifier = members.identifier AND current.known_to IS NULL
    GROUP BY anchors.identifier
"""


def _components(
    con: duckdb.DuckDBPyConnection, settings: IdentitySettings, count: int, crowded: Sequence[str]
) -> Iterator[TooLarge]:
    pairs = con.execute(_pairs_sql(settings), {"crowded": list(crowded)}).fetchnumpy()
    left, right = (np.asarray(pairs[name], dtype=np.int64) for name in ("left_node", "right_node"))
    anchors = component_anchors(count, left, right)
    is_large = np.bincount(anchors, minlength=count) > settings.size_limit
    is_large[anchors[np.asarray(con.execute(_RELEASED).fetchnumpy()["node"], dtype=np.int64)]] = False
    nodes = np.flatnonzero(is_large[anchors])
    con.register("identity_large", pa.table({"node": nodes, "anchor": anchors[nodes]}))
    rows = con.execute(_LARGE).fetchall()
    con.unregister("identity_large")
    for anchor, customer_id, size, customers in rows:
        yield TooLarge(anchor, customer_id, size, frozenset(customers))
