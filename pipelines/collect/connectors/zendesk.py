"""Zendesk: webhook events of tickets, messaging and users, and exports of tickets, comments, chats and users as JSON.

Source: Zendesk Developer Docs, "Webhook event types": "Ticket events", "Messaging ticket events", "User events";
"Verifying webhook authenticity", "Tickets", "Ticket Comments", "Chats", "Users".
"""

from pipelines.collect.connector import Check, Connector, Field, Plan
from pipelines.collect.conversation import TIME, speaker_fields, turn_name_sql
from pipelines.collect.json_parts import Parts
from pipelines.collect.json_records import (
    CONTENT,
    JsonFormat,
    is_nested_sql,
    is_no_object_sql,
    joined_sql,
    members_sql,
    rest_sql,
)
from pipelines.collect.naming import cases_sql, snake_sql
from pipelines.collect.signatures import after_header, hmac_in
from pipelines.collect.webhook import Webhook
from schemas.keys import key_sql
from schemas.table import literal

_TEXTS = (
    "id", "type", "time", "author_id", "user_id", "body", "description", "message", "msg", "msg_id", "sender_type",
    "nick", "public", "created_at", "created", "updated_at", "timestamp", "ticket_id", "requester_id", "submitter_id",
    "role", "email", "phone", "external_id", "status", "via_channel",
)  # fmt: skip
_OBJECTS = ("detail", "event", "via", "visitor")
_KNOWN = {**dict.fromkeys(_TEXTS, "VARCHAR"), **dict.fromkeys(_OBJECTS, "JSON")}
_PERSON = dict.fromkeys(("id", "email", "phone"), "VARCHAR")
_TICKET = dict.fromkeys(("id", "requester_id", "submitter_id", "description", "created_at", "updated_at"), "VARCHAR")
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "detail": (
            "r.detail",
            {**_TICKET, **dict.fromkeys(("actor_id", "role", "email", "external_id"), "VARCHAR"), "via": "JSON"},
        ),
        "event": ("r.event", {"comment": "JSON", "actor": "JSON", "message": "JSON", "conversation_id": "VARCHAR"}),
        "comment": ("event['comment']", {"id": "VARCHAR", "body": "VARCHAR", "is_public": "VARCHAR", "author": "JSON"}),
        "author": ("comment['author']", {"id": "VARCHAR", "is_staff": "VARCHAR"}),
        "actor": ("event['actor']", {"id": "VARCHAR", "type": "VARCHAR"}),
        "message": ("event['message']", {"id": "VARCHAR", "body": "VARCHAR"}),
        # A ticket that is exported with its comments, a chat with its history.
        "w": ("whole", {**_TICKET, "via": "JSON", "visitor": "JSON"}),
        "visitor": ("COALESCE(w['visitor'], r.visitor)", _PERSON),
    },
    batch="tickets",
    parts=Parts({"comments": "TRUE", "history": "TRUE"}),
)

_PREFIX = "zen:event-type:ticket."
_MESSAGE = "zen:event-type:messaging_ticket.message_added"
_USER = "zen:event-type:user."
_CHANNELS = {
    "email": "email",
    "web": "web",
    "web_form": "web",
    "mobile": "app",
    "mobile_sdk": "app",
    "chat": "chat",
    "native_messaging": "chat",
    "messaging": "chat",
    "voice": "call",
    "phone": "call",
    "sms": "sms",
    "whatsapp": "whatsapp",
}
_SPEAKERS = {
    "end_user": "customer",
    "visitor": "customer",
    "agent": "company",
    "trigger": "machine",
    "system": "machine",
}


_KIND = f"""CASE
    WHEN r.type = {literal(_MESSAGE)} THEN 'message'
    WHEN r.type = '{_PREFIX}comment_added' THEN 'added'
    WHEN starts_with(r.type, '{_PREFIX}') THEN 'changed'
    WHEN starts_with(r.type, '{_USER}') THEN CASE detail.role WHEN 'end-user' THEN 'person' ELSE 'staff' END
    WHEN starts_with(r.type, 'chat.') THEN 'chat'
    WHEN r.type = 'offline_msg' THEN 'offline'
    WHEN contains(r.type, ':') THEN 'unknown'
    WHEN r.body IS NOT NULL AND COALESCE(r.author_id, r.user_id) IS NOT NULL THEN 'comment'
    WHEN r.requester_id IS NOT NULL AND r.id IS NOT NULL THEN 'ticket'
    WHEN r.role = 'end-user' AND r.id IS NOT NULL THEN 'user'
    WHEN r.role IS NOT NULL AND r.id IS NOT NULL THEN 'staff'
    ELSE 'unknown'
END"""
_VIA = "json_extract_string(COALESCE(r.via, detail.via, w.via), '$.channel')"
# What happened, at the end of a type: `created`, `status_changed`.
_LAST = snake_sql("regexp_extract(r.type, '[^.]*$')")
_SENDER = "json_extract_string(COALESCE(r.via, w.via), '$.source.from.address')"
# The first comment of a ticket that is exported with its comments is the ticket.
_RECORDS = f"""
    WITH records AS ({_FORMAT.records_sql()}),
    kinds AS (
        SELECT *, {_KIND} AS found_kind,
            found_kind = 'comment' AND part_no = 0 AND w.id IS NOT NULL AS is_opening,
            CASE WHEN is_opening THEN 'ticket' ELSE found_kind END AS kind,
            CASE WHEN kind NOT IN ('person', 'staff', 'unknown')
                THEN COALESCE(detail.id, r.ticket_id, w.id, CASE WHEN kind = 'ticket' THEN r.id END) END AS ticket_id,
            COALESCE(detail.requester_id, r.requester_id, w.requester_id) AS requester,
            CASE kind
                WHEN 'added' THEN author.id
                WHEN 'changed' THEN detail.actor_id
                ELSE COALESCE(r.author_id, r.user_id, r.submitter_id)
            END AS writer
        FROM records
    ),
    spoken AS (
        SELECT *, CASE
                WHEN kind IN ('message', 'chat') THEN
                    {cases_sql("lower(COALESCE(actor.type, r.sender_type, split_part(r.nick, ':', 1)))", _SPEAKERS)}
                WHEN kind IN ('offline', 'user', 'person') THEN 'customer'
                WHEN kind = 'staff' THEN 'company'
                WHEN kind = 'added' THEN CASE WHEN author.is_staff = 'true' THEN 'company' ELSE 'customer' END
                WHEN r.type = '{_PREFIX}created' THEN
                    CASE WHEN detail.submitter_id = requester THEN 'customer' ELSE 'company' END
                WHEN kind = 'changed' THEN CASE WHEN writer = requester THEN 'customer' ELSE 'company' END
                WHEN requester IS NULL OR writer IS NULL OR writer = requester THEN 'customer'
                ELSE 'company'
            END AS turn_speaker,
            COALESCE(lower(COALESCE(comment.is_public, r.public)) = 'false', FALSE) AS is_note
        FROM kinds
    )
    SELECT *, CASE
            WHEN kind IN ('message', 'offline') OR r.type = 'chat.msg' THEN {turn_name_sql("turn_speaker")}
            WHEN kind = 'chat' THEN 'chat_' || {_LAST}
            WHEN kind IN ('added', 'comment') AND is_note THEN 'ticket_note_added'
            WHEN kind IN ('added', 'comment') THEN 'ticket_comment_added'
            WHEN kind = 'changed' THEN 'ticket_' || {_LAST}
            WHEN kind = 'ticket' THEN 'ticket_created'
            WHEN kind = 'person' AND {_LAST} IN ('deleted', 'merged') THEN 'user_' || {_LAST}
            WHEN kind IN ('user', 'person') THEN 'identify'
            WHEN kind = 'staff' THEN 'staff_updated'
        END AS known_name
    FROM spoken
"""
_VERSION = "epoch_us(TRY_CAST(COALESCE(detail.updated_at, w.updated_at, r.updated_at) AS TIMESTAMPTZ))::VARCHAR"
_IS_TICKET = f"(kind = 'ticket' OR r.type = '{_PREFIX}created')"
_HAS_COLUMN = ("id", "time", "timestamp", "msg", "msg_id", "body", "message", "created_at", "created")
_KEPT = tuple(name for name in _KNOWN if name not in _HAS_COLUMN)
_PLAN = Plan(
    records=_RECORDS,
    fields={
        # A ticket, a comment and a person have the same id in webhooks and in exports.
        "event_id": Field(
            f"""CASE
                WHEN {_IS_TICKET} THEN 'ticket:' || ticket_id
                WHEN kind = 'added' THEN 'comment:' || comment.id
                WHEN kind = 'comment' THEN 'comment:' || r.id
                WHEN kind = 'message' THEN 'message:' || message.id
                WHEN kind = 'chat' THEN 'chat:' || w.id || ':' || COALESCE(r.msg_id, part_no::VARCHAR)
                WHEN kind = 'offline' THEN 'chat:' || r.id
                WHEN kind IN ('user', 'staff') AND r.type IS NULL THEN 'user:' || r.id
                ELSE COALESCE(r.id, {key_sql(CONTENT)})
            END"""
        ),
        "source_version": Field(
            f"CASE WHEN {_IS_TICKET} OR (kind IN ('user', 'staff') AND r.type IS NULL) THEN {_VERSION} END"
        ),
        "event_name": Field("COALESCE(known_name, 'zendesk_unknown')"),
        "channel": Field(
            f"CASE WHEN kind IN ('message', 'chat', 'offline') THEN 'chat' "
            f"ELSE {cases_sql(f'lower(COALESCE(r.via_channel, {_VIA}))', _CHANNELS, literal('ticket'))} END"
        ),
        **speaker_fields("turn_speaker"),
        "occurred_at": Field(
            "CASE WHEN kind IN ('user', 'staff') THEN COALESCE(r.time, r.updated_at, r.created_at) "
            "WHEN kind = 'ticket' THEN COALESCE(w.created_at, r.created_at) "
            "ELSE COALESCE(r.time, r.timestamp, r.created_at, r.created, r.updated_at) END",
            TIME,
        ),
        "received_at": Field("request_received_at"),
        "contact_id": Field("COALESCE(ticket_id, w.id, CASE WHEN kind = 'offline' THEN r.id END)"),
        "text": Field(
            "CASE WHEN is_note OR kind IN ('user', 'staff') THEN NULL "
            f"WHEN {_IS_TICKET} THEN COALESCE(detail.description, r.body, r.description) "
            "ELSE COALESCE(comment.body, message.body, r.body, r.msg, r.message) END"
        ),
        "properties": Field(
            joined_sql(
                members_sql(rest_sql(_KNOWN, _KEPT)),
                "CASE WHEN kind = 'unknown' OR is_note THEN '\"body\":' || to_json(COALESCE(r.body, comment.body)) END",
                # What the ticket or the chat says besides stands once, in its first part.
                "CASE WHEN part_no = 0 THEN '\"whole\":' || whole END",
            )
        ),
    },
    identifiers=(
        (
            "'zendesk_id'",
            """CASE
                WHEN kind = 'user' THEN r.id
                WHEN kind = 'person' THEN detail.id
                WHEN kind = 'message' THEN CASE WHEN turn_speaker = 'customer' THEN actor.id END
                WHEN kind IN ('added', 'comment') AND turn_speaker = 'customer' THEN COALESCE(writer, requester)
                ELSE requester
            END""",
        ),
        (
            "'email'",
            f"CASE kind WHEN 'user' THEN r.email WHEN 'person' THEN detail.email "
            f"WHEN 'ticket' THEN CASE WHEN {_VIA} = 'email' THEN {_SENDER} END END",
        ),
        ("'email'", "visitor.email"),
        ("'phone'", "CASE WHEN kind = 'user' THEN r.phone END"),
        ("'phone'", "visitor.phone"),
        ("'user_id'", "CASE kind WHEN 'user' THEN r.external_id WHEN 'person' THEN nullif(detail.external_id, '') END"),
        ("'zendesk_conversation_id'", "event.conversation_id"),
        ("'zendesk_visitor_id'", "visitor.id"),
    ),
    is_machine="COALESCE(turn_speaker = 'machine', FALSE)",
    checks=(
        Check(
            "wrong_type_object",
            is_no_object_sql(f"r.{name}" for name in _OBJECTS),
            "'detail', 'event', 'via' or 'visitor' is not an object; send the record as Zendesk gives it",
        ),
        Check(
            "wrong_type_text",
            is_nested_sql([*(f"r.{name}" for name in _TEXTS), "comment.body", "message.body", "detail.description"]),
            "an id, a time or what was written is an object or array; send it as text",
        ),
    ),
)

CONNECTOR = Connector(
    doc="Zendesk: webhook events of tickets, messaging and users, exports of tickets, comments, chats and users (JSON)",
    channels=("ticket", "email", "web", "app", "chat", "call", "sms", "whatsapp"),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=Webhook(
        secrets=("secret",),
        check=hmac_in(
            "x-zendesk-webhook-signature",
            encoding="base64",
            signed=after_header("x-zendesk-webhook-signature-timestamp"),
        ),
    ),
)
