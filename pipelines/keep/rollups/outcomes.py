"""Answers to offers: what followed an offer or a decision."""

from pipelines.keep.definition import Rollup
from schemas.table import literals
from schemas.vocabulary import OUTCOME_EVENTS

_NAMES = literals(OUTCOME_EVENTS)

ROLLUP = Rollup(
    doc="answers to offers and decisions",
    keys=("outcome_id",),
    select=f"""
        SELECT interaction_id AS outcome_id, anchor, event_name, channel, occurred_at, offer_id, campaign_id,
            decision_id, contact_id, amount, currency
        FROM {{rows}}
        WHERE event_name IN ({_NAMES}) AND NOT is_machine
    """,
    merge={},
    near=("occurred_at",),
)
