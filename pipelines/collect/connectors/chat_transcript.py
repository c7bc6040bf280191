"""Transcripts of conversations as chat systems export them: one interaction for each turn.

Source: LiveChat Agent Chat API (`thread.events`), Olark Webhooks (`items`), the Action-Based Conversations Dataset
(`original`), and plain `turns` or `messages`.
"""

from dataclasses import replace

from pipelines.collect import json_records
from pipelines.collect.connector import Check, Connector, Field, Plan
from pipelines.collect.conversation import TIME, speaker_fields, turn_name_sql
from pipelines.collect.json_parts import Parts
from pipelines.collect.signatures import BASIC, basic
from pipelines.collect.webhook import RefusedError, Request, Webhook, form_fields, json_record
from schemas.table import literal, literals

_TURNS = ("turns", "messages", "original", "items", "events", "thread.events")
_KNOWN = {
    "id": "VARCHAR",
    "message_id": "VARCHAR",
    "speaker": "VARCHAR",
    "role": "VARCHAR",
    "sender": "VARCHAR",
    "sender_type": "VARCHAR",
    "author_type": "VARCHAR",
    "kind": "VARCHAR",
    "type": "VARCHAR",
    "author_id": "VARCHAR",
    "text": "VARCHAR",
    "body": "VARCHAR",
    "message": "VARCHAR",
    "content": "VARCHAR",
    "created_at": "VARCHAR",
    "timestamp": "VARCHAR",
    "time": "VARCHAR",
    "sent_at": "VARCHAR",
}
_PERSON = ("id", "email", "emailAddress", "phone", "phoneNumber", "user_id", "username")
_CONVERSATION = {
    "id": "VARCHAR",
    "conversation_id": "VARCHAR",
    "convo_id": "VARCHAR",
    "chat_id": "VARCHAR",
    "started_at": "VARCHAR",
    "created_at": "VARCHAR",
    "channel": "VARCHAR",
    "order_id": "VARCHAR",
    "campaign_id": "VARCHAR",
    "offer_id": "VARCHAR",
    "decision_id": "VARCHAR",
    "user_id": "VARCHAR",
    "customer_id": "VARCHAR",
    "customer": "JSON",
    "visitor": "JSON",
    "users": "JSON",
    "scenario": "JSON",
}
_SCENARIO = {"personal": "JSON", "order": "JSON"}
_PERSONS = ("customer", "visitor", "personal")
_FORMAT = json_records.JsonFormat(
    known=_KNOWN,
    nested={
        "w": ("whole", _CONVERSATION),
        "scenario": ("w['scenario']", _SCENARIO),
        "customer": ("w['customer']", dict.fromkeys(_PERSON, "VARCHAR")),
        "visitor": ("w['visitor']", dict.fromkeys(_PERSON, "VARCHAR")),
        "personal": ("scenario['personal']", dict.fromkeys(_PERSON, "VARCHAR")),
        "ordered": ("scenario['order']", {"order_id": "VARCHAR"}),
    },
    batch="conversations",
    envelope={"exported_at": "exported_at"},
    parts=Parts(dict.fromkeys(_TURNS, "TRUE"), names=("speaker", "text")),
)
# What systems call who speaks, in small letters.
_SPEAKERS = {
    "customer": (
        "customer", "visitor", "user", "client", "guest", "end_user", "end-user", "lead", "contact", "caller",
        "messagetooperator", "offlinemessage",
    ),
    "company": ("agent", "operator", "admin", "staff", "company", "representative", "messagetovisitor"),
    "machine": ("bot", "assistant", "system", "system_message", "action", "trigger", "automation"),
}  # fmt: skip
_ROLE = "lower(COALESCE(author_type, r.speaker, r.role, r.sender_type, r.author_type, r.sender, r.kind, r.type))"
_SPEAKER = " ".join(
    f"WHEN {_ROLE} IN ({literals(words)}) THEN {literal(speaker)}" for speaker, words in _SPEAKERS.items()
)
# LiveChat says once for each conversation which of its users is the customer.
_USERS = """CASE WHEN first_character = '[' THEN
    from_json(w.users, '[{"id":"VARCHAR","type":"VARCHAR","email":"VARCHAR"}]') END""".replace(
    "first_character", json_records.first_sql("w.users")
)


def _user_sql(condition: str) -> str:
    return f"list_filter({_USERS}, lambda u: {condition})[1]"


_IS_CUSTOMER = "u.type = 'customer'"
_STARTED = "COALESCE(w.started_at, w.created_at)"
_RECORDS = f"""
    WITH records AS ({_FORMAT.records_sql()}),
    read AS (
        SELECT *, COALESCE(w.conversation_id, w.convo_id, w.chat_id, w.id) AS conversation_id,
            {_user_sql("u.id = r.author_id")}.type AS author_type,
            COALESCE(r.created_at, r.timestamp, r.time, r.sent_at) AS said_at,
            COALESCE(r.text, r.body, r.message, r.content) AS said,
            COALESCE(part_no, 0) AS turn_no
        FROM records
    )
    SELECT *, CASE {_SPEAKER} END AS turn_speaker
    FROM read
"""


def _in_order(moment: str) -> str:
    """The time of a turn that has none: of the conversation, a microsecond later for each turn before it."""
    placed = f"(TRY_CAST({moment} AS TIMESTAMPTZ) + to_microseconds(turn_no))::VARCHAR"
    return f"CASE WHEN said_at IS NULL THEN COALESCE({placed}, {moment}) END"


_KEPT = ("speaker", "role", "sender", "sender_type", "author_type", "kind", "type", "author_id")
_PLAN = Plan(
    records=_RECORDS,
    fields={
        "event_id": Field("conversation_id || '-' || COALESCE(r.message_id, r.id, (turn_no + 1)::VARCHAR)"),
        "event_name": Field(f"COALESCE({turn_name_sql('turn_speaker')}, 'chat_transcript_unknown')"),
        "channel": Field("COALESCE(nullif(lower(w.channel), ''), 'chat')"),
        **speaker_fields("turn_speaker"),
        "occurred_at": Field(f"COALESCE(said_at, {_in_order(_STARTED)})", TIME),
        "received_at": Field(f"COALESCE(request_received_at, {_in_order('exported_at')}, exported_at)", TIME),
        "order_id": Field("COALESCE(w.order_id, ordered.order_id)"),
        "campaign_id": Field("w.campaign_id"),
        "offer_id": Field("w.offer_id"),
        "decision_id": Field("w.decision_id"),
        "contact_id": Field("conversation_id"),
        "text": Field("said"),
        "properties": Field(
            json_records.joined_sql(
                json_records.members_sql(json_records.rest_sql(_KNOWN, _KEPT)),
                # What the conversation says besides stands once, in its first turn.
                "CASE WHEN part_no = 0 THEN '\"conversation\":' || whole END",
            )
        ),
    },
    identifiers=(
        ("'user_id'", "w.user_id"),
        ("'customer_id'", "w.customer_id"),
        *(("'user_id'", f"COALESCE({who}.user_id, {who}.username)") for who in _PERSONS),
        ("'customer_id'", "customer.id"),
        ("'visitor_id'", "visitor.id"),
        *(("'email'", f"COALESCE({who}.email, {who}.emailAddress)") for who in _PERSONS),
        *(("'phone'", f"COALESCE({who}.phone, {who}.phoneNumber)") for who in _PERSONS),
        ("'email'", f"{_user_sql(_IS_CUSTOMER)}.email"),
    ),
    is_machine="COALESCE(turn_speaker = 'machine', FALSE)",
    checks=(
        Check(
            "no_turns",
            "part_no IS NULL",
            f"the conversation has no turns under {', '.join(_TURNS)}; name their list so",
        ),
        Check(
            "missing_event_id",
            "COALESCE(conversation_id, '') = ''",
            "the conversation has no 'id' or 'conversation_id'; send one, so that it is known again",
        ),
        Check(
            "wrong_type_object",
            json_records.is_no_object_sql(["w.customer", "w.visitor", "w.scenario"]),
            "'customer', 'visitor' or 'scenario' of the conversation is not an object; send what describes it",
        ),
        Check(
            "wrong_type_text",
            json_records.is_nested_sql(
                [*(f"r.{n}" for n in _KNOWN), *(f"w.{n}" for n, kind in _CONVERSATION.items() if kind == "VARCHAR")]
            ),
            "an id, a time or what was said is an object or array; send it as text",
        ),
        Check(
            "missing_time",
            f"COALESCE(said_at, {_STARTED}, exported_at, request_received_at, '') = ''",
            "the turn and the conversation have no time; give 'started_at', or 'exported_at' beside 'conversations'",
        ),
    ),
)


def record(request: Request) -> bytes:
    """The conversation as JSON: the body, or the field `data` of a form, as Olark sends it. Raises RefusedError."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return json_record(request)
    data = form_fields(request).get("data")
    if not isinstance(data, str):
        raise RefusedError(400, "the form has no field 'data', or several")
    return json_record(replace(request, body=data.encode()))


CONNECTOR = Connector(
    doc="Transcripts of conversations (LiveChat, Olark and alike): one interaction for each turn",
    channels=("chat", "call", "sms", "email", "whatsapp"),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=Webhook(secrets=BASIC, check=basic, record=record),
)
