"""SendGrid: the Event Webhook (JSON arrays) and Inbound Parse (forms, as objects of their fields).

Source: Twilio SendGrid, Event Webhook Reference; Event Webhook Security Features; Setting up the Inbound Parse Webhook.
"""

import json
from collections.abc import Mapping, Sequence

from pipelines.collect.connector import EPOCH_SECONDS
from pipelines.collect.json_records import CONTENT, JsonFormat, rest_sql
from pipelines.collect.mail import address_sql, first_text_sql
from pipelines.collect.mail_plan import CARRIED, MailRecord, json_text_sql, mail_connector, mime_header_sql, rest_of_sql
from pipelines.collect.mime import MAIL, MAIL_FIELDS, with_mail
from pipelines.collect.signatures import after_header, basic, ecdsa
from pipelines.collect.webhook import Request, Secrets, Webhook, form_fields, json_record
from schemas.keys import key_sql

Fields = Mapping[str, str | Sequence[str]]

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
    "inbound": "email_replied",
}
# Fields of an event that columns tell; all others stay in properties.
_TOLD = {
    "email": "VARCHAR",
    "timestamp": "VARCHAR",
    "event": "VARCHAR",
    "sg_event_id": "VARCHAR",
    "sg_message_id": "VARCHAR",
    "sg_machine_open": "VARCHAR",
    **CARRIED,
}
_KNOWN = {
    **_TOLD,
    "useragent": "VARCHAR",
    "unique_args": "JSON",
    "marketing_campaign_id": "VARCHAR",
    "singlesend_id": "VARCHAR",
    # Inbound mail.
    "headers": "VARCHAR",
    "from": "VARCHAR",
    "envelope": "VARCHAR",
    "charsets": "VARCHAR",
    "text": "VARCHAR",
    MAIL: "JSON",
}
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "u": ("r.unique_args", CARRIED),
        "envelope": (json_text_sql("r.envelope"), {"from": "VARCHAR"}),
        "m": (f"r.{MAIL}", MAIL_FIELDS),
    },
)
_IS_MAIL = f"""COALESCE(r.event, '') = ''
    AND (r.headers IS NOT NULL OR r.envelope IS NOT NULL OR r.charsets IS NOT NULL OR r.{MAIL} IS NOT NULL)"""
# The headers of a mail; where a file holds the raw message, they stand at its beginning.
_HEADERS = "COALESCE(r.headers, r.email)"
_FROM = first_text_sql(('r."from"', 'm."from"', mime_header_sql(_HEADERS, "From"), 'envelope."from"'))
_MESSAGE_ID = first_text_sql(("m.message_id", mime_header_sql(_HEADERS, "Message-ID")))
# What is missing here is another reason to refuse the record, not a missing id.
_FALLBACK_ID = key_sql(
    *(f"COALESCE(r.{name}, '')" for name in ("sg_message_id", "email", "user_id", "event", "timestamp"))
)
_MAIL_ID = key_sql(
    "'inbound'", f"COALESCE({_MESSAGE_ID}, {CONTENT})", "COALESCE(mail_address, '')", "COALESCE(r.envelope, '')"
)


def _of_mail(expression: str, otherwise: str = "NULL") -> str:
    return f"CASE WHEN {_IS_MAIL} THEN {expression} ELSE {otherwise} END"


_SAID = MailRecord(
    kind=_of_mail("'inbound'", "r.event"),
    names=_EVENTS,
    address=_of_mail(address_sql(_FROM), "r.email"),
    moment=_of_mail("NULL", "r.timestamp"),
    time_cast=EPOCH_SECONDS,
    event_id=_of_mail(_MAIL_ID, f"COALESCE(nullif(r.sg_event_id, ''), {_FALLBACK_ID})"),
    # A mail names the message that it answers by its Message-ID, which no event has.
    contact_id=_of_mail("NULL", "r.sg_message_id"),
    properties=_of_mail(rest_of_sql(("text",), {MAIL: ("text",)}), rest_sql(_TOLD, kept=("event",))),
    carried={
        **{name: _of_mail("NULL", f"COALESCE(r.{name}, u.{name})") for name in CARRIED},
        "campaign_id": _of_mail(
            "NULL", first_text_sql(("r.campaign_id", "u.campaign_id", "r.marketing_campaign_id", "r.singlesend_id"))
        ),
    },
    date=_of_mail(first_text_sql(("m.date", mime_header_sql(_HEADERS, "Date")))),
    text=_of_mail(first_text_sql(("r.text", "m.text"))),
    user_agent="r.useragent",
    auto_submitted=_of_mail(mime_header_sql(_HEADERS, "Auto-Submitted")),
    is_machine="r.sg_machine_open IN ('true', '1')",
    nameless=_IS_MAIL,
    texts=("r.sg_event_id",),
    objects=("r.unique_args",),
)

_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_SIGNATURE = ecdsa("x-twilio-email-event-webhook-signature", signed=after_header(_TIMESTAMP))


def check(request: Request, secrets: Secrets) -> None:
    """The signature if the source has a public_key, and Basic if it has a username or no key. Raises RefusedError."""
    if secrets.get("public_key"):
        _SIGNATURE(request, secrets)
    if secrets.get("username") or not secrets.get("public_key"):
        basic(request, secrets)


def record(request: Request) -> bytes:
    """Events as they came; of a form its fields, and what a raw message says in its place. Raises RefusedError."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/"):
        return json_record(request)
    fields = form_fields(request, {**_encodings(form_fields(request)), "email": "latin-1"})
    raw = fields.get("email")
    if isinstance(raw, str):
        return with_mail(fields, "email", _mail(raw))
    return json.dumps(fields, ensure_ascii=False).encode()


def _mail(text: str) -> bytes:
    """The bytes of a raw message, each of which stands as a character unless the form says otherwise."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _encodings(fields: Fields) -> dict[str, str]:
    """What the field `charsets` says on the others: a JSON object, name -> encoding."""
    try:
        said = json.loads(str(fields.get("charsets", "{}")))
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in said.items() if isinstance(value, str)} if isinstance(said, dict) else {}


CONNECTOR = mail_connector(
    "sendgrid",
    "SendGrid's Event Webhook: JSON arrays, one per request; mail of Inbound Parse",
    _FORMAT,
    _SAID,
    webhook=Webhook(secrets=("public_key",), check=check, record=record, or_basic=True),
)
