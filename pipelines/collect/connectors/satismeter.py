"""SatisMeter: webhooks (completed, dismissed) and exports of responses.

Source: SatisMeter, Support: Webhooks (nothing is signed), Insert-response API (anonymous respondents); RudderStack's
recorded payloads of the webhook, which also holds traits and the survey's campaign.
"""

from pipelines.collect.connector import Check, Connector, Field, Plan
from pipelines.collect.json_records import (
    CONTENT,
    JsonFormat,
    first_sql,
    is_nested_sql,
    is_no_object_sql,
    rest_sql,
    wrapped_sql,
)
from pipelines.collect.signatures import basic
from pipelines.collect.webhook import Webhook
from schemas.keys import key_sql

_KNOWN = {"event": "VARCHAR", "response": "JSON"}
_RESPONSE = {
    "id": "VARCHAR",
    "rating": "VARCHAR",
    "feedback": "VARCHAR",
    "answers": "JSON",
    "created": "VARCHAR",
    "dismissed": "VARCHAR",
    "user": "JSON",
}
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "s": (wrapped_sql("response"), _RESPONSE),
        "u": ("(s).user", {"id": "VARCHAR", "userId": "VARCHAR", "email": "VARCHAR"}),
    },
    batch="responses",
    single="event",
)
_ANSWERS = f"""CASE WHEN {first_sql("s.answers")} = '[' THEN
    from_json(s.answers, '[{{"value":"JSON","type":"VARCHAR"}}]') END"""
# A survey without a rating has questions, of which the first on a scale gives the score, the first long text the text.
_SCORE = f"""COALESCE(s.rating, list_filter({_ANSWERS},
    lambda answer: json_type(answer.value) IN ('UBIGINT', 'BIGINT', 'DOUBLE'))[1].value ->> '$')"""
_WRITTEN = f"""list_filter({_ANSWERS},
    lambda answer: answer.type = 'long-text' AND json_type(answer.value) = 'VARCHAR')[1].value ->> '$'"""
_NAME = f"""CASE
    WHEN r.event = 'completed' THEN 'survey_answered'
    WHEN r.event = 'dismissed' THEN 'survey_dismissed'
    WHEN r.event IS NULL AND s.id IS NOT NULL THEN
        CASE WHEN s.dismissed = 'true' AND {_SCORE} IS NULL THEN 'survey_dismissed' ELSE 'survey_answered' END
    ELSE 'satismeter_unknown'
END"""

_PLAN = Plan(
    records=f"SELECT *, {_NAME} AS event_name FROM ({_FORMAT.records_sql()})",
    fields={
        "event_id": Field(f"""CASE event_name
            WHEN 'survey_answered' THEN 'response:' || s.id
            WHEN 'survey_dismissed' THEN 'dismissal:' || s.id
            ELSE {key_sql("event_name", CONTENT)}
        END"""),
        "event_name": Field("event_name"),
        "channel": Field("'survey'"),
        "direction": Field("'inbound'"),
        "initiator": Field("'customer'"),
        "occurred_at": Field("s.created"),
        "received_at": Field("request_received_at"),
        "score": Field(_SCORE),
        "text": Field(f"COALESCE(s.feedback, {_WRITTEN})"),
        "properties": Field(rest_sql({})),
    },
    identifiers=(("'user_id'", "u.userId"), ("'email'", "u.email"), ("'satismeter_id'", "u.id")),
    checks=(
        Check(
            "wrong_type_text",
            is_nested_sql(["r.event", "s.id", "s.feedback", "u.id", "u.userId", "u.email"]),
            "an id, an address or the feedback is an object or array; send the record as SatisMeter gives it",
        ),
        Check(
            "wrong_type_object",
            is_no_object_sql(["r.response", "s.user"]),
            "'response' or 'user' is not an object; send the record as SatisMeter gives it",
        ),
    ),
)

CONNECTOR = Connector(
    doc="SatisMeter's webhooks and exports: answers to surveys",
    channels=("survey",),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=Webhook(secrets=(), check=basic),
)
