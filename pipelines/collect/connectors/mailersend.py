"""MailerSend: activity webhooks in both versions, and inbound mail.

Source: MailerSend API, Webhooks (Payload example, Security), Inbound routing.
"""

import json

from pipelines.collect.connector import Connector
from pipelines.collect.json_records import JsonFormat
from pipelines.collect.mail import first_text_sql
from pipelines.collect.mail_plan import MailRecord, hashed_id_sql, mail_plan, object_header_sql, rest_of_sql, tagged_sql
from pipelines.collect.signatures import hmac_hex
from pipelines.collect.webhook import Answer, Request, Secrets, Webhook

_EVENTS = {
    "activity.sent": "email_sent",
    "activity.delivered": "email_delivered",
    "activity.deferred": "email_deferred",
    "activity.soft_bounced": "email_bounced",
    "activity.hard_bounced": "email_bounced",
    "activity.suppressed": "email_rejected",
    "activity.opened": "email_opened",
    "activity.opened_unique": "email_opened",
    "activity.clicked": "email_clicked",
    "activity.clicked_unique": "email_clicked",
    "activity.spam_complaint": "email_complained",
    "activity.spam_complaints": "email_complained",
    "activity.unsubscribed": "email_unsubscribed",
    "inbound.message": "email_replied",
}
_KNOWN = {"type": "VARCHAR", "created_at": "VARCHAR", "data": "JSON"}
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "d": (
            "r.data",
            {
                "id": "VARCHAR",
                "created_at": "VARCHAR",
                "text": "VARCHAR",
                "headers": "JSON",
                "from": "JSON",
                # Version 2.
                "recipient": "VARCHAR",
                "message_id": "VARCHAR",
                "tags": "JSON",
                "meta": "JSON",
                # Version 1.
                "email": "JSON",
                "morph": "JSON",
            },
        ),
        "email": ("r.data -> '$.email'", {"recipient": "JSON", "message": "JSON", "tags": "JSON"}),
        "person": ("COALESCE(r.data -> '$.email.recipient', r.data -> '$.from')", {"email": "VARCHAR"}),
        "message": ("r.data -> '$.email.message'", {"id": "VARCHAR"}),
        "device": ("COALESCE(r.data -> '$.meta', r.data -> '$.morph')", {"user_agent": "VARCHAR"}),
    },
)
_TAGS = "from_json(COALESCE(d.tags, email.tags), '[\"VARCHAR\"]')"
_SAID = MailRecord(
    kind="r.type",
    names=_EVENTS,
    address="COALESCE(d.recipient, person.email)",
    moment=first_text_sql(("d.created_at", "r.created_at")),
    event_id=f"COALESCE(nullif(d.id, ''), {hashed_id_sql('r.type', 'mail_moment', 'mail_address')})",
    contact_id="COALESCE(d.message_id, message.id)",
    carried=tagged_sql(_TAGS),
    properties=rest_of_sql((), {"data": ("id", "created_at", "recipient", "message_id", "text")}),
    text="d.text",
    user_agent="device.user_agent",
    auto_submitted=object_header_sql("d.headers", "Auto-Submitted"),
    texts=("d.id",),
    objects=("r.data", "d.email"),
)
_PLAN = mail_plan("mailersend", _FORMAT, _SAID)


def _answer_to_test(request: Request, _secrets: Secrets) -> Answer | None:
    """200 for the request that MailerSend sends when a webhook is saved, before its secret can be known here."""
    try:
        payload = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    is_test = isinstance(payload, dict) and payload.get("type") == "webhook.test"
    return Answer(200) if is_test else None


CONNECTOR = Connector(
    doc="MailerSend: activity webhooks of both versions, one event per request, and inbound mail",
    channels=("email",),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=Webhook(secrets=("secret",), check=hmac_hex("signature"), handshake=_answer_to_test),
)
