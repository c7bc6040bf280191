"""Consent statements that interactions make: an unsubscribe or a complaint objects, a subscription grants."""

from pipelines.keep.definition import Rollup
from schemas.keys import key_sql
from schemas.vocabulary import CONSENT_EVENTS, CONTACT_CHANNELS

_STATEMENTS = ", ".join(
    f"('{channel}_{sign}', '{status}', '{basis}')"
    for channel in CONTACT_CHANNELS
    for sign, (status, basis) in CONSENT_EVENTS.items()
)

ROLLUP = Rollup(
    doc="consent statements that interactions make",
    keys=("consent_id",),
    select=f"""
        SELECT {key_sql("interaction_id", "'marketing'", "channel")} AS consent_id,
            anchor, 'marketing' AS purpose, channel,
            statement.status, statement.legal_basis, NULL::VARCHAR AS version, occurred_at AS stated_at, interaction_id
        FROM {{rows}} AS said
        JOIN (VALUES {_STATEMENTS}) AS statement (event_name, status, legal_basis)
            ON statement.event_name = said.event_name
        WHERE anchor IS NOT NULL AND NOT is_machine
    """,
    merge={},
    near=("anchor",),
)
