"""Intercom: webhook topics of conversations, contacts, tickets, calls and outbound messages; exports of conversations.

Source: Intercom Developer Docs, "Webhook Topics", "Webhook Notification Object" (X-Hub-Signature), "Content Stat
notification object", "Conversations", "Conversation parts", "Contacts", "Tickets", "Calls".
"""

from pipelines.collect import intercom_topics as topics
from pipelines.collect.connector import Check, Connector, Field, Plan
from pipelines.collect.conversation import TIME, speaker_fields, turn_name_sql
from pipelines.collect.json_parts import Parts
from pipelines.collect.json_records import (
    JsonFormat,
    first_sql,
    is_nested_sql,
    is_no_object_sql,
    joined_sql,
    members_sql,
    rest_sql,
)
from pipelines.collect.naming import cases_sql, snake_sql
from pipelines.collect.signatures import hmac_in
from pipelines.collect.webhook import Answer, Request, Secrets, Webhook
from schemas.table import literal, literals

# The topics whose news is the first message of the conversation; others repeat it.
_OPENING = ("conversation.user.created", "conversation.admin.single.created", "conversation.admin.open.created")
# Topics that bring news of a conversation besides its parts.
_STATES = ("conversation.rating.added", "conversation.rating.remarked", "conversation.deleted", "conversation.read")
_TOPIC = "COALESCE(json_extract_string(member, '$.topic'), '')"
_HAS_SOURCE = f"{_TOPIC} IN ('', {literals(_OPENING)})"
_HAS_PARTS = f"{_TOPIC} NOT IN ({literals(_STATES)})"

_KNOWN = {
    "type": "VARCHAR",
    "topic": "VARCHAR",
    "id": "VARCHAR",
    "created_at": "VARCHAR",
    "part_type": "VARCHAR",
    "body": "VARCHAR",
    "delivered_as": "VARCHAR",
    "author": "JSON",
    "data": "JSON",
}
_ITEM = {
    "id": "VARCHAR",
    "external_id": "VARCHAR",
    "user_id": "VARCHAR",
    "email": "VARCHAR",
    "phone": "VARCHAR",
    "created_at": "VARCHAR",
    "source": "JSON",
    "user": "JSON",
    "contacts": "JSON",
    "contact": "JSON",
    "conversation_rating": "JSON",
    "content_stat": "JSON",
    "ticket": "JSON",
    "ticket_part": "JSON",
    "ticket_parts": "JSON",
    "contact_id": "VARCHAR",
    "direction": "VARCHAR",
    "initiated_at": "VARCHAR",
    "ended_at": "VARCHAR",
}
_PERSON = dict.fromkeys(("type", "id", "user_id", "external_id", "email", "phone"), "VARCHAR")
_LAST_PART = "json_extract(COALESCE(item['ticket_parts'], ticket['ticket_parts']), '$.ticket_parts[#-1]')"
_SOURCES = ("source", "data.item.source")
_PARTS = ("conversation_parts.conversation_parts", "data.item.conversation_parts.conversation_parts")
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "author": ("r.author", _PERSON),
        "notice": (
            "COALESCE(whole, CASE WHEN r IS NOT NULL THEN record END)",
            {"topic": "VARCHAR", "created_at": "VARCHAR"},
        ),
        # What a notification is about; the conversation itself in an export.
        "item": ("COALESCE(json_extract(whole, '$.data.item'), whole, json_extract(r.data, '$.item'))", _ITEM),
        "source": ("item['source']", {"type": "VARCHAR", "author": "JSON"}),
        "opener": ("source['author']", _PERSON),
        "rating": ("item['conversation_rating']", {"rating": "VARCHAR", "remark": "VARCHAR", "created_at": "VARCHAR"}),
        "person": ("COALESCE(item['contact'], item['user'])", _PERSON),
        "stat": (
            "item['content_stat']",
            dict.fromkeys(
                ("content_type", "stat_type", "ruleset_id", "series_id", "receipt_id"),
                "VARCHAR",
            ),
        ),
        # The ticket, unless it is the item itself, and what was last written in it.
        "ticket": ("item['ticket']", {"id": "VARCHAR", "contacts": "JSON", "ticket_parts": "JSON"}),
        "written": (f"COALESCE(item['ticket_part'], {_LAST_PART})", {"body": "VARCHAR", "author": "JSON"}),
    },
    batch="conversations",
    parts=Parts(
        {**dict.fromkeys(_SOURCES, _HAS_SOURCE), **dict.fromkeys(_PARTS, _HAS_PARTS)},
        shared=_SOURCES,  # who began the conversation tells whether the customer answers
    ),
)

_SPEAKERS = {
    "customer": ("user", "lead", "contact", "visitor"),
    "company": ("admin", "team"),
    "machine": ("bot", "operator"),
}
_PART_NAMES = {"note": "chat_note_added", "close": "chat_ended", "open": "chat_reopened", "assignment": "chat_assigned"}
_OTHER_PART = f"'chat_' || nullif({snake_sql('r.part_type')}, '')"
_CHANNELS = {
    **{name: name for name in ("email", "sms", "whatsapp", "push")},
    **dict.fromkeys(("facebook", "instagram", "twitter"), "social"),
    "phone_call": "call",
}
_ENTITIES = (("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&amp;", "&"))


def _speaker_sql(kind: str) -> str:
    branches = " ".join(
        f"WHEN {kind} IN ({literals(kinds)}) THEN {literal(speaker)}" for speaker, kinds in _SPEAKERS.items()
    )
    return f"CASE {branches} END"


def _plain(html: str) -> str:
    """Text without tags; paragraphs and breaks become lines."""
    lines = rf"regexp_replace({html}, '(?i)<br ?/?>|</p>\s*<p[^>]*>', chr(10), 'g')"
    plain = f"regexp_replace({lines}, '<[^>]*>', '', 'g')"
    for entity, sign in _ENTITIES:
        plain = f"replace({plain}, {literal(entity)}, {literal(sign)})"
    return f"trim({plain})"


_CONTACTS = "json_extract(COALESCE(item.contacts, ticket.contacts), '$.contacts')"
_LISTED = f"""CASE WHEN {first_sql(_CONTACTS)} = '[' THEN
    from_json({_CONTACTS}, '[{{"id":"VARCHAR","external_id":"VARCHAR"}}]') END"""
_RECORDS = f"""
    WITH records AS ({_FORMAT.records_sql()}),
    read AS (
        SELECT *, CASE
                WHEN part_no IS NULL THEN 'notice'
                WHEN r.part_type IS NULL THEN 'source'
                ELSE 'part'
            END AS kind,
            notice.topic AS topic,
            {topics.IS_ABOUT_PERSON} AS is_about_person,
            {topics.STAT_CHANNEL} AS stat_channel, {topics.STAT_SIGN} AS stat_sign,
            -- A conversation of several customers does not make them one.
            {_LISTED} AS contacts, CASE WHEN len(contacts) = 1 THEN contacts[1] END AS contact,
            COALESCE(len(contacts), 0) < 2 AS is_of_one,
            {_speaker_sql("opener.type")} AS began,
            CASE WHEN kind <> 'notice' THEN {_speaker_sql("author.type")} ELSE {topics.SPEAKER} END AS turn_speaker
        FROM records
    )
    SELECT *, CASE
            WHEN kind = 'source' AND turn_speaker IN ('company', 'machine') THEN 'chat_sent'
            WHEN kind = 'part' AND r.part_type = 'comment' AND turn_speaker = 'customer'
                AND began IN ('company', 'machine') THEN 'chat_replied'
            WHEN kind = 'source' OR r.part_type = 'comment' THEN {turn_name_sql("turn_speaker")}
            WHEN kind = 'part' THEN {cases_sql("r.part_type", _PART_NAMES, _OTHER_PART)}
            ELSE {topics.NAME}
        END AS known_name
    FROM read
"""


def _own(name: str) -> str:
    """What is known of the person: of the customer who speaks, else of the one whom the conversation is with."""
    return (
        f"CASE WHEN is_about_person THEN COALESCE(person.{name}, item.{name}) "
        f"WHEN turn_speaker = 'customer' AND kind <> 'notice' THEN author.{name} "
        f"WHEN began = 'customer' AND is_of_one THEN COALESCE(person.{name}, opener.{name}) ELSE person.{name} END"
    )


_OWN_PHONE = "CASE WHEN is_about_person THEN COALESCE(person.phone, item.phone) END"
_KEPT = tuple(name for name in _KNOWN if name not in ("id", "created_at"))
_PLAN = Plan(
    records=_RECORDS,
    fields={
        # A part has the same id in all notifications that hold it, and in exports.
        "event_id": Field(
            "CASE kind WHEN 'part' THEN 'part:' || r.id WHEN 'source' THEN 'conversation:' || item.id "
            # A ping is of no notification, and has no id.
            "ELSE COALESCE(r.id, CASE WHEN topic = 'ping' THEN 'ping:' || r.created_at END) END"
        ),
        "event_name": Field("COALESCE(known_name, 'intercom_unknown')"),
        "channel": Field(
            f"COALESCE(CASE WHEN kind = 'notice' THEN {topics.CHANNEL} END, "
            f"{cases_sql('source.type', _CHANNELS, literal('chat'))})"
        ),
        **speaker_fields("turn_speaker"),
        "occurred_at": Field(
            "COALESCE(CASE WHEN kind = 'source' OR stat_channel IS NOT NULL THEN item.created_at "
            f"WHEN kind = 'notice' THEN COALESCE(rating.created_at, {topics.TIME_OF_CALL}) END, r.created_at)",
            TIME,
        ),
        "received_at": Field("request_received_at"),
        "campaign_id": Field("COALESCE(stat.series_id, stat.ruleset_id)"),
        "contact_id": Field(
            "CASE WHEN stat_channel IS NOT NULL THEN 'receipt:' || stat.receipt_id "
            "WHEN NOT is_about_person THEN COALESCE(ticket.id, item.id) END"
        ),
        "score": Field("CASE WHEN kind = 'notice' THEN rating.rating END"),
        "text": Field(
            f"CASE WHEN r.part_type = 'note' THEN NULL WHEN known_name = 'ticket_comment_added' "
            f"THEN {_plain('written.body')} WHEN kind = 'notice' THEN rating.remark ELSE {_plain('r.body')} END"
        ),
        "properties": Field(
            joined_sql(
                members_sql(rest_sql(_KNOWN, _KEPT)),
                # What the conversation says besides stands once, in the first of its parts.
                "CASE WHEN part_no = 0 THEN '\"whole\":' || whole END",
            )
        ),
    },
    identifiers=(
        ("'intercom_id'", _own("id")),
        ("'user_id'", f"COALESCE({_own('external_id')}, {_own('user_id')})"),
        ("'email'", _own("email")),
        ("'phone'", f"COALESCE({_OWN_PHONE}, CASE WHEN starts_with(topic, 'call.') THEN item.phone END)"),
        ("'intercom_id'", "COALESCE(contact.id, item.contact_id)"),
        ("'user_id'", "contact.external_id"),
    ),
    is_machine="COALESCE(turn_speaker = 'machine', FALSE)",
    checks=(
        Check(
            "missing_event_name",
            "part_no IS NULL AND COALESCE(r.topic, '') = ''",
            "there is neither a 'topic' nor a conversation with parts; send notifications or conversations",
        ),
        Check(
            "wrong_type_object",
            is_no_object_sql(["r.author", "r.data"]),
            "'author' or 'data' is not an object; send the notification as Intercom gives it",
        ),
        Check(
            "wrong_type_text",
            is_nested_sql(
                [
                    *(f"r.{name}" for name, kind in _KNOWN.items() if kind == "VARCHAR"),
                    *(f"item.{name}" for name, kind in _ITEM.items() if kind == "VARCHAR"),
                ]
            ),
            "an id, a time or what was written is an object or array; send it as text",
        ),
    ),
)


def _handshake(request: Request, _secrets: Secrets) -> Answer | None:
    """Intercom asks with HEAD whether the endpoint is there."""
    return Answer(200) if request.method == "HEAD" else None


CONNECTOR = Connector(
    doc="Intercom: topics of conversations, contacts, tickets, calls and outbound messages; exports of conversations",
    channels=tuple(dict.fromkeys(("chat", "web", "ticket", *_CHANNELS.values(), *topics.CHANNELS))),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=Webhook(
        secrets=("secret",),
        check=hmac_in("x-hub-signature", algorithm="sha1", prefix="sha1="),
        handshake=_handshake,
    ),
)
