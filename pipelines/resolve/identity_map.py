"""The map of identifiers to customers: what it says now, and the rows that are written because it says otherwise.

An identifier has one row, or several that part event time between them: a person may give it to a customer for some
days. Of several such acts on the same days the latest counts.
"""

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.resolve.partition import RELATIONS, Decision
from schemas.keys import key_sql
from schemas.table import literals
from warehouse.queries import number
from warehouse.run import Run

_DECIDED = f"""
    CREATE OR REPLACE TEMP TABLE resolve_decided AS
    WITH customers AS (
        SELECT node AS anchor, {key_sql("kind", "value")} AS customer_id
        FROM resolve_nodes
        WHERE node IN (SELECT anchor FROM resolve_anchors)
    )
    SELECT
        node,
        identifier,
        kind,
        value,
        customer_id,
        first_seen_at,
        [{literals(RELATIONS)}][relation + 1] AS relation,
        NULL::TIMESTAMPTZ AS valid_from,
        NULL::TIMESTAMPTZ AS valid_to
    FROM resolve_nodes
    JOIN resolve_anchors USING (node)
    JOIN customers USING (anchor)
"""
# The worse of the two goes to the customer of the better: nodes are in the order of anchors. What only one customer may
# hold is nobody's for some days.
_SPANS = """
    CREATE OR REPLACE TEMP TABLE resolve_spans AS
    WITH ends AS (
        SELECT
            CASE WHEN one.node < other.node THEN one.node ELSE other.node END AS better,
            CASE WHEN one.node < other.node THEN other.node ELSE one.node END AS node,
            COALESCE(acts.valid_from, '-infinity'::TIMESTAMPTZ) AS from_at,
            COALESCE(acts.valid_to, 'infinity'::TIMESTAMPTZ) AS to_at,
            acted_at,
            act_id
        FROM resolve_acts AS acts
        JOIN resolve_decided AS one ON one.identifier = acts.left_identifier
        JOIN resolve_decided AS other ON other.identifier = acts.right_identifier
        WHERE act = 'link'
            AND is_bounded
    )
    SELECT ends.*, holder.customer_id
    FROM ends
    JOIN resolve_decided AS holder ON holder.node = ends.better
    JOIN resolve_decided AS given ON given.node = ends.node
    WHERE NOT list_contains($single::VARCHAR[], given.kind)
"""
# From each bound to the next the latest act counts; neighbours that say the same are one row.
_PARTED = """
    CREATE OR REPLACE TEMP TABLE resolve_parted AS
    WITH bounds AS (
        SELECT node, from_at FROM resolve_spans
        UNION
        SELECT node, to_at FROM resolve_spans WHERE to_at < 'infinity'::TIMESTAMPTZ
        UNION
        SELECT node, '-infinity'::TIMESTAMPTZ FROM resolve_spans
    ),
    given AS (
        SELECT bounds.node, bounds.from_at, ARG_MAX(spans.customer_id, ROW(acted_at, act_id)) AS given_to
        FROM bounds
        LEFT JOIN resolve_spans AS spans
            ON spans.node = bounds.node
            AND spans.from_at <= bounds.from_at
            AND spans.to_at > bounds.from_at
        GROUP BY bounds.node, bounds.from_at
    ),
    pieces AS (
        SELECT
            decided.* REPLACE (
                COALESCE(given_to, customer_id) AS customer_id,
                CASE WHEN given_to IS NULL THEN relation ELSE 'explicit' END AS relation
            ),
            from_at
        FROM given
        JOIN resolve_decided AS decided USING (node)
    ),
    changes AS (
        SELECT *
        FROM pieces
        QUALIFY customer_id || relation
            IS DISTINCT FROM LAG(customer_id || relation) OVER (PARTITION BY node ORDER BY from_at)
    )
    SELECT * EXCLUDE (from_at) REPLACE (
        NULLIF(from_at, '-infinity'::TIMESTAMPTZ) AS valid_from,
        LEAD(from_at) OVER (PARTITION BY node ORDER BY from_at) AS valid_to
    )
    FROM changes
"""
_CHANGED = """
    CREATE OR REPLACE TEMP TABLE resolve_changed AS
    WITH decided AS (
        SELECT *, COALESCE(valid_from, '-infinity'::TIMESTAMPTZ) AS from_at FROM resolve_decided
    ),
    known AS (
        SELECT *, COALESCE(valid_from, '-infinity'::TIMESTAMPTZ) AS from_at FROM resolve_known
    )
    SELECT
        identifier,
        from_at,
        decided.kind,
        decided.value,
        decided.customer_id,
        decided.first_seen_at,
        decided.relation,
        decided.valid_from,
        decided.valid_to,
        known.customer_id AS previous_id,
        known.known_from AS previous_known_from,
        COALESCE(
            decided.customer_id = known.customer_id AND decided.valid_to IS NOT DISTINCT FROM known.valid_to, FALSE
        ) AS is_corrected
    FROM decided
    FULL JOIN known USING (identifier, from_at)
    WHERE NOT is_corrected
        OR decided.first_seen_at <> known.first_seen_at
        OR decided.relation IS DISTINCT FROM known.relation
"""
_STAND = """
    known_to IS NULL
    AND identifier IN (SELECT identifier FROM resolve_changed WHERE {which})
    AND (identifier, COALESCE(valid_from, '-infinity'::TIMESTAMPTZ)) IN (
        SELECT (identifier, from_at) FROM resolve_changed WHERE {which}
    )
"""
_CLOSED, _CORRECTED = "previous_id IS NOT NULL AND NOT is_corrected", "is_corrected"

_CLOSE = f"UPDATE identities SET known_to = ?, commit_seq = ? WHERE {_STAND.format(which=_CLOSED)}"
_TAKE_OUT = f"DELETE FROM identities WHERE {_STAND.format(which=_CORRECTED)}"
_INSERT = """
    INSERT INTO identities BY NAME
    SELECT
        identifier,
        kind,
        value,
        customer_id,
        first_seen_at,
        relation,
        valid_from,
        valid_to,
        CASE WHEN is_corrected THEN previous_known_from ELSE ? END AS known_from,
        ? AS commit_seq
    FROM resolve_changed
    WHERE customer_id IS NOT NULL
"""
_CUSTOMERS_CHANGED = """
    WITH concerned AS (
        SELECT customer_id FROM resolve_changed WHERE customer_id IS NOT NULL
        UNION
        SELECT previous_id FROM resolve_changed WHERE previous_id IS NOT NULL
    )
    SELECT COUNT(*) FROM concerned
"""


def write_map(con: duckdb.DuckDBPyConnection, run: Run, decision: Decision) -> int:
    """Write the rows of `identities` that differ; returns the number of customers concerned.

    A row whose customer or whose end changed is closed and followed by a new one. A row that was only seen earlier, or
    belongs in another way, is corrected in place: whom it belongs to was known before.
    """
    _decided(con, run, decision)
    con.execute(_CHANGED)
    if number(con, f"SELECT COUNT(*) FROM resolve_changed WHERE {_CLOSED}"):
        con.execute(_CLOSE, [run.started_at, run.commit_seq])
    if number(con, f"SELECT COUNT(*) FROM resolve_changed WHERE {_CORRECTED}"):
        con.execute(_TAKE_OUT)
    if number(con, "SELECT COUNT(*) FROM resolve_changed WHERE customer_id IS NOT NULL"):
        con.execute(_INSERT, [run.started_at, run.commit_seq])
    return number(con, _CUSTOMERS_CHANGED)


def _decided(con: duckdb.DuckDBPyConnection, run: Run, decision: Decision) -> None:
    """Fill `resolve_decided` with the rows as they should be."""
    anchors = {"node": np.arange(len(decision.anchors)), "anchor": decision.anchors, "relation": decision.relations}
    con.register("resolve_anchors", pa.table(anchors))
    con.execute(_DECIDED)
    con.unregister("resolve_anchors")
    if number(con, "SELECT COUNT(*) FROM resolve_acts WHERE act = 'link' AND is_bounded"):
        settings = run.settings.identity
        kinds = [kind for (kind,) in con.execute("SELECT DISTINCT kind FROM resolve_nodes").fetchall()]
        con.execute(_SPANS, {"single": [kind for kind in kinds if settings.limit(kind) == 1]})
        con.execute(_PARTED)
        con.execute("DELETE FROM resolve_decided WHERE node IN (SELECT node FROM resolve_parted)")
        con.execute("INSERT INTO resolve_decided BY NAME FROM resolve_parted")
