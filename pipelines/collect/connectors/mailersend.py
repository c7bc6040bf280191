"""MailerSend: activity webhooks in both versions, and inbound mail.

Source: MailerSend API, Account: Webhooks (Available events, Payload, Security), Inbound routing. In version 2 the
recipient is the text `data.email`; in version 1 an object of `data.email`. Surveys, holds and what is about the account
become `mailersend_unknown`.
"""

import json

from pipelines.collect.json_records import JsonFormat
from pipelines.collect.mail import first_text_sql
from pipelines.collect.mail_plan import (
    MailRecord,
    hashed_id_sql,
    mail_connector,
    object_header_sql,
    rest_of_sql,
    tagged_sql,
)
from pipelines.collect.signatures import hmac_in
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
                # Version 2: the address. Version 1: an object.
                "email": "JSON",
                "message_id": "VARCHAR",
                "tags": "JSON",
                "meta": "JSON",
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
    address="COALESCE(CASE WHEN json_type(d.email) = 'VARCHAR' THEN d.email ->> '$' END, person.email)",
    moment=first_text_sql(("d.created_at", "r.created_at")),
    event_id=f"COALESCE(nullif(d.id, ''), {hashed_id_sql('r.type', 'mail_moment', 'mail_address')})",
    contact_id="COALESCE(d.message_id, message.id)",
    carried=tagged_sql(_TAGS),
    properties=rest_of_sql((), {"data": ("id", "created_at", "message_id", "text")}),
    text="d.text",
    user_agent="device.user_agent",
    auto_submitted=object_header_sql("d.headers", "Auto-Submitted"),
    texts=("d.id",),
    objects=("r.data",),
)


def _answer_to_test(request: Request, _secrets: Secrets) -> Answer | None:
    """200 for the request that MailerSend sends when a webhook is saved, before its secret can be known here."""
    try:
        payload = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    is_test = isinstance(payload, dict) and payload.get("type") == "webhook.test"
    return Answer(200) if is_test else None


CONNECTOR = mail_connector(
    "mailersend",
    "MailerSend: activity webhooks of both versions, one event per request, and inbound mail",
    _FORMAT,
    _SAID,
    webhook=Webhook(secrets=("secret",), check=hmac_in("signature"), handshake=_answer_to_test),
)
