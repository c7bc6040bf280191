"""Mailtrap: events of sending, and notices of inbound mail.

Source: Mailtrap, Email Sending: Webhooks (Payload format, Webhook signature verification); Statuses and events.
Inbound: Webhooks (a notice names inbox, message and sender; Get message gives the rest). The sample that the panel
sends as a test has other names, and becomes `mailtrap_unknown`.
"""

from pipelines.collect.json_records import JsonFormat
from pipelines.collect.mail import address_sql
from pipelines.collect.mail_plan import CARRIED, EPOCH, MailRecord, hashed_id_sql, mail_connector, rest_of_sql
from pipelines.collect.signatures import hmac_in
from pipelines.collect.webhook import Webhook

_INBOUND = "inbound.message_received"
_EVENTS = {
    "delivery": "email_delivered",
    "soft bounce": "email_deferred",  # Mailtrap tries again
    "suspension": "email_deferred",
    "bounce": "email_bounced",
    "reject": "email_rejected",
    "open": "email_opened",
    "click": "email_clicked",
    "spam": "email_complained",
    "unsubscribe": "email_unsubscribed",
    _INBOUND: "email_replied",
}
_KNOWN = {
    "event": "VARCHAR",
    "event_id": "VARCHAR",
    "message_id": "VARCHAR",
    "inbox_id": "VARCHAR",
    "email": "VARCHAR",
    "from": "VARCHAR",
    "timestamp": "VARCHAR",
    "custom_variables": "JSON",
    "user_agent": "VARCHAR",
    "url": "VARCHAR",
}
_FORMAT = JsonFormat(known=_KNOWN, nested={"m": ("r.custom_variables", CARRIED)}, batch="events")
_FROM = address_sql('r."from"')
_FALLBACK = hashed_id_sql("r.event", "r.message_id", "mail_address", "mail_moment", "r.url")
_SAID = MailRecord(
    kind="r.event",
    names=_EVENTS,
    address=f"CASE WHEN mail_kind = '{_INBOUND}' THEN {_FROM} ELSE r.email END",
    moment="r.timestamp",
    time_cast=EPOCH,
    # The id of a notice is that of an attempt to send it.
    event_id=f"""CASE WHEN mail_kind = '{_INBOUND}' THEN r.inbox_id || '/' || r.message_id
        ELSE COALESCE(nullif(r.event_id, ''), {_FALLBACK}) END""",
    contact_id=f"CASE WHEN mail_kind <> '{_INBOUND}' THEN r.message_id END",
    carried={name: f"m.{name}" for name in CARRIED},
    properties=f"""CASE WHEN mail_kind = '{_INBOUND}' THEN {rest_of_sql(("event_id", "timestamp"))}
        ELSE {rest_of_sql(("event_id", "timestamp", "message_id", "email"))} END""",
    user_agent="r.user_agent",
    texts=("r.event_id", "r.inbox_id", "r.url"),
    objects=("r.custom_variables",),
)

CONNECTOR = mail_connector(
    "mailtrap",
    "Mailtrap: events of sending in batches, and notices of inbound mail",
    _FORMAT,
    _SAID,
    webhook=Webhook(secrets=("secret",), check=hmac_in("mailtrap-signature")),
)
