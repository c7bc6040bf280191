"""Postal: events of messages, and inbound mail as a hash or raw.

Source: Postal documentation, Webhooks (Message status events, Verifying signatures), Receiving e-mail by HTTP.
"""

import json

from pipelines.collect.json_records import JsonFormat
from pipelines.collect.mail import address_sql, first_text_sql
from pipelines.collect.mail_plan import (
    EPOCH,
    MailRecord,
    base64_text_sql,
    hashed_id_sql,
    mail_connector,
    message_id_sql,
    mime_header_sql,
    rest_of_sql,
    tagged_sql,
)
from pipelines.collect.mime import MAIL, MAIL_FIELDS, with_mail
from pipelines.collect.signatures import decoded, rsa
from pipelines.collect.webhook import Request, Secrets, Webhook, json_record

_EVENTS = {
    "MessageSent": "email_delivered",  # the recipient's server has accepted it
    "MessageDelayed": "email_deferred",
    "MessageHeld": "email_deferred",
    "suppressed": "email_rejected",
    "MessageDeliveryFailed": "email_bounced",
    "MessageBounced": "email_bounced",
    "MessageLoaded": "email_opened",
    "MessageLinkClicked": "email_clicked",
    "inbound": "email_replied",
}
_KNOWN = {
    "event": "VARCHAR",
    "timestamp": "VARCHAR",
    "uuid": "VARCHAR",
    "payload": "JSON",
    # Inbound mail.
    "id": "VARCHAR",
    "rcpt_to": "VARCHAR",
    "mail_from": "VARCHAR",
    "from": "VARCHAR",
    "in_reply_to": "VARCHAR",
    "auto_submitted": "VARCHAR",
    "plain_body": "VARCHAR",
    "message": "VARCHAR",
    MAIL: "JSON",
}
_MESSAGE = {
    "message_id": "VARCHAR",
    "to": "VARCHAR",
    "from": "VARCHAR",
    "direction": "VARCHAR",
    "tag": "VARCHAR",
}
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "p": (
            "r.payload",
            {
                "message": "JSON",
                "original_message": "JSON",
                "details": "VARCHAR",
                "user_agent": "VARCHAR",
                "status": "VARCHAR",
            },
        ),
        "m": ("COALESCE(r.payload -> '$.message', r.payload -> '$.original_message')", _MESSAGE),
        "mail": (f"r.{MAIL}", MAIL_FIELDS),
    },
)
_IS_MAIL = "COALESCE(r.event, '') = '' AND r.mail_from IS NOT NULL"
# A delivery to an endpoint of our own is no event of a message to a customer.
_KIND = f"""CASE
    WHEN {_IS_MAIL} THEN 'inbound'
    WHEN m.direction = 'incoming' THEN 'incoming'
    WHEN r.event = 'MessageHeld' AND contains(p.details, 'suppression list') THEN 'suppressed'
    ELSE r.event
END"""
_FROM = first_text_sql(('r."from"', 'mail."from"', mime_header_sql("mail_raw", "From"), "r.mail_from"))
_REPLIED_TO = first_text_sql(("r.in_reply_to", "mail.in_reply_to", mime_header_sql("mail_raw", "In-Reply-To")))
_AUTOMATIC = mime_header_sql("mail_raw", "Auto-Submitted")
_SAID = MailRecord(
    kind=_KIND,
    names=_EVENTS,
    address=f"""CASE mail_kind WHEN 'inbound' THEN {address_sql(_FROM)}
        WHEN 'incoming' THEN m."from" ELSE m."to" END""",
    moment="r.timestamp",
    raw=base64_text_sql("r.message"),
    time_cast=EPOCH,
    event_id=f"COALESCE(nullif(r.uuid, ''), {hashed_id_sql('r.id', 'r.rcpt_to', 'r.mail_from', 'mail_moment')})",
    contact_id=f"""CASE mail_kind WHEN 'inbound' THEN {message_id_sql(_REPLIED_TO)}
        WHEN 'incoming' THEN NULL ELSE m.message_id END""",
    carried=tagged_sql("[m.tag]"),
    properties=rest_of_sql(("timestamp", "uuid", "plain_body")),
    date=first_text_sql(("mail.date", mime_header_sql("mail_raw", "Date"))),
    text=first_text_sql(("r.plain_body", 'mail."text"')),
    user_agent="p.user_agent",
    auto_submitted=f"COALESCE(r.auto_submitted, {_AUTOMATIC})",
    texts=("r.uuid", "r.id", "r.rcpt_to"),
    objects=("r.payload", f"r.{MAIL}"),
)
_SHA256, _SHA1 = "x-postal-signature-256", "x-postal-signature"
_CHECKS = {_SHA256: rsa(_SHA256), _SHA1: rsa(_SHA1, algorithm="sha1")}


def _check(request: Request, secrets: Secrets) -> str | None:
    """The newer of the two signatures that Postal sends; older releases know the other alone."""
    return _CHECKS[_SHA1 if _SHA256 not in request.headers else _SHA256](request, secrets)


def _record(request: Request) -> bytes:
    """The body; a raw message in it is read, as only the collector can do that."""
    payload = json_record(request)
    said = json.loads(payload)
    if isinstance(said, dict) and said.get("base64") is True and isinstance(said.get("message"), str):
        return with_mail(said, "message", decoded("".join(said["message"].split())))
    return payload


CONNECTOR = mail_connector(
    "postal",
    "Postal: events of messages, one per request, and inbound mail as a hash or raw",
    _FORMAT,
    _SAID,
    webhook=Webhook(secrets=("public_key",), check=_check, record=_record),
)
