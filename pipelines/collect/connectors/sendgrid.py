"""SendGrid's Event Webhook: JSON arrays, one per request. Source: Twilio SendGrid, Event Webhook Reference."""

from pipelines.collect.connector import EPOCH_SECONDS, Check, Connector, Field, Plan
from pipelines.collect.json_records import JsonFormat, is_nested_sql, rest_sql
from schemas.keys import key_sql

_EVENTS = {
    "processed": "email_sent",
    "delivered": "email_delivered",
    "deferred": "email_deferred",
    "bounce": "email_bounced",
    "blocked": "email_bounced",
    "dropped": "email_rejected",
    "open": "email_opened",
    "click": "email_clicked",
    "spamreport": "email_complained",
    "unsubscribe": "email_unsubscribed",
    "group_unsubscribe": "email_unsubscribed",
    "group_resubscribe": "email_subscribed",
}
_BY_PERSON = ("open", "click", "spamreport", "unsubscribe", "group_unsubscribe", "group_resubscribe")
_KNOWN = {
    "email": "VARCHAR",
    "timestamp": "VARCHAR",
    "event": "VARCHAR",
    "sg_event_id": "VARCHAR",
    "sg_message_id": "VARCHAR",
    "sg_machine_open": "VARCHAR",
    "user_id": "VARCHAR",
    "campaign_id": "VARCHAR",
    "offer_id": "VARCHAR",
    "decision_id": "VARCHAR",
}
_FORMAT = JsonFormat(known=_KNOWN)
_CASES = " ".join(f"WHEN '{wire}' THEN '{name}'" for wire, name in _EVENTS.items())
_IS_PERSON = "r.event IN (" + ", ".join(f"'{name}'" for name in _BY_PERSON) + ")"
# What is missing here is another reason to refuse the record, not a missing id.
_FALLBACK_ID = key_sql(
    *(f"COALESCE(r.{name}, '')" for name in ("sg_message_id", "email", "user_id", "event", "timestamp"))
)

_PLAN = Plan(
    records=_FORMAT.records_sql(),
    fields={
        "event_id": Field(f"COALESCE(nullif(r.sg_event_id, ''), {_FALLBACK_ID})"),
        "event_name": Field(f"CASE r.event {_CASES} ELSE 'sendgrid_unknown' END"),
        "channel": Field("'email'"),
        "direction": Field(f"CASE WHEN {_IS_PERSON} THEN 'inbound' ELSE 'outbound' END"),
        "initiator": Field(f"CASE WHEN {_IS_PERSON} THEN 'customer' ELSE 'company' END"),
        "occurred_at": Field("r.timestamp", EPOCH_SECONDS),
        "campaign_id": Field("r.campaign_id"),
        "offer_id": Field("r.offer_id"),
        "decision_id": Field("r.decision_id"),
        "contact_id": Field("r.sg_message_id"),
        # The wire name stays where the canonical name does not tell it.
        "properties": Field(rest_sql(_KNOWN, kept=("event",))),
    },
    identifiers=(("'email'", "r.email"), ("'user_id'", "r.user_id")),
    is_machine="COALESCE(r.sg_machine_open IN ('true', '1'), FALSE)",
    checks=(
        Check(
            "missing_event_name",
            "COALESCE(r.event, '') = ''",
            "the field 'event' is missing; check that the file holds Event Webhook requests",
        ),
        Check(
            "wrong_type_text",
            is_nested_sql(f"r.{name}" for name in _KNOWN if name not in ("timestamp", "sg_machine_open")),
            "an address, an id or a name is an object or array; send it as text",
        ),
        Check(
            "missing_identifier",
            "len(identifiers) = 0",
            "there is no usable 'email' or 'user_id'; check the webhook's settings",
        ),
    ),
)

CONNECTOR = Connector(
    doc="SendGrid's Event Webhook: JSON arrays, one per request",
    channels=("email",),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
)
