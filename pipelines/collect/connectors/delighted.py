"""Delighted: webhooks and exports of survey responses (NPS and others), of unsubscribes and of bounces.

Source: Delighted, API documentation: Webhooks (the signature is the HMAC of the body under the API key), Listing survey
responses, Listing unsubscribed people, Listing bounced people.
"""

from pipelines.collect.connector import EPOCH_SECONDS, Check, Connector, Field, Plan
from pipelines.collect.json_records import CONTENT, JsonFormat, first_sql, is_nested_sql, rest_sql, wrapped_sql
from pipelines.collect.signatures import hmac_in
from pipelines.collect.webhook import Webhook
from schemas.keys import key_sql

_KNOWN = {"event_type": "VARCHAR", "event_id": "VARCHAR", "event_data": "JSON"}
_DATA = {
    "id": "VARCHAR",
    "person": "JSON",
    "person_id": "VARCHAR",
    "email": "VARCHAR",
    "phone_number": "VARCHAR",
    "score": "VARCHAR",
    "comment": "VARCHAR",
    "created_at": "VARCHAR",
    "updated_at": "VARCHAR",
    "unsubscribed_at": "VARCHAR",
    "bounced_at": "VARCHAR",
    "person_properties": "JSON",
}
_CARRIED = ("user_id", "customer_id", "campaign_id", "offer_id", "decision_id")
# A person is an object in a webhook, an id in an export.
_PERSON = f"""COALESCE(
    CASE WHEN {first_sql("d.person")} = '{{' THEN d.person ->> '$.id' ELSE d.person ->> '$' END, d.person_id)"""
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "d": (wrapped_sql("event_data"), _DATA),
        "p": ("(d).person", {"email": "VARCHAR", "phone_number": "VARCHAR"}),
        "own": ("(d).person_properties", dict.fromkeys(_CARRIED, "VARCHAR")),
    },
)
_NAME = """CASE
    WHEN r.event_type IN ('survey_response.created', 'survey_response.updated') THEN 'survey_answered'
    WHEN r.event_type = 'unsubscribe.created' THEN 'survey_unsubscribed'
    WHEN r.event_type IS NULL AND d.unsubscribed_at IS NOT NULL THEN 'survey_unsubscribed'
    WHEN r.event_type IS NULL AND d.bounced_at IS NOT NULL THEN 'survey_bounced'
    WHEN r.event_type IS NULL AND d.score IS NOT NULL THEN 'survey_answered'
    ELSE 'delighted_unknown'
END"""
_IS_ANSWER = "event_name = 'survey_answered'"
_CONSENT = """{'purpose': 'surveys', 'channel': '*', 'status': 'denied', 'legal_basis': 'objection'}"""

_PLAN = Plan(
    records=f"SELECT *, {_NAME} AS event_name FROM ({_FORMAT.records_sql()})",
    fields={
        # A response is one event, however often it is changed.
        "event_id": Field(
            f"CASE WHEN {_IS_ANSWER} THEN 'response:' || d.id "
            f"ELSE COALESCE(nullif(r.event_id, ''), {key_sql('event_name', CONTENT)}) END"
        ),
        "source_version": Field(f"CASE WHEN {_IS_ANSWER} THEN d.updated_at END"),
        "event_name": Field("event_name"),
        "channel": Field("'survey'"),
        "direction": Field("CASE event_name WHEN 'survey_bounced' THEN 'outbound' ELSE 'inbound' END"),
        "initiator": Field("CASE event_name WHEN 'survey_bounced' THEN 'company' ELSE 'customer' END"),
        "occurred_at": Field(
            f"CASE WHEN {_IS_ANSWER} THEN d.created_at ELSE COALESCE(d.unsubscribed_at, d.bounced_at) END",
            EPOCH_SECONDS,
        ),
        "received_at": Field("request_received_at"),
        "campaign_id": Field("own.campaign_id"),
        "offer_id": Field("own.offer_id"),
        "decision_id": Field("own.decision_id"),
        "score": Field("d.score"),
        "text": Field("d.comment"),
        "properties": Field(rest_sql({})),
    },
    identifiers=(
        ("'email'", "COALESCE(p.email, d.email)"),
        ("'phone'", "COALESCE(p.phone_number, d.phone_number)"),
        ("'user_id'", "own.user_id"),
        ("'customer_id'", "own.customer_id"),
        ("'delighted_id'", _PERSON),
    ),
    consents=f"CASE WHEN event_name = 'survey_unsubscribed' THEN to_json([{_CONSENT}]) END",
    checks=(
        Check(
            "wrong_type_text",
            is_nested_sql(
                ["r.event_type", "r.event_id", "d.id", "d.comment", "d.email", *(f"own.{name}" for name in _CARRIED)]
            ),
            "an id, an address or a comment is an object or array; send the record as Delighted gives it",
        ),
    ),
)

CONNECTOR = Connector(
    doc="Delighted's webhooks and exports: survey responses, unsubscribes, bounces",
    channels=("survey",),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=Webhook(secrets=("secret",), check=hmac_in("x-delighted-webhook-signature", prefix="sha256=")),
)
