"""From a mapping to the plan that reads a file: delimited text and Parquet by columns, JSON by paths."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.collect.connector import Check, Field, Plan
from pipelines.collect.json_path import JsonPath, known_fields, rest_sql, text_sql, value_sql
from pipelines.collect.json_records import JsonFormat, is_nested_sql, joined_sql, members_sql
from pipelines.collect.mapping import ConsentMapping, TableMapping
from pipelines.collect.mapping_checks import CONSENT_MEMBERS, CONSENT_TIMES, TEXTS, TIMES
from pipelines.collect.mapping_group import checks_of_group, told_sql
from pipelines.collect.mapping_where import with_columns, with_identifiers
from pipelines.collect.naming import translated_sql
from schemas.table import literal, literals, quoted
from schemas.vocabulary import CONSENT_STATUSES
from warehouse.errors import UsageError

# A zone after a time of day; the end of a mere date looks like an offset.
_OFFSET = r":\d{2}(\.\d+)? ?([zZ]|[+-]\d{2}(:?\d{2})?)$"
_FACTOR = "DECIMAL(19,6)"  # wide enough that a product is computed in 38 digits
_NO_NUMBER = "'no number'"


@dataclass(frozen=True)
class _Source:
    """How a file's columns are read: `records` is the query, `text` and `value` a column as VARCHAR and as it is.

    `rest` is what the mapping does not carry, as text between braces; empty where there is nothing.
    """

    records: str
    text: Callable[[str], str]
    value: Callable[[str], str]
    rest: str
    checks: tuple[Check, ...] = ()


def mapping_plan(mapping: TableMapping, columns: Sequence[str]) -> Plan:
    """The plan for a file with `columns`. Raises UsageError for a mapped column that the file does not have."""
    missing = sorted(mapping.used - set(columns))
    if missing:
        raise UsageError(
            f"the mapping names column '{missing[0]}', which the file does not have; it has {', '.join(columns)}"
        )
    rest = [name for name in columns if name not in mapping.carried]
    packed = ", ".join(f"{literal(name)}: r.{quoted(name)}" for name in rest)
    cells = ", ".join(f"{literal(name)}: {quoted(name)}" for name in columns)
    source = _Source(
        # One struct, so that no column of the file meets a name of the query.
        records=f"SELECT file_no, row_number, 0::INTEGER AS element, problem, {{{cells}}} AS r FROM input",
        text=_text_of_cell,
        value=lambda name: f"r.{quoted(name)}",
        rest=f"to_json({{{packed}}})" if packed else "",
    )
    return _plan(mapping, source)


def json_mapping_plan(mapping: TableMapping) -> Plan:
    """The plan for a file of JSON objects. Raises UsageError for a path that is none."""
    paths = {name: JsonPath.of(name) for name in sorted(mapping.used)}
    known = known_fields(paths.values())
    rest = rest_sql(paths[name] for name in mapping.carried)
    envelope = joined_sql(members_sql(rest), "'\"envelope\":' || envelope_rest")
    texts = {name for column, names in mapping.columns.items() if column in TEXTS for name in names}
    source = _Source(
        records=json_mapping_format(mapping).records_sql(),
        text=lambda name: text_sql(paths[name], known),
        value=lambda name: value_sql(paths[name]),
        rest=envelope if mapping.records else rest,
        checks=_checks_of_json(
            [text_sql(paths[name], known) for name in sorted({*texts, *mapping.identifiers.values()})]
        ),
    )
    return _plan(mapping, source)


def json_mapping_format(mapping: TableMapping) -> JsonFormat:
    """How the payloads of a file of JSON objects divide into records."""
    paths = [JsonPath.of(name) for name in sorted(mapping.used)]
    return JsonFormat(known=known_fields(paths), batch=mapping.records)


def _plan(mapping: TableMapping, source: _Source) -> Plan:
    raw = {name: literal(value) for name, value in mapping.constants.items()}
    raw |= {name: _joined(mapping, name, source) for name in mapping.columns}
    raw |= {name: _product(names, source) for name, names in mapping.products.items()}
    raw = with_columns(mapping.where, raw, source.text)
    is_machine = raw.pop("is_machine", "NULL::VARCHAR")
    fields = {name: _field(mapping, name, text) for name, text in raw.items()}
    if properties := _properties(mapping, source):
        fields["properties"] = Field(properties)
    return Plan(
        records=source.records,
        fields=fields,
        identifiers=with_identifiers(mapping.where, mapping.identifiers, source.text),
        is_machine=f"COALESCE(TRY_CAST(({is_machine}) AS BOOLEAN), FALSE)",
        consents=_statements(mapping, source),
        checks=[
            *source.checks,
            Check(
                "wrong_type_is_machine",
                f"nullif({is_machine}, '') IS NOT NULL AND TRY_CAST(({is_machine}) AS BOOLEAN) IS NULL",
                "'is_machine' is neither true nor false; translate it under [values.is_machine]",
            ),
            *_checks_of_consents(mapping, source),
            *checks_of_group(mapping.group, source.text, lambda raw: _cast(mapping).replace("{raw}", raw)),
        ],
    )


def _text_of_cell(column: str) -> str:
    """The text of a cell. A whole number that is stored as a floating one, as where others are missing, is whole."""
    cell = f"r.{quoted(column)}"
    return (
        f"CASE WHEN typeof({cell}) IN ('DOUBLE', 'FLOAT') THEN regexp_replace({cell}::VARCHAR, '\\.0$', '') "
        f"ELSE {cell}::VARCHAR END"
    )


def _joined(mapping: TableMapping, name: str, source: _Source) -> str:
    """The text of a mapped column, translated; NULL where one of several cells is empty."""
    raw = " || '-' || ".join(source.text(column) for column in mapping.columns[name])
    found = translated_sql(raw, mapping.values.get(name, {}))
    patterns = "".join(
        f" WHEN regexp_matches(COALESCE({found}, ''), {literal(pattern)}) THEN {literal(new)}"
        for pattern, new in mapping.patterns.get(name, {}).items()
    )
    return f"CASE{patterns} ELSE {found} END" if patterns else found


def _product(columns: Sequence[str], source: _Source) -> str:
    """The text of a product, NULL where a factor is missing; no number where one is none, so that it is refused."""
    texts = [f"nullif({source.text(column)}, '')" for column in columns]
    product = f"TRY_CAST({texts[0]} AS {_FACTOR})"
    for text in texts[1:]:
        product = f"TRY_CAST(TRY({product} * TRY_CAST({text} AS {_FACTOR})) AS {_FACTOR})"
    missing = " OR ".join(f"{text} IS NULL" for text in texts)
    return f"CASE WHEN {missing} THEN NULL ELSE COALESCE(({product})::VARCHAR, {_NO_NUMBER}) END"


def _properties(mapping: TableMapping, source: _Source) -> str:
    """What has no column, and what is stated of a person or a group, as JSON; empty where there is nothing of both."""
    told = {name: source.value(column) for name, column in mapping.traits.items()}
    told |= told_sql(mapping.group, source.text, source.value, lambda raw: _cast(mapping).replace("{raw}", raw))
    if not told:
        return f"({source.rest})::VARCHAR" if source.rest else ""
    packed = ", ".join(f"{literal(name)}: {value}" for name, value in told.items())
    stated = f"'\"traits\":' || nullif({_without_nulls(f'to_json({{{packed}}})')}, '{{}}')"
    return joined_sql(stated, *([members_sql(source.rest)] if source.rest else []))


def _statements(mapping: TableMapping, source: _Source) -> str:
    """The consent statements of the row as a JSON list, NULL where it makes none."""
    if not mapping.consents:
        return "NULL"
    listed = ", ".join(_consent(mapping, consent, source) for consent in mapping.consents)
    kept = f"list_filter([{listed}], lambda one: one IS NOT NULL)"
    return f"CASE WHEN len({kept}) > 0 THEN to_json({kept}) END"


def _without_nulls(value: str) -> str:
    return f"json_merge_patch('{{}}', {value})::VARCHAR"


def _consent(mapping: TableMapping, consent: ConsentMapping, source: _Source) -> str:
    """A statement as JSON without what is empty; NULL where the row says nothing on it."""
    members = {name: literal(value) for name, value in consent.constants.items()}
    members |= {name: source.text(column) for name, column in consent.columns.items()}
    members["status"] = _status(consent, source)
    for name in CONSENT_TIMES & {*members}:
        at = _cast(mapping).replace("{raw}", f"nullif({members[name]}, '')")
        members[name] = f"strftime(timezone('UTC', {at}), '%Y-%m-%dT%H:%M:%S.%fZ')"
    packed = ", ".join(f"{literal(name)}: {members[name]}" for name in CONSENT_MEMBERS if name in members)
    return f"CASE WHEN {members['status']} IS NOT NULL THEN json_merge_patch('{{}}', to_json({{{packed}}})) END"


def _status(consent: ConsentMapping, source: _Source) -> str:
    if "status" in consent.constants:
        return literal(consent.constants["status"])
    raw = f"nullif({source.text(consent.columns['status'])}, '')"
    return translated_sql(raw, consent.values)


def _checks_of_consents(mapping: TableMapping, source: _Source) -> list[Check]:
    """A word for the status that nobody has explained, and a time that is none, refuse the row."""
    checks = []
    known = literals(CONSENT_STATUSES)
    unknown = [f"{_status(one, source)} NOT IN ({known})" for one in mapping.consents]
    if unknown:
        reason = (
            f"a consent's status is none of {', '.join(CONSENT_STATUSES)}; translate it under values of [[consents]]"
        )
        checks.append(Check("unknown_consent_status", " OR ".join(f"COALESCE({u}, FALSE)" for u in unknown), reason))
    return [*checks, *(_check_of_time(mapping, source, name) for name in sorted(CONSENT_TIMES & _mapped(mapping)))]


def _mapped(mapping: TableMapping) -> set[str]:
    return {name for consent in mapping.consents for name in consent.columns}


def _check_of_time(mapping: TableMapping, source: _Source, name: str) -> Check:
    times = [f"nullif({source.text(o.columns[name])}, '')" for o in mapping.consents if name in o.columns]
    wrong = " OR ".join(f"{t} IS NOT NULL AND ({_cast(mapping).replace('{raw}', t)}) IS NULL" for t in times)
    reason = f"a consent's '{name}' is not a time in ISO 8601; mend the export or the mapping"
    return Check(f"wrong_type_{name}", wrong, reason)


def _checks_of_json(texts: Sequence[str]) -> tuple[Check, ...]:
    reason = "an id, a name, a text or a category is an object or array; map a field of it, such as turns[*].text"
    return (Check("wrong_type_text", is_nested_sql(texts), reason),) if texts else ()


def _cast(mapping: TableMapping) -> str:
    """A template that makes a time of `{raw}`; without a zone of its own it is in that of the mapping."""
    if mapping.timezone == "UTC":
        return "TRY_CAST({raw} AS TIMESTAMPTZ)"
    return (
        f"CASE WHEN regexp_matches({{raw}}, {literal(_OFFSET)}) THEN TRY_CAST({{raw}} AS TIMESTAMPTZ) "
        f"ELSE TRY(timezone({literal(mapping.timezone)}, TRY_CAST({{raw}} AS TIMESTAMP))) END"
    )


def _field(mapping: TableMapping, name: str, raw: str) -> Field:
    return Field(raw) if name not in TIMES or mapping.timezone == "UTC" else Field(raw, _cast(mapping))
