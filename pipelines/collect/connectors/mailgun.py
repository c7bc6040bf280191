"""Mailgun: webhooks (event-data), the forms of older ones, exports of the Events API, and mail of routes.

Source: Mailgun, User Manual: Webhooks, Securing Webhooks, Event Structure, Open and Click Bot Detection, Receiving
Messages via HTTP; Legacy Webhooks.
"""

import json
from dataclasses import replace
from typing import Any

from pipelines.collect.connector import EPOCH_SECONDS, Connector, Field, Plan
from pipelines.collect.json_records import CONTENT, JsonFormat, Structure, joined_sql, members_sql, wrapped_sql
from pipelines.collect.mail import address_sql, first_text_sql
from pipelines.collect.mail_plan import CARRIED, MailRecord, hashed_id_sql, mail_plan, message_id_sql, rest_of_sql
from pipelines.collect.mime import MAIL, MAIL_FIELDS, header_list_sql, with_mail
from pipelines.collect.signatures import basic, hmac_of, is_same
from pipelines.collect.webhook import (
    RefusedError,
    Request,
    Secrets,
    Webhook,
    form_fields,
    json_record,
    last_text,
    media_type,
)
from schemas.table import literal

_EVENTS = {
    "accepted": "email_sent",
    "delivered": "email_delivered",
    "failed_temporary": "email_deferred",
    "failed_permanent": "email_bounced",
    "bounced": "email_bounced",
    "dropped": "email_rejected",
    "rejected": "email_rejected",
    "opened": "email_opened",
    "clicked": "email_clicked",
    "complained": "email_complained",
    "unsubscribed": "email_unsubscribed",
    "stored": "email_replied",
    "inbound": "email_replied",
}
_KNOWN = {"signature": "JSON", "event-data": "JSON", MAIL: "JSON"}
# Of an event, wherever it stands: in event-data, or as the fields of an older form. The last are those of a mail.
_EVENT: Structure = {
    "event": "VARCHAR",
    "id": "VARCHAR",
    "timestamp": "VARCHAR",
    "token": "VARCHAR",
    "recipient": "VARCHAR",
    "severity": "VARCHAR",
    "url": "VARCHAR",
    "message": {"headers": dict.fromkeys(("message-id", "to", "from"), "VARCHAR")},
    "user-variables": CARRIED,
    "campaigns": "JSON",
    "campaign-id": "VARCHAR",
    "client-info": {"bot": "VARCHAR", "user-agent": "VARCHAR"},
    "user-agent": "VARCHAR",
    # Older forms have it under one of two names.
    "Message-Id": "VARCHAR",
    "sender": "VARCHAR",
    "from": "VARCHAR",
    "In-Reply-To": "VARCHAR",
    "message-headers": "VARCHAR",
    "stripped-text": "VARCHAR",
    "body-plain": "VARCHAR",
    **CARRIED,
}
_DATA = wrapped_sql("event-data")
# What the message of an event says of itself, and what its sender gave it to carry.
_OWN = "e.message.headers"
_GIVEN = 'e."user-variables"'
_CLIENT = 'e."client-info"'

_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "s": ("r.signature", {"timestamp": "VARCHAR"}),
        "e": (_DATA, _EVENT),
        "m": (f"r.{MAIL}", MAIL_FIELDS),
    },
)
# A form of a route names no event; a form of an event does.
_IS_MAIL = f"""COALESCE(e.event, '') = '' AND r."event-data" IS NULL
    AND COALESCE(e.token, e.sender, e."message-headers", r.{MAIL}::VARCHAR) IS NOT NULL"""
_KIND = f"""CASE
    WHEN e.event = 'failed' THEN 'failed_' || CASE e.severity WHEN 'temporary' THEN 'temporary' ELSE 'permanent' END
    WHEN e.event <> '' THEN e.event
    WHEN {_IS_MAIL} THEN 'inbound'
    ELSE 'without a name'
END"""


def _header(name: str) -> str:
    """A header of a mail: a form has them as the text of a JSON array of pairs."""
    pairs = """CASE WHEN json_valid(e."message-headers") THEN from_json(e."message-headers", '[["VARCHAR"]]') END"""
    found = f"list_filter({pairs}, lambda pair: lower(pair[1]) = {literal(name.lower())})[1][2]"
    return f"COALESCE({found}, {header_list_sql('m.headers', name)})"


_SENDER = first_text_sql(('e."from"', 'm."from"', _header("From"), "e.sender"))
_ADDRESS = f"""CASE mail_kind
    WHEN 'inbound' THEN {address_sql(_SENDER)}
    WHEN 'stored' THEN COALESCE({address_sql(f'{_OWN}."from"')}, e.sender)
    ELSE COALESCE(nullif(e.recipient, ''), {address_sql(f'{_OWN}."to"')})
END"""
# The message that an event is about; of a mail the one that it answers.
_MESSAGE = f"""CASE mail_kind
    WHEN 'inbound' THEN {first_text_sql(('e."In-Reply-To"', "m.in_reply_to", _header("In-Reply-To")))}
    WHEN 'stored' THEN NULL
    ELSE COALESCE({_OWN}."message-id", e."Message-Id", json_extract_string({_DATA}, '$."message-id"'))
END"""
# An id is unique within a day only.
_DAY = "strftime(TRY(to_timestamp(TRY_CAST(COALESCE(mail_moment, s.timestamp) AS DOUBLE))), '%Y-%m-%d')"
# Without an id, what tells the event; of one that names no message, all that it says.
_HASHED = hashed_id_sql(
    "mail_kind", "mail_address", f"COALESCE({_MESSAGE}, {CONTENT})", "COALESCE(mail_moment, s.timestamp)", "e.url"
)
_MAIL_ID = hashed_id_sql(
    "mail_kind", f"COALESCE({first_text_sql(('m.message_id', _header('Message-Id')))}, {CONTENT})", "e.recipient"
)
_EVENT_ID = f"""CASE
    WHEN mail_kind = 'inbound' THEN {_MAIL_ID}
    WHEN e.id <> '' THEN concat_ws('-', e.id, {_DAY})
    ELSE {_HASHED}
END"""
_TOLD = ("id", "timestamp", "recipient")
_WITHOUT = literal(json.dumps(dict.fromkeys(_TOLD)))
_PROPERTIES = f"""CASE
    WHEN r."event-data" IS NOT NULL THEN {
    joined_sql(members_sql(f'json_merge_patch(r."event-data", {_WITHOUT})'), members_sql(rest_of_sql(("event-data",))))
}
    WHEN mail_kind <> 'inbound' THEN {rest_of_sql(_TOLD)}
    WHEN e."stripped-text" <> '' THEN {rest_of_sql(("timestamp", "stripped-text"))}
    ELSE {rest_of_sql(("timestamp", "body-plain"), {MAIL: ("text",)})}
END"""
_CAMPAIGN = first_text_sql(
    (f"{_GIVEN}.campaign_id", "e.campaign_id", """json_extract_string(e.campaigns, '$[0].id')""", 'e."campaign-id"')
)
_TEXTS = first_text_sql(('e."stripped-text"', 'e."body-plain"', "m.text"))
_TEXT = f"CASE WHEN mail_kind = 'inbound' THEN {_TEXTS} END"
_SAID = MailRecord(
    kind=_KIND,
    names=_EVENTS,
    address=_ADDRESS,
    moment="e.timestamp",
    time_cast=EPOCH_SECONDS,
    event_id=_EVENT_ID,
    contact_id=message_id_sql(_MESSAGE),
    properties=_PROPERTIES,
    carried={**{name: f"COALESCE({_GIVEN}.{name}, e.{name})" for name in CARRIED}, "campaign_id": _CAMPAIGN},
    text=_TEXT,
    user_agent=f'COALESCE({_CLIENT}."user-agent", e."user-agent")',
    auto_submitted=_header("Auto-Submitted"),
    is_machine=f"{_CLIENT}.bot <> ''",
    # Older events, and those of tests in Mailgun's console, name no recipient.
    nameless="TRUE",
    texts=("e.id", "e.recipient"),
    objects=('r."event-data"',),
)


def _plan() -> Plan:
    plan = mail_plan("mailgun", _FORMAT, _SAID)
    return replace(plan, fields={**plan.fields, "sent_at": Field("s.timestamp", EPOCH_SECONDS)})


_PLAN = _plan()

_SIGNED = ("timestamp", "token", "signature")
_EVENT_FIELDS = (
    "event", "recipient", "domain", "ip", "country", "region", "city", "user-agent", "device-type", "client-type",
    "client-name", "client-os", "campaign-id", "campaign-name", "mailing-list", "url", "code", "error", "notification",
    "reason", "description", "Message-Id", "message-id", "message-headers", *_SIGNED,
)  # fmt: skip


def check(request: Request, secrets: Secrets) -> str:
    """The HMAC-SHA256 of timestamp and token under the webhook signing key; gives the token, which counts once.

    Basic is asked for besides where the source has a username. Raises RefusedError.
    """
    if secrets.get("username"):
        basic(request, secrets)
    timestamp, token, signature = _signed(request)
    expected = hmac_of(secrets, "secret", (timestamp + token).encode("utf-8", "replace")).hex()
    if not is_same(signature, expected):
        raise RefusedError(401, "the signature is wrong")
    return token


def record(request: Request) -> bytes:
    """An event as it came; of a form its fields, and what a raw message says in its place. Raises RefusedError."""
    if _is_json(request):
        return json_record(request)
    fields = _own_fields(form_fields(request, {"body-mime": "latin-1"}))
    raw = fields.get("body-mime")
    if isinstance(raw, str):
        return with_mail(fields, "body-mime", raw.encode("latin-1", "replace"))
    return json.dumps(fields, ensure_ascii=False).encode()


def _is_json(request: Request) -> bool:
    return media_type(request.headers) == "application/json"


def _signed(request: Request) -> tuple[str, str, str]:
    """Timestamp, token and signature. Raises RefusedError where one of them is missing."""
    if _is_json(request):
        payload = json.loads(json_record(request))
        block = payload.get("signature") if isinstance(payload, dict) else None
    else:
        block = {name: last_text(value) for name, value in form_fields(request).items()}
    found = [block.get(name) for name in _SIGNED] if isinstance(block, dict) else []
    texts = [str(value) for value in found if isinstance(value, str | int) and value != ""]
    if len(texts) != len(_SIGNED):
        raise RefusedError(401, "the request has no signature with timestamp and token")
    return texts[0], texts[1], texts[2]


def _own_fields(fields: dict[str, str | list[str]]) -> dict[str, Any]:
    """The fields of a form, in which variables of the user stand among Mailgun's own.

    Of two values under a name of Mailgun's, its own is the first, for those of the signature the last; the other is put
    under user-variables.
    """
    clashes = {name: value for name, value in fields.items() if name in _EVENT_FIELDS and isinstance(value, list)}
    own = {name: last_text(value) if name in _SIGNED else value[0] for name, value in clashes.items()}
    others = {name: value[0] if name in _SIGNED else last_text(value) for name, value in clashes.items()}
    return {**fields, **own, **({"user-variables": others} if others else {})}


CONNECTOR = Connector(
    doc="Mailgun's webhooks, one event per request, also those of older forms; mail of routes",
    channels=("email",),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=Webhook(secrets=("secret",), check=check, record=record),
)
