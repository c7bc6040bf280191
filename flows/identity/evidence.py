"""What is behind a tie: the events, the act and the proposal, as people may read them."""

import json
from typing import Any

import duckdb

from flows.identity.ties import HOLDS_SOMETIME, LATEST_ACTS, LATEST_PROPOSALS, ON_PAIRS, Tie
from warehouse.queries import records

Row = dict[str, Any]
_PAIR = "left_identifier = $left AND right_identifier = $right"
# The earliest of each rule; the time leaves out files in which the event cannot be.
_EVENTS = f"""
    WITH first AS (
        SELECT rule, interaction_id, occurred_at
        FROM identity_links
        WHERE {_PAIR}
        QUALIFY ROW_NUMBER() OVER (PARTITION BY rule ORDER BY occurred_at, link_id) = 1
    )
    SELECT first.rule, first.interaction_id, first.occurred_at, i.source, i.channel, i.event_name
    FROM first
    LEFT JOIN (
        SELECT interaction_id, source, channel, event_name
        FROM interactions
        WHERE occurred_at IN (SELECT occurred_at FROM first)
    ) AS i USING (interaction_id)
    ORDER BY first.occurred_at, first.rule
"""
_ACTS = f"""
    SELECT act, act_id, valid_from, valid_to, reason, acted_by, acted_at
    FROM ({LATEST_ACTS.format(condition=f"{ON_PAIRS} AND {_PAIR}")})
    WHERE {HOLDS_SOMETIME}
"""
_PROPOSALS = f"""
    SELECT proposal_id, probability, match_weight, waterfall, model_version, proposed_at
    FROM ({LATEST_PROPOSALS})
    WHERE {_PAIR}
"""


def evidence_of(con: duckdb.DuckDBPyConnection, tie: Tie) -> list[Row]:
    """The evidence on a pair, `basis` saying what it is: the earliest event of each rule, the act, the proposal."""
    pair = {"left": tie.left, "right": tie.right}
    found = [{"basis": "event", **row} for row in records(con.execute(_EVENTS, pair))]
    found += [{"basis": "act", **row} for row in records(con.execute(_ACTS, pair))]
    for row in records(con.execute(_PROPOSALS, pair)):
        found.append({"basis": "proposal", **row, "waterfall": json.loads(row["waterfall"])})
    return found
