"""Resend: events of messages and contacts, and notices of inbound mail.

Source: Resend, Webhooks: Event types, Verify webhook requests (Svix), email.received: the notice of a mail has neither
its body nor its headers, which only Retrieve Received Email gives, by `email_id`.
"""

from pipelines.collect.json_records import JsonFormat
from pipelines.collect.mail import address_sql
from pipelines.collect.mail_plan import CARRIED, MailRecord, hashed_id_sql, mail_connector, rest_of_sql
from pipelines.collect.signatures import standard_webhooks
from pipelines.collect.webhook import Webhook

_EVENTS = {
    "email.sent": "email_sent",
    "email.delivered": "email_delivered",
    "email.delivery_delayed": "email_deferred",
    "email.bounced": "email_bounced",
    "email.suppressed": "email_rejected",
    "email.failed": "email_failed",
    "email.opened": "email_opened",
    "email.clicked": "email_clicked",
    "email.complained": "email_complained",
    "contact.unsubscribed": "email_unsubscribed",
    "email.received": "email_replied",
}
_KNOWN = {"type": "VARCHAR", "created_at": "VARCHAR", "data": "JSON"}
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "d": (
            "r.data",
            {
                "email_id": "VARCHAR",
                "id": "VARCHAR",
                "email": "VARCHAR",
                "from": "VARCHAR",
                "to": "JSON",
                "tags": "JSON",
                "broadcast_id": "VARCHAR",
                "unsubscribed": "VARCHAR",
                "click": "JSON",
                "open": "JSON",
            },
        ),
        "m": ("r.data -> '$.tags'", CARRIED),
        "device": (
            "COALESCE(r.data -> '$.click', r.data -> '$.open')",
            {"userAgent": "VARCHAR", "link": "VARCHAR", "timestamp": "VARCHAR"},
        ),
    },
)
_IS_MAIL = "mail_kind = 'email.received'"
# Which of several recipients it was is not said.
_TO = address_sql("json_extract_string(d.\"to\", '$[0]')")
_FROM = address_sql('d."from"')
_SAID = MailRecord(
    kind="CASE WHEN r.type = 'contact.updated' AND d.unsubscribed = 'true' THEN 'contact.unsubscribed' ELSE r.type END",
    names=_EVENTS,
    address=f"CASE WHEN {_IS_MAIL} THEN {_FROM} ELSE COALESCE({_TO}, d.email) END",
    moment="r.created_at",
    # The id of a delivery (svix-id) is no part of the payload, and a file of payloads must give the same events.
    event_id=hashed_id_sql(
        "r.type",
        "COALESCE(d.email_id, d.id)",
        "mail_moment",
        "mail_address",
        "device.link",
        "device.timestamp",
    ),
    contact_id=f"CASE WHEN NOT ({_IS_MAIL}) THEN d.email_id END",
    carried={**{name: f"m.{name}" for name in CARRIED}, "campaign_id": "COALESCE(m.campaign_id, d.broadcast_id)"},
    properties=rest_of_sql(("created_at",)),
    user_agent='device."userAgent"',
    texts=("d.id", 'd."from"', "device.link"),
    objects=("r.data",),
)

CONNECTOR = mail_connector(
    "resend",
    "Resend: events of messages and contacts, one per request, and notices of inbound mail",
    _FORMAT,
    _SAID,
    webhook=Webhook(secrets=("secret",), check=standard_webhooks("svix")),
)
