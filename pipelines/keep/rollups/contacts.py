"""Contacts of the company and the first human answer to each."""

from pipelines.keep.definition import Rollup
from schemas.table import literals
from schemas.vocabulary import (
    DELIVERED_SIGNS,
    FAILED_SIGNS,
    OPENED_SIGNS,
    RESPONDED_SIGNS,
    RESPONSE_EVENTS,
    SENT_SIGNS,
    contact_events,
)


def _is(names: tuple[str, ...]) -> str:
    return f"event_name IN ({literals(names)})"


_CONTACT = contact_events(SENT_SIGNS + DELIVERED_SIGNS + FAILED_SIGNS + OPENED_SIGNS + RESPONDED_SIGNS)
_ANSWERS = contact_events(RESPONDED_SIGNS) + RESPONSE_EVENTS

ROLLUP = Rollup(
    doc="messages, calls and letters of the company, with the first human answer to each",
    keys=("source", "contact_id"),
    select=f"""
        WITH signs AS (
            SELECT *, {_is(RESPONSE_EVENTS)} AS is_response
            FROM {{rows}}
            WHERE contact_id IS NOT NULL AND {_is(_CONTACT + RESPONSE_EVENTS)}
        )
        SELECT source, contact_id,
            arg_min(anchor, {{'priority': {{priority}}, 'anchor': anchor}}) FILTER (WHERE anchor IS NOT NULL) AS anchor,
            COALESCE(list(DISTINCT anchor ORDER BY anchor) FILTER (WHERE anchor IS NOT NULL), []) AS anchors,
            MIN(channel) FILTER (WHERE NOT is_response) AS channel,
            MIN(occurred_at) FILTER (WHERE {_is(contact_events(SENT_SIGNS))}) AS sent_at,
            MIN(occurred_at) FILTER (WHERE {_is(contact_events(DELIVERED_SIGNS))}) AS delivered_at,
            MIN(occurred_at) FILTER (WHERE {_is(contact_events(FAILED_SIGNS))}) AS failed_at,
            MIN(occurred_at) FILTER (WHERE {_is(contact_events(OPENED_SIGNS))} AND NOT is_machine) AS opened_at,
            MIN(occurred_at) FILTER (WHERE {_is(_ANSWERS)} AND NOT is_machine) AS responded_at,
            MIN(occurred_at) AS first_at,
            MAX(occurred_at) AS last_at,
            MIN(campaign_id) AS campaign_id,
            MIN(offer_id) AS offer_id,
            MIN(decision_id) AS decision_id
        FROM signs
        GROUP BY source, contact_id
    """,
    merge={
        "anchor": "arg_min(anchor, {'priority': {priority}, 'anchor': anchor}) FILTER (WHERE anchor IS NOT NULL)",
        "anchors": "list_sort(list_distinct(flatten(list(anchors))))",
        "first_at": "MIN(first_at)",
        "last_at": "MAX(last_at)",
        **{
            name: f"MIN({name})"
            for name in (
                "channel",
                "sent_at",
                "delivered_at",
                "failed_at",
                "opened_at",
                "responded_at",
                "campaign_id",
                "offer_id",
                "decision_id",
            )
        },
    },
    scope=f"i.{_is(_CONTACT + RESPONSE_EVENTS)} "
    "AND (i.source, i.contact_id) IN (SELECT source, contact_id FROM keep_retracted)",
    span=("first_at", "last_at"),
)
