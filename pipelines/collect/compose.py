"""From a connector's plan to one query that gives validated columns of `interactions` with a reason for each reject."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from expectations.masks import first_failure_sql, reasons
from expectations.rule import Rule
from pipelines.collect.connector import Check, Field, Plan, money_sql
from pipelines.collect.phones import may_be_phone, spelled_sql
from schemas.identifiers import anchor_sql, blocked_sql, cleaned_sql, international_sql
from schemas.keys import key_sql
from schemas.table import IDENTIFIERS, INSTANT, ITEMS, MONEY, REAL, TEXT, literal, quoted, sql_type
from schemas.tables import tables
from warehouse.settings import IdentitySettings

# What the connector cannot say: given by the batch or derived for all connectors alike.
_GIVEN = ("batch_id", "file_id", "row_number", "element", "commit_seq", "ingested_at", "source", "connector")
_DERIVED = (
    "interaction_id",
    "identifiers",
    "anchor",
    "time_basis",
    "is_received_assigned",
    "items",
    "is_machine",
    "consents",
)
_EXTRA_TIMES = ("original_at", "sent_at")
_MAY_BE_EMPTY = (
    "source_version", "currency", "product_id", "category", "order_id", "campaign_id", "offer_id", "decision_id",
    "contact_id", "text",
)  # fmt: skip
_AS_SPELLED = {"identifiers": "COALESCE(spelled, identifiers)"}
_SKEW = "INTERVAL 5 MINUTE"
_FUTURE = "INTERVAL 24 HOUR"

# What the readers and the JSON framing can find wrong.
WIRE_REASONS = {
    "not_utf8": "the bytes are not UTF-8; export the file as UTF-8",
    "bad_json": "the line is not valid JSON, or was cut off; send it again",
    "not_an_object": "the record is not a JSON object; send one object per record",
    "record_too_large": "the line is longer than 8 MiB; send smaller records",
    "truncated_file": "the compressed file ends too early; copy it again",
    "broken_row": "the row has another number of cells than the header, or a quote is not closed; mend the export",
    "unreadable_file": "the file cannot be read in the format that its name and connector say; send it again",
    "missing_event_id": "the record has no id; map one, or send one",
    "missing_event_name": "nothing says what happened; map or send an event name",
    "missing_time": "the record has no time; send one in ISO 8601",
}


@dataclass(frozen=True)
class Batch:
    """What every record of one split shares."""

    batch_id: str
    commit_seq: int
    ingested_at: datetime
    source: str
    connector: str


def interactions_sql(plan: Plan, batch: Batch, identity: IdentitySettings, rules: Sequence[Rule]) -> str:
    """A query over `input` and `files` (file_no, file_id): each record as interactions have it, and `reason_code`.

    Columns of `constant_columns` are left out, so that they are not carried through every step; `spelled` is added.
    """
    constant = constant_columns(plan, batch)
    columns = ", ".join(quoted(name) for name in tables()["interactions"].column_names if name not in constant)
    return f"""
        WITH records AS ({plan.records}),
        cleaned AS (SELECT *{_values_sql(plan, identity)} FROM records),
        identified AS (SELECT *, {_identifiers_sql(plan, identity)} FROM cleaned),
        fields AS (SELECT {_fields_sql(plan)}, {_wire_checks_sql(plan)} AS wire_code FROM identified),
        typed AS (SELECT {_typed_sql(plan)} FROM fields),
        skewed AS (SELECT *, {_offset_sql(plan)} AS clock_offset FROM typed),
        timed AS (SELECT *, {_times_sql()} FROM skewed),
        keyed AS ({_keyed_sql(plan)}),
        complete AS (SELECT {_complete_sql(batch, identity)} FROM keyed JOIN files USING (file_no))
        SELECT {columns}, spelled, COALESCE(reason_code, {first_failure_sql(rules)}) AS reason_code
        FROM complete
    """


def constant_columns(plan: Plan, batch: Batch) -> dict[str, str]:
    """The columns of `interactions` that need no row of the plan's records: literals, and the id that follows."""
    said = {
        name: field.raw
        for name, field in plan.fields.items()
        if name in _of_type(TEXT) and re.fullmatch(r"'(?:[^']|'')*'", field.raw)
    }
    unsaid = {name: "NULL" for name in _field_names() if name not in plan.fields and name not in _EXTRA_TIMES}
    unsaid |= {"items": "NULL"} if plan.items == "NULL" else {}
    unsaid |= {"is_machine": "FALSE"} if plan.is_machine == "FALSE" else {}
    unsaid |= {"consents": "NULL"} if plan.consents == "NULL" else {}
    kept = ("event_id", "occurred_at", "received_at")  # derived where the source does not give them
    types = {column.name: sql_type(column.type) for column in tables()["interactions"].columns}
    derived = {"interaction_id": key_sql(literal(batch.source), "event_id")}
    found = {
        **_batch_columns(batch),
        **derived,
        **said,
        **{name: sql for name, sql in unsaid.items() if name not in kept},
    }
    return {name: f"CAST({sql} AS {types[name]})" for name, sql in found.items()}


def _batch_columns(batch: Batch) -> dict[str, str]:
    return {
        "source": literal(batch.source),
        "connector": literal(batch.connector),
        "batch_id": literal(batch.batch_id),
        "commit_seq": str(batch.commit_seq),
        "ingested_at": f"TIMESTAMPTZ {literal(batch.ingested_at.isoformat())}",
    }


def reason_sentences(plan: Plan, rules: Sequence[Rule]) -> dict[str, str]:
    """The sentence of every reason code that `interactions_sql` can give."""
    wrong = {f"wrong_type_{name}": _wrong_type_sentence(name) for name in _typed_names()}
    return {**reasons(rules), **wrong, **WIRE_REASONS, **{c.code: c.reason for c in plan.checks}}


def _wrong_type_sentence(name: str) -> str:
    kind = "a time in ISO 8601" if name in (*_EXTRA_TIMES, *_of_type(INSTANT)) else "a number in range"
    return f"'{name}' is not {kind}; mend the sender or the mapping"


def _of_type(*kinds: pa.DataType) -> list[str]:
    wanted = tables()["interactions"].columns
    return [c.name for c in wanted if c.type in kinds and c.name not in _GIVEN and c.name not in _DERIVED]


def _typed_names() -> list[str]:
    return [*_of_type(INSTANT, MONEY, REAL), *_EXTRA_TIMES]


def _field_names() -> list[str]:
    columns = tables()["interactions"].column_names
    return [*(n for n in columns if n not in _GIVEN and n not in _DERIVED), *_EXTRA_TIMES]


def _values_sql(plan: Plan, identity: IdentitySettings) -> str:
    """Columns `value_<n>`, each identifier of the plan cleaned, and `told_<n>`, the same with phones international.

    Both are NULL where the value is blocked or empty.
    """
    return "".join(_value_sql(n, kind, value, identity) for n, (kind, value) in enumerate(plan.identifiers))


def _value_sql(n: int, kind: str, value: str, identity: IdentitySettings) -> str:
    def unblocked(text: str) -> str:
        return f"CASE WHEN NOT {blocked_sql(text, identity.blocked_values)} THEN {text} END"

    cleaned = f", {cleaned_sql(kind, value)} AS normal_{n}, {unblocked(f'normal_{n}')} AS value_{n}"
    if not may_be_phone(kind):
        return f"{cleaned}, value_{n} AS told_{n}"
    number = international_sql(kind, f"value_{n}", identity.phone_region)
    told = f"CASE WHEN value_{n} IS NOT NULL THEN {number} END"  # most records have none
    return f"{cleaned}, {told} AS number_{n}, {unblocked(f'number_{n}')} AS told_{n}"


def _identifiers_sql(plan: Plan, identity: IdentitySettings) -> str:
    """All identifiers of a record as a list, and `spelled`, the same as they were before they were international."""
    kinds = [kind for kind, _ in plan.identifiers]
    spelled = f"{spelled_sql(plan, _listed_sql(plan, identity, is_told=False))} AS spelled"
    found = _listed_sql(plan, identity, is_told=True)
    if len(kinds) < 2 or kinds[0] == kinds[1]:
        return f"{found} AS identifiers, {spelled}"
    # Most records have one or both of the first two alone: their list needs no search.
    others = [f"told_{n}" for n in range(2, len(kinds))] + list(plan.identifier_lists)
    first, second = (f"{{'kind': {kinds[n]}, 'value': told_{n}}}" for n in range(2))
    return f"""CASE
        WHEN {" OR ".join(f"{other} IS NOT NULL" for other in others) or "FALSE"} THEN {found}
        WHEN told_0 IS NULL AND told_1 IS NULL THEN []
        WHEN told_1 IS NULL THEN [{first}]
        WHEN told_0 IS NULL THEN [{second}]
        ELSE [{", ".join(sorted((first, second)))}]
    END AS identifiers, {spelled}"""


def _listed_sql(plan: Plan, identity: IdentitySettings, *, is_told: bool) -> str:
    """All identifiers of a record as a list, without blocked values and repetitions; phones international if told."""
    name = "told" if is_told else "value"
    structs = (
        f"CASE WHEN {name}_{n} IS NOT NULL THEN {{'kind': {kind}, 'value': {name}_{n}}} END"
        for n, (kind, _) in enumerate(plan.identifiers)
    )
    found = f"list_filter([{', '.join(structs)}]::{sql_type(IDENTIFIERS)}, lambda i: i IS NOT NULL)"
    for extra in plan.identifier_lists:
        kept = _kept_sql(extra, cleaned_sql("i.kind", "i.value"), identity)
        if is_told:
            kept = _kept_sql(kept, international_sql("i.kind", "i.value", identity.phone_region), identity)
        found = f"list_concat({found}, {kept})"
    return f"list_sort(list_distinct({found}))"


def _kept_sql(identifiers: str, value: str, identity: IdentitySettings) -> str:
    """The identifiers `i` of a list with another value, without those that are then blocked or empty."""
    changed = f"list_transform({identifiers}, lambda i: {{'kind': i.kind, 'value': {value}}})"
    blocked = blocked_sql("i.value", identity.blocked_values)
    return f"list_filter({changed}, lambda i: i.kind <> '' AND i.value IS NOT NULL AND NOT {blocked})"


def _fields_sql(plan: Plan) -> str:
    """The raw text of each field, and the typed expressions that need the record."""
    raw = ", ".join(f"{_raw_sql(plan, name)} AS {quoted(name)}" for name in _field_names())
    items = f"CAST({plan.items} AS {sql_type(ITEMS)})"
    device = f", {plan.device} AS device" if plan.device else ""
    return (
        f"file_no, row_number, element, problem, identifiers, spelled, {raw}, {items} AS items, "
        f"{plan.is_machine} AS is_machine, CAST({plan.consents} AS JSON) AS consents{device}"
    )


def _raw_sql(plan: Plan, name: str) -> str:
    """The text of a field; an empty text is no value, except where a check asks for one."""
    if name not in plan.fields:
        return "NULL::VARCHAR"
    raw = plan.fields[name].raw
    return f"nullif({raw}, '')" if name in _MAY_BE_EMPTY else raw


def _wire_checks_sql(plan: Plan) -> str:
    return _first_of(plan.checks, before="WHEN problem IS NOT NULL THEN problem")


def _first_of(checks: Sequence[Check], before: str) -> str:
    branches = " ".join(f"WHEN {check.failing} THEN {literal(check.code)}" for check in checks)
    return f"CASE {before} {branches} END"


def _typed_sql(plan: Plan) -> str:
    typed = [f"{_cast(plan.fields.get(name), name)} AS {quoted(name)}" for name in _typed_names()]
    wrong = " ".join(
        f"WHEN nullif({quoted(name)}, '') IS NOT NULL AND ({_cast(plan.fields[name], name)}) IS NULL "
        f"THEN {literal(f'wrong_type_{name}')}"
        for name in _typed_names()
        if name in plan.fields
    )
    code = f"COALESCE(wire_code, CASE {wrong} END)" if wrong else "wire_code"
    return f"* REPLACE ({', '.join(typed)}), {code} AS typed_code"


def _cast(found: Field | None, name: str) -> str:
    kind = "TIMESTAMPTZ" if name in (*_EXTRA_TIMES, *_of_type(INSTANT)) else _number_type(name)
    if found is None:
        return f"NULL::{kind}"
    template = found.cast or (money_sql("{raw}") if name in _of_type(MONEY) else f"TRY_CAST({{raw}} AS {kind})")
    return template.replace("{raw}", f"nullif({quoted(name)}, '')")


def _number_type(name: str) -> str:
    return "DECIMAL(18,4)" if name in _of_type(MONEY) else "DOUBLE"


def _offset_sql(plan: Plan) -> str:
    """By how many microseconds a device's clock is behind; one value for all that it sent in one payload.

    So their order stays. It is the least of what its records say, as each also holds the time that it was on its way.
    """
    offset = "TRY(epoch_us(received_at) - epoch_us(sent_at))"
    return f"MIN({offset}) OVER (PARTITION BY file_no, row_number, device)" if plan.device else offset


def _times_sql() -> str:
    """When it happened, from the four raw times, and how that was obtained (wire formats: clock skew, future times)."""
    skewed = f"TRY(abs(clock_offset)) > epoch_us({_SKEW})"
    basis = f"""CASE
        WHEN occurred_at IS NOT NULL THEN 'occurred'
        WHEN original_at IS NOT NULL AND {skewed} THEN 'corrected'
        WHEN original_at IS NOT NULL THEN 'occurred'
        WHEN sent_at IS NOT NULL THEN 'sent'
        WHEN received_at IS NOT NULL THEN 'received'
    END"""
    moment = f"""COALESCE(
        occurred_at,
        CASE WHEN {skewed} THEN TRY(original_at + to_microseconds(clock_offset)) ELSE original_at END,
        sent_at,
        received_at
    )"""
    return f"{basis} AS said_basis, {moment} AS said_at, said_at > TRY(received_at + {_FUTURE}) AS is_future"


def _keyed_sql(plan: Plan) -> str:
    if "event_id" in plan.fields:
        return "SELECT * FROM timed"
    # Without an id of the source, the same lines of one file are distinct, the same file again is a duplicate.
    names = [*(name for name in _field_names() if name in plan.fields), "identifiers"]
    names += ["consents"] if plan.consents != "NULL" else []
    said = ", ".join(f"{literal(name)}: {_AS_SPELLED.get(name, quoted(name))}" for name in names)
    content = f"json_merge_patch('{{}}', to_json({{{said}}}))"  # without what is empty: new columns change no id
    return f"""
        SELECT * REPLACE (content || '-' || row_number() OVER (
            PARTITION BY file_no, content ORDER BY row_number, element
        ) AS event_id)
        FROM (SELECT *, left(sha256({content}::VARCHAR), 32) AS content FROM timed)
    """


def _complete_sql(batch: Batch, identity: IdentitySettings) -> str:
    ingested = f"TIMESTAMPTZ {literal(batch.ingested_at.isoformat())}"
    missing = """CASE
        WHEN COALESCE(event_id, '') = '' THEN 'missing_event_id'
        WHEN COALESCE(event_name, '') = '' THEN 'missing_event_name'
        WHEN said_at IS NULL THEN 'missing_time'
    END"""
    constants = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in _batch_columns(batch).items())
    given = f"""
        {key_sql(literal(batch.source), "event_id")} AS interaction_id,
        {anchor_sql("identifiers", identity.priorities)} AS anchor,
        {constants},
        received_at IS NULL AS is_received_assigned,
        CASE WHEN is_future THEN 'clamped' ELSE said_basis END AS time_basis,
        COALESCE(typed_code, {missing}) AS reason_code
    """
    return f"""* EXCLUDE (received_at, occurred_at, properties),
        CASE WHEN is_future THEN received_at ELSE said_at END AS occurred_at,
        COALESCE(received_at, {ingested}) AS received_at,
        properties::JSON AS properties,
        {given}"""
