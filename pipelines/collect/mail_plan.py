"""The plan that the connectors of e-mail providers share: each says where its records hold what."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.collect.connector import Check, Connector, Field, Plan
from pipelines.collect.json_records import JsonFormat, is_nested_sql, is_no_object_sql
from pipelines.collect.mail import REPLIED, canonical_sql, event_fields, is_scanned_sql, mail_date_sql
from pipelines.collect.webhook import Webhook
from schemas.keys import key_sql
from schemas.table import literal

# What a sender gives a message to carry: its provider's metadata, variables or custom arguments.
CARRIED: Mapping[str, str] = dict.fromkeys(("user_id", "campaign_id", "offer_id", "decision_id"), "VARCHAR")
# Unix seconds, or milliseconds where the number is too great for seconds of this age.
EPOCH = """make_timestamptz(TRY_CAST(
    TRY_CAST({raw} AS DECIMAL(20,6)) * CASE WHEN TRY_CAST({raw} AS DOUBLE) >= 1e11 THEN 1000 ELSE 1000000 END AS BIGINT
))"""


@dataclass(frozen=True)
class MailRecord:
    """Where a record holds what: VARCHAR expressions over the columns of the JsonFormat.

    `raw` is the text of a message that was not parsed. `kind` is the wire name, `names` its canonical names; `address`
    the recipient, of inbound mail the sender; `moment` when it happened, which `time_cast` casts. The other expressions
    may use these as mail_raw, mail_kind, mail_address and mail_moment. `carried` are user_id, campaign_id, offer_id,
    decision_id as far as they are there. `date` is a `Date` header, which stands in for a time that the provider does
    not give. `nameless` are the records (a predicate) that may name nobody, as the provider's own do at times. `texts`
    are refused where they hold an object or array, `objects` where they hold something else than an object.
    """

    kind: str
    names: Mapping[str, str]
    address: str
    moment: str
    event_id: str
    contact_id: str
    properties: str
    carried: Mapping[str, str] = field(default_factory=dict)
    time_cast: str = ""
    raw: str = "NULL::VARCHAR"
    date: str = "NULL::VARCHAR"
    text: str = "NULL::VARCHAR"
    user_agent: str = "NULL::VARCHAR"
    auto_submitted: str = "NULL::VARCHAR"
    is_machine: str = "FALSE"
    nameless: str = "FALSE"
    texts: Sequence[str] = ()
    objects: Sequence[str] = ()


def mail_connector(name: str, doc: str, form: JsonFormat, said: MailRecord, webhook: Webhook) -> Connector:
    """The connector `name` of a provider of e-mail: `doc` in a line, its records, and how it takes requests."""
    plan = mail_plan(name, form, said)
    return Connector(doc, ("email",), "json", lambda _mapping, _columns: plan, form, webhook)


def mail_plan(name: str, form: JsonFormat, said: MailRecord) -> Plan:
    """The plan of connector `name`; what `said.names` does not hold becomes the event `<name>_unknown`."""
    unknown = f"{name}_unknown"
    records = f"""
        SELECT *, {said.kind} AS mail_kind, {canonical_sql("mail_kind", said.names, unknown)} AS mail_event,
            {said.address} AS mail_address, {said.moment} AS mail_moment, {said.date} AS mail_date
        FROM (SELECT *, {said.raw} AS mail_raw FROM ({form.records_sql()}))
    """
    carried = {column: Field(said.carried[column]) for column in CARRIED if column in said.carried}
    user_id = carried.pop("user_id", None)
    return Plan(
        records=records,
        fields={
            **event_fields("mail_event"),
            **carried,
            "event_id": Field(said.event_id),
            "occurred_at": Field("mail_moment", said.time_cast),
            "sent_at": Field(f"CASE WHEN {mail_date_sql('mail_date')} IS NOT NULL THEN mail_date END", _DATE),
            "received_at": Field("request_received_at"),
            "contact_id": Field(said.contact_id),
            "text": Field(said.text),
            "properties": Field(said.properties),
        },
        identifiers=(("'email'", "mail_address"), *((("'user_id'", user_id.raw),) if user_id else ())),
        is_machine=_is_machine_sql(said),
        checks=_checks(said, unknown),
    )


_DATE = mail_date_sql("{raw}")


def _is_machine_sql(said: MailRecord) -> str:
    """What the provider says, a scanner's user agent, and replies that a program wrote (RFC 3834)."""
    automatic = f"lower(trim({said.auto_submitted}))"
    written = f"mail_event = {literal(REPLIED)} AND COALESCE({automatic}, '') NOT IN ('', 'no')"
    return f"(COALESCE({said.is_machine}, FALSE) OR {is_scanned_sql('mail_event', said.user_agent)} OR ({written}))"


def _checks(said: MailRecord, unknown: str) -> tuple[Check, ...]:
    texts = ("mail_kind", "mail_address", said.contact_id, *said.carried.values(), *said.texts)
    return (
        Check(
            "wrong_type_object",
            is_no_object_sql(said.objects),
            "what must be an object is something else; check that the file holds requests of the webhook",
        ),
        Check(
            "missing_event_name",
            "COALESCE(mail_kind, '') = ''",
            "nothing says what kind of event it is; check that the file holds requests of the webhook",
        ),
        Check(
            "wrong_type_text",
            is_nested_sql(texts),
            "an address, an id or a name is an object or array; send it as text",
        ),
        Check(
            "missing_identifier",
            f"mail_event <> {literal(unknown)} AND len(identifiers) = 0 AND NOT ({said.nameless})",
            "there is no usable address and no 'user_id'; check the webhook's settings",
        ),
    )


def hashed_id_sql(*parts: str) -> str:
    """An event id of VARCHAR expressions that together tell the event; those that are missing count as empty."""
    return key_sql(*(f"COALESCE({part}, '')" for part in parts))


def rest_of_sql(known: Sequence[str], nested: Mapping[str, Sequence[str]] | None = None) -> str:
    """The record without its members `known`, and without members of the objects in it that `nested` names."""
    rest = f"json_merge_patch(record, {_without(known)})" if known else "json(record)"
    for name, members in (nested or {}).items():
        patch = literal(json.dumps({name: dict.fromkeys(members)}))
        path = literal(f'$."{name}"')
        rest = f"CASE WHEN json_type(record, {path}) = 'OBJECT' THEN json_merge_patch({rest}, {patch}) ELSE {rest} END"
    return f"CASE WHEN r IS NOT NULL THEN {rest} END"


def _without(names: Sequence[str]) -> str:
    return literal(json.dumps(dict.fromkeys(names)))


def json_text_sql(value: str) -> str:
    """The JSON that stands in a text (VARCHAR expression); NULL for any other text."""
    return f"CASE WHEN json_valid({value}) THEN {value}::JSON END"


def tagged_sql(tags: str) -> dict[str, str]:
    """What is carried in tags (VARCHAR[] expression) such as `campaign_id:spring`, where a provider knows only tags."""
    return {
        name: f"list_filter({tags}, lambda tag: starts_with(tag, '{name}:'))[1][{len(name) + 2}:]" for name in CARRIED
    }


def object_header_sql(headers: str, name: str) -> str:
    """The first value of a mail's header, where `headers` is a JSON object by names; case does not matter."""
    key = f"list_filter(json_keys({headers}), lambda key: lower(key) = {literal(name.lower())})[1]"
    path = f"""'$."' || {key} || '"'"""
    return f"COALESCE(json_extract_string({headers}, {path} || '[0]'), json_extract_string({headers}, {path}))"


def mime_header_sql(message: str, name: str) -> str:
    """The first header `name` in the text of a message (RFC 5322), unfolded; NULL where it has none."""
    head = f"regexp_extract({message}, '(?s)^(.*?)(?:\\r?\\n\\r?\\n|$)', 1)"
    found = f"regexp_extract({head}, '(?im)^{name}[ \\t]*:[ \\t]*([^\\r\\n]*(?:\\r?\\n[ \\t]+[^\\r\\n]*)*)', 1)"
    return f"nullif(trim(regexp_replace({found}, '\\r?\\n[ \\t]+', ' ', 'g')), '')"


def base64_text_sql(value: str) -> str:
    """The text whose UTF-8 bytes stand in Base64; NULL where they do not."""
    return f"TRY(decode(from_base64(regexp_replace({value}, '\\s', '', 'g'))))"


def message_id_sql(value: str) -> str:
    """A Message-ID without the brackets around it."""
    return f"trim({value}, '<> ')"
