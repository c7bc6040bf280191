"""SparkPost: event webhooks and relay webhooks (inbound mail), arrays of `msys` objects.

Source: SparkPost API, Webhooks, Relay Webhooks; Webhook event reference; Event webhook authentication and security;
Bounce classification codes.
"""

import json
from typing import Any

from pipelines.collect.json_records import JsonFormat
from pipelines.collect.mail import address_sql, first_text_sql
from pipelines.collect.mail_checks import BEARER, answer_to_reading, token_or_basic
from pipelines.collect.mail_plan import (
    CARRIED,
    EPOCH,
    MailRecord,
    base64_text_sql,
    hashed_id_sql,
    mail_connector,
    mime_header_sql,
)
from pipelines.collect.naming import cases_sql
from pipelines.collect.webhook import Answer, Request, Secrets, Webhook

_EVENTS = {
    "injection": "email_sent",
    "delivery": "email_delivered",
    "delay": "email_deferred",
    "bounce": "email_bounced",
    "out_of_band": "email_bounced",
    "policy_rejection": "email_rejected",
    "generation_rejection": "email_rejected",
    "generation_failure": "email_failed",
    "open": "email_opened",
    "initial_open": "email_opened",
    "amp_open": "email_opened",
    "amp_initial_open": "email_opened",
    "click": "email_clicked",
    "amp_click": "email_clicked",
    "spam_complaint": "email_complained",
    "list_unsubscribe": "email_unsubscribed",
    "link_unsubscribe": "email_unsubscribed",
    "subscribe": "email_subscribed",
    "relay_message": "email_replied",
}
# Answers of the recipient that come as bounces; 60 and 100 are a program's, and no bounces either.
_ANSWERS = {"60": "auto_reply", "80": "subscribe", "90": "link_unsubscribe", "100": "auto_reply"}
_EVENT = "json_extract(r.msys, '$.*')[1]"
_FORMAT = JsonFormat(
    known={"msys": "JSON"},
    nested={
        "e": (
            _EVENT,
            {
                "type": "VARCHAR",
                "event_id": "VARCHAR",
                "timestamp": "VARCHAR",
                "message_id": "VARCHAR",
                "transmission_id": "VARCHAR",
                "rcpt_to": "VARCHAR",
                "raw_rcpt_to": "VARCHAR",
                "rcpt_meta": "JSON",
                "campaign_id": "VARCHAR",
                "bounce_class": "VARCHAR",
                "target_link_url": "VARCHAR",
                "user_agent": "VARCHAR",
                "user_agent_parsed": "JSON",
                # Inbound mail.
                "friendly_from": "VARCHAR",
                "msg_from": "VARCHAR",
                "content": "JSON",
            },
        ),
        "m": (f"{_EVENT} -> '$.rcpt_meta'", CARRIED),
        "device": (f"{_EVENT} -> '$.user_agent_parsed'", {"is_prefetched": "VARCHAR"}),
        "content": (
            f"{_EVENT} -> '$.content'",
            {
                "text": "VARCHAR",
                "subject": "VARCHAR",
                "email_rfc822": "VARCHAR",
                "email_rfc822_is_base64": "VARCHAR",
            },
        ),
    },
)
_CLASS = "json_keys(r.msys)[1]"
_IS_MAIL = "mail_kind = 'relay_message'"
_KIND = f"""CASE
    WHEN {_CLASS} = 'relay_message' THEN 'relay_message'
    WHEN e.type = 'bounce' THEN {cases_sql("e.bounce_class", _ANSWERS, "e.type")}
    ELSE e.type
END"""
_FROM = first_text_sql((mime_header_sql("mail_raw", "From"), "e.friendly_from", "e.msg_from"))
# Of an event of relaying the recipient is an inbox of our own.
_TO = f"CASE WHEN {_CLASS} = 'relay_event' THEN e.msg_from ELSE {first_text_sql(('e.rcpt_to', 'e.raw_rcpt_to'))} END"
_ID = hashed_id_sql(
    "mail_kind",
    "COALESCE(e.message_id, e.transmission_id)",
    "mail_address",
    "mail_moment",
    "e.target_link_url",
    f"CASE WHEN {_IS_MAIL} THEN {mime_header_sql('mail_raw', 'Message-ID')} END",
    f"CASE WHEN {_IS_MAIL} THEN e.rcpt_to END",
    "content.subject",
    "content.text",
)
_MAPPED = '{"event_id":null,"timestamp":null,"message_id":null}'
_PROPERTIES = f"""CASE
    WHEN r IS NULL THEN NULL
    WHEN {_IS_MAIL} THEN json_merge_patch(record, '{{"msys":{{"relay_message":{{"content":{{"text":null}}}}}}}}')
    WHEN e IS NOT NULL THEN json_merge_patch(record, '{{"msys":{{' || to_json({_CLASS})::VARCHAR || ':{_MAPPED}}}}}')
    ELSE json(record)
END"""
_SAID = MailRecord(
    kind=_KIND,
    names=_EVENTS,
    address=f"CASE WHEN {_IS_MAIL} THEN {address_sql(_FROM)} ELSE {_TO} END",
    moment="e.timestamp",
    raw=f"""CASE WHEN content.email_rfc822_is_base64 = 'true' THEN {base64_text_sql("content.email_rfc822")}
        ELSE content.email_rfc822 END""",
    time_cast=f"COALESCE({EPOCH}, TRY_CAST({{raw}} AS TIMESTAMPTZ))",
    event_id=f"COALESCE(nullif(e.event_id, ''), {_ID})",
    contact_id=f"CASE WHEN NOT ({_IS_MAIL}) THEN COALESCE(e.message_id, e.transmission_id) END",
    carried={**{name: f"m.{name}" for name in CARRIED}, "campaign_id": "COALESCE(m.campaign_id, e.campaign_id)"},
    properties=_PROPERTIES,
    date=mime_header_sql("mail_raw", "Date"),
    text="content.text",
    user_agent="e.user_agent",
    auto_submitted=mime_header_sql("mail_raw", "Auto-Submitted"),
    is_machine="device.is_prefetched = 'true'",
    texts=("e.event_id", "e.transmission_id", "e.target_link_url"),
    objects=("r.msys",),
)
_TRIAL: Any = [{"msys": {}}]


def _answer(request: Request, secrets: Secrets) -> Answer | None:
    """200 for the empty batch by which SparkPost tries an address."""
    try:
        is_trial = len(request.body) < 100 and json.loads(request.body) == _TRIAL
    except ValueError:
        is_trial = False
    return Answer(200) if is_trial else answer_to_reading(request, secrets)


CONNECTOR = mail_connector(
    "sparkpost",
    "SparkPost: events in arrays of msys objects, and inbound mail of relay webhooks",
    _FORMAT,
    _SAID,
    webhook=Webhook(
        secrets=("auth_token",),
        check=token_or_basic({"x-messagesystems-webhook-token": "", **BEARER}),
        handshake=_answer,
        or_basic=True,
    ),
)
