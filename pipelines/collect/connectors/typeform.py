"""Typeform: webhooks (form_response) and exports of the Responses API.

Source: Typeform, Webhooks API: Example payload, Secure your webhooks; Responses API: Retrieve responses.
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
from pipelines.collect.signatures import hmac_in
from pipelines.collect.webhook import Webhook
from schemas.keys import key_sql
from warehouse.settings import DEFAULT_KINDS

_KNOWN = {"event_id": "VARCHAR", "event_type": "VARCHAR", "form_response": "JSON"}
_RESPONSE = {
    "token": "VARCHAR",
    "response_id": "VARCHAR",
    "response_type": "VARCHAR",
    "submitted_at": "VARCHAR",
    "landed_at": "VARCHAR",
    "hidden": "JSON",
    "answers": "JSON",
}
_CARRIED = ("campaign_id", "offer_id", "decision_id", "contact_id")
# Hidden fields that name the person are named as the kinds of identifiers are.
_HIDDEN = dict.fromkeys((*DEFAULT_KINDS, *_CARRIED), "VARCHAR")
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={"f": (wrapped_sql("form_response"), _RESPONSE), "h": ("(f).hidden", _HIDDEN)},
    batch="items",
    single="event_id",
)
_ANSWER = (
    '[{"text":"VARCHAR","number":"VARCHAR","email":"VARCHAR","phone_number":"VARCHAR","field":{"type":"VARCHAR"}}]'
)
_ANSWERS = f"CASE WHEN {first_sql('f.answers')} = '[' THEN from_json(f.answers, '{_ANSWER}') END"
_SCALES = ("nps", "opinion_scale", "rating")


def _answered(kind: str, member: str) -> str:
    """The `member` of the first answer to a question of `kind`."""
    return f"list_filter(answers, lambda answer: answer.field.type = '{kind}')[1].{member}"


_SCORE = f"COALESCE({', '.join(_answered(kind, 'number') for kind in _SCALES)})"
_TEXT = """nullif(array_to_string(list_transform(
    list_filter(answers, lambda answer: answer.field.type = 'long_text'), lambda answer: answer.text
), chr(10)), '')"""
_NAME = """CASE
    WHEN COALESCE(r.event_type, 'form_response') = 'form_response' AND COALESCE(f.token, f.response_id) IS NOT NULL
        THEN CASE WHEN f.submitted_at IS NULL OR f.response_type IN ('started', 'partial')
            THEN 'survey_partially_answered' ELSE 'survey_answered' END
    WHEN r.event_type = 'form_response_partial' THEN 'survey_partially_answered'
    ELSE 'typeform_unknown'
END"""

_PLAN = Plan(
    records=f"SELECT *, {_NAME} AS event_name, {_ANSWERS} AS answers FROM ({_FORMAT.records_sql()})",
    fields={
        # A response has one token, whether a webhook or an export brings it.
        "event_id": Field(f"""CASE event_name
            WHEN 'survey_answered' THEN 'response:' || COALESCE(f.token, f.response_id)
            ELSE COALESCE(nullif(r.event_id, ''), {key_sql("event_name", CONTENT)})
        END"""),
        "event_name": Field("event_name"),
        "channel": Field("'survey'"),
        "direction": Field("'inbound'"),
        "initiator": Field("'customer'"),
        "occurred_at": Field("COALESCE(f.submitted_at, f.landed_at)"),
        "received_at": Field("request_received_at"),
        **{name: Field(f"h.{name}") for name in _CARRIED},
        "score": Field(_SCORE),
        "text": Field(_TEXT),
        "properties": Field(rest_sql({})),
    },
    identifiers=(
        *((f"'{kind}'", f"h.{kind}") for kind in DEFAULT_KINDS),
        ("'email'", "list_filter(answers, lambda answer: answer.email IS NOT NULL)[1].email"),
        ("'phone'", "list_filter(answers, lambda answer: answer.phone_number IS NOT NULL)[1].phone_number"),
    ),
    checks=(
        Check(
            "wrong_type_text",
            is_nested_sql(["r.event_id", "r.event_type", "f.token", *(f"h.{name}" for name in _HIDDEN)]),
            "an id, a name or a hidden field is an object or array; send the record as Typeform gives it",
        ),
        Check(
            "wrong_type_object",
            is_no_object_sql(["r.form_response", "f.hidden"]),
            "'form_response' or 'hidden' is not an object; send the record as Typeform gives it",
        ),
        Check(
            "wrong_type_answers",
            f"{first_sql('f.answers')} NOT IN ('[', 'n')",
            "'answers' is not an array; send the record as Typeform gives it",
        ),
    ),
)

CONNECTOR = Connector(
    doc="Typeform's webhooks and exports: responses to forms",
    channels=("survey",),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=Webhook(secrets=("secret",), check=hmac_in("typeform-signature", encoding="base64", prefix="sha256=")),
)
