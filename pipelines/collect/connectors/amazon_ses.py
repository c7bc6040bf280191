"""Amazon SES: events, feedback notifications and received mail, wrapped by SNS or raw.

Source: Amazon SES Developer Guide, Contents of event data that Amazon SES publishes to Amazon SNS; Amazon SNS
notification contents; Contents of notifications for Amazon SES email receiving.
"""

import base64
import binascii
import json
from dataclasses import replace
from typing import Any

from pipelines.collect.connector import Connector, Field, Plan
from pipelines.collect.json_parts import Parts
from pipelines.collect.json_records import JsonFormat, joined_sql, members_sql, request_header_sql
from pipelines.collect.mail import address_sql, first_text_sql
from pipelines.collect.mail_plan import CARRIED, MailRecord, hashed_id_sql, mail_plan, message_id_sql
from pipelines.collect.mime import MAIL, MAIL_FIELDS, header_list_sql, with_mail
from pipelines.collect.sns import check, confirmation
from pipelines.collect.webhook import Request, Webhook, json_record
from schemas.table import literal

_EVENTS = {
    "Send": "email_sent",
    "Delivery": "email_delivered",
    "DeliveryDelay": "email_deferred",
    "Bounce": "email_bounced",
    "Reject": "email_rejected",
    "Rendering Failure": "email_failed",
    "RenderingFailure": "email_failed",
    "Open": "email_opened",
    "Click": "email_clicked",
    "Complaint": "email_complained",
    "Subscription off": "email_unsubscribed",
    "Subscription on": "email_subscribed",
    "Received": "email_replied",
}
_SNS = "sns"
_MESSAGE_ID_HEADER = "x-amz-sns-message-id"
# Where an event names those whom it is about; else it is about all to whom the mail went.
_CONCERNED = (
    "bounce.bouncedRecipients",
    "complaint.complainedRecipients",
    "delivery.recipients",
    "deliveryDelay.delayedRecipients",
)
_IS_NAMED = " OR ".join(f"json_type(member, '$.{path}') = 'ARRAY'" for path in _CONCERNED)
_IS_RECEIVED = "json_extract_string(member, '$.notificationType') = 'Received'"
_TO_ALL = f"NOT COALESCE({_IS_RECEIVED}, FALSE) AND NOT COALESCE({_IS_NAMED}, FALSE)"
# The object of each event that holds its own time; `mail.timestamp` is when the mail was sent, or came in.
_OWN = ("bounce", "complaint", "delivery", "deliveryDelay", "subscription", "receipt")
_LOADED = ("open", "click")
_DATA = "CASE WHEN r IS NOT NULL THEN json(COALESCE(whole, record)) END"


def _at(path: str) -> str:
    return f"json_extract({_DATA}, {literal(f'$.{path}')})"


def _text_at(path: str) -> str:
    return f"json_extract_string({_DATA}, {literal(f'$.{path}')})"


_MAIL = {"timestamp": "VARCHAR", "messageId": "VARCHAR", "source": "VARCHAR", "headers": "JSON", "tags": "JSON"}
_FORMAT = JsonFormat(
    known={"emailAddress": "VARCHAR", "address": "VARCHAR"},
    nested={
        "n": (
            _DATA,
            {
                "eventType": "VARCHAR",
                "notificationType": "VARCHAR",
                "Timestamp": "VARCHAR",
                "mail": _MAIL,
                _SNS: {"Timestamp": "VARCHAR", "MessageId": "VARCHAR"},
                MAIL: MAIL_FIELDS,
                **{name: {"timestamp": "VARCHAR"} for name in _OWN},
                **{name: {"timestamp": "VARCHAR", "userAgent": "VARCHAR", "link": "VARCHAR"} for name in _LOADED},
            },
        ),
    },
    parts=Parts(paths={**dict.fromkeys(_CONCERNED, "TRUE"), "mail.destination": _TO_ALL}, text="address"),
    opened=("Message", _SNS),
)
# Out of all topics, or of one of them: a no weighs more than the topics that stay.
_IS_OUT = f"""COALESCE({_text_at("subscription.newTopicPreferences.unsubscribeAll")} = 'true', FALSE) OR COALESCE(
    contains({_at("subscription.newTopicPreferences.topicSubscriptionStatus")}::VARCHAR, '"OptOut"'), FALSE
)"""
_KIND = f"""CASE COALESCE(n."eventType", n."notificationType", 'without a name')
    WHEN 'Subscription' THEN CASE WHEN {_IS_OUT} THEN 'Subscription off' ELSE 'Subscription on' END
    WHEN 'Complaint' THEN CASE {_text_at("complaint.complaintFeedbackType")}
        WHEN 'not-spam' THEN 'Complaint withdrawn' ELSE 'Complaint'
    END
    ELSE COALESCE(n."eventType", n."notificationType", 'without a name')
END"""


def _header(name: str) -> str:
    return f"COALESCE({header_list_sql('n.mail.headers', name)}, {header_list_sql(f'n.{MAIL}.headers', name)})"


_FROM = first_text_sql((_header("From"), f'n.{MAIL}."from"'))
_SENDER = f"COALESCE({address_sql(_FROM)}, {address_sql('n.mail.source')})"
_ADDRESS = f"CASE WHEN mail_kind = 'Received' THEN {_SENDER} ELSE COALESCE(r.\"emailAddress\", r.address) END"
_OWN_TIME = first_text_sql(f"n.{name}.timestamp" for name in (*_OWN, *_LOADED))
_MOMENT = f"""CASE
    WHEN mail_kind IN ('Send', 'Received') THEN n.mail.timestamp
    WHEN mail_kind IN ('Reject', 'Rendering Failure', 'RenderingFailure') AND n.sns."Timestamp" IS NULL
        THEN n.mail.timestamp
    ELSE {_OWN_TIME}
END"""
_ANSWERED = message_id_sql(f"COALESCE({_header('In-Reply-To')}, n.{MAIL}.in_reply_to)")
_CONTACT = f"""CASE
    WHEN mail_kind <> 'Received' THEN n.mail."messageId"
    ELSE regexp_replace({_ANSWERED}, '@([a-z0-9.-]+\\.)?amazonses\\.com$', '')
END"""
# An event without a time of its own is told by the id of the message that brought it.
_DELIVERY = f"""CASE WHEN mail_moment IS NULL
    THEN COALESCE(n.sns."MessageId", {request_header_sql(_MESSAGE_ID_HEADER)})
END"""
_EVENT_ID = hashed_id_sql(
    "mail_kind",
    # However the record is spaced: it has no id of its own.
    'COALESCE(n.mail."messageId", CASE WHEN r IS NOT NULL THEN '
    "json_merge_patch('{}', COALESCE(whole, record))::VARCHAR END)",
    "mail_address",
    "mail_moment",
    "n.click.link",
    _DELIVERY,
)
# The message, and of several recipients what is said of this one.
_OF_RECIPIENT = 'json_merge_patch(record, \'{"emailAddress":null,"address":null}\')::VARCHAR'
_WITHOUT_TEXT = literal(json.dumps({MAIL: {"text": None}}))
_REST = f"CASE WHEN {_at(MAIL)} IS NULL THEN {_DATA} ELSE json_merge_patch({_DATA}, {_WITHOUT_TEXT}) END"
_PROPERTIES = joined_sql(
    members_sql(_REST),
    f"CASE WHEN part_no IS NOT NULL AND {_OF_RECIPIENT} <> '{{}}' THEN '\"recipient\":' || {_OF_RECIPIENT} END",
)
# A tag is one of the mail: of several recipients it cannot say who is meant.
_IS_ALONE = f"COALESCE(part_count, 1) = 1 AND COALESCE(json_array_length({_at('mail.destination')}), 1) = 1"


def _tag(name: str) -> str:
    return f"json_extract_string(n.mail.tags, '$.{name}[0]')"


_SAID = MailRecord(
    kind=_KIND,
    names=_EVENTS,
    address=_ADDRESS,
    moment=_MOMENT,
    event_id=_EVENT_ID,
    contact_id=_CONTACT,
    properties=_PROPERTIES,
    carried={**{name: _tag(name) for name in CARRIED}, "user_id": f"CASE WHEN {_IS_ALONE} THEN {_tag('user_id')} END"},
    text=f"CASE WHEN mail_kind = 'Received' THEN n.{MAIL}.text END",
    user_agent='COALESCE(n.click."userAgent", n.open."userAgent")',
    auto_submitted=_header("Auto-Submitted"),
    # SNS's own messages, and mail whose sender only its stored text tells, name nobody.
    nameless="TRUE",
    texts=('n.mail."messageId"',),
)


def _plan() -> Plan:
    """SNS says when it took a message; without an event's own time, that one counts."""
    plan = mail_plan("amazon_ses", _FORMAT, _SAID)
    taken = """COALESCE(n.sns."Timestamp", n."Timestamp")"""
    times = {"sent_at": Field(taken), "received_at": Field(f"COALESCE({taken}, request_received_at)")}
    return replace(plan, fields={**plan.fields, **times})


_PLAN = _plan()


def record(request: Request) -> bytes:
    """The message as it came; of a received mail what its raw text says, the message opened. Raises RefusedError."""
    text = json_record(request)
    payload = json.loads(text)
    message = _opened(payload) if isinstance(payload, dict) else {}
    content = message.get("content")
    if not isinstance(content, str) or message.get("notificationType") != "Received":
        return text
    return with_mail(message, "content", _raw(content, message))


def _opened(payload: dict[str, Any]) -> dict[str, Any]:
    """The message of SES, with what SNS says beside it."""
    inner = payload.get("Message")
    try:
        message = json.loads(inner) if isinstance(inner, str) else None
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        return payload
    return {_SNS: {name: value for name, value in payload.items() if name != "Message"}, **message}


def _raw(content: str, message: dict[str, Any]) -> bytes:
    """The bytes of a mail: as text, or in Base64 where the action says so."""
    receipt = message.get("receipt")
    action = receipt.get("action") if isinstance(receipt, dict) else None
    if isinstance(action, dict) and str(action.get("encoding")).upper() == "BASE64":
        try:
            return base64.b64decode("".join(content.split()), validate=True)
        except (binascii.Error, ValueError):
            pass  # read as the text that it is then
    return content.encode("utf-8", "replace")


CONNECTOR = Connector(
    doc="Amazon SES through SNS, wrapped or raw: events, feedback and received mail",
    channels=("email",),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=Webhook(
        secrets=("topic_arn",),
        check=check,
        record=record,
        headers=(_MESSAGE_ID_HEADER,),
        handshake=confirmation,
        or_basic=True,
    ),
)
