"""Snowplow's three forms as one: enriched TSV, enriched rows with a header, and the tracker protocol.

Each reader gives a query over `input` with file_no, row_number, element, problem, `e` (a struct of VARCHAR with the
names of EVENT, and JSON[] with those of ENTITIES), `data` (JSON of the self-describing event), `rest` (members of
properties, as text between braces) and `fault` (a reason code or NULL).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from pipelines.collect.json_records import JsonFormat, first_sql, members_sql, rest_sql
from pipelines.collect.naming import cases_sql
from pipelines.collect.snowplow_fields import (
    COLUMNS,
    CONSENT_COLUMNS,
    ENTITIES,
    JSON_COLUMNS,
    ROOT_ID,
    ROOT_TIME,
    TAKEN,
    TRACKED,
)
from schemas.keys import key_sql
from schemas.table import literal, quoted

EVENT = (
    "event", "event_id", "root_id", "event_name", "platform", "occurred_at", "original_at", "sent_at", "received_at",
    "user_id", "domain_userid", "network_userid", "mkt_campaign", "se_category", "se_action", "tr_orderid", "tr_total",
    "tr_currency", "ti_orderid", "ti_sku", "ti_category", "ti_price", "ti_quantity", "ti_currency",
)  # fmt: skip
_TIMES = {
    "occurred_at": "COALESCE({true_tstamp}, {derived_tstamp})",
    "original_at": "{dvce_created_tstamp}",
    "sent_at": "{dvce_sent_tstamp}",
    "received_at": "{collector_tstamp}",
}
_IS_JSON = "ltrim(payload[1:64], ' \t\r\n')[1] IN ('{', '[')"
_PLACE = "file_no, row_number, element, problem"
_CAMPAIGN = "'[?&]utm_campaign=([^&#]*)'"
_NESTED = ("STRUCT(%", "MAP(%", "%[]")

_TRACKER = {
    "event_id": "eid",
    "platform": "p",
    "user_id": "uid",
    "domain_userid": "duid",
    "se_category": "se_ca",
    "se_action": "se_ac",
    "tr_orderid": "tr_id",
    "tr_total": "tr_tt",
    "tr_currency": "tr_cu",
    "ti_orderid": "ti_id",
    "ti_sku": "ti_sk",
    "ti_category": "ti_ca",
    "ti_price": "ti_pr",
    "ti_quantity": "ti_qu",
    "ti_currency": "ti_cu",
}
_TRACKER_TIMES = {"occurred_at": "ttm", "original_at": "dtm", "sent_at": "stm"}
# Fields of which properties keep the text, though columns use it.
_TRACKER_KEPT = ("e", "p", "dtm", "stm", "nuid", "tnuid", "url", "se_ca", "se_ac", "tr_cu", "ti_pr", "ti_cu", "data")
FORMAT = JsonFormat(
    known={
        **dict.fromkeys(_TRACKER.values(), "VARCHAR"),
        **dict.fromkeys(_TRACKER_TIMES.values(), "VARCHAR"),
        **dict.fromkeys(("e", "nuid", "tnuid", "url", "ue_pr", "ue_px", "co", "cx"), "VARCHAR"),
        "data": "JSON",
    },
    batch="data",
)


def lines_sql() -> str:
    """The records of a file of lines: enriched TSV, or JSON of the tracker protocol."""
    form = replace(FORMAT, relation=f"(SELECT * FROM input WHERE payload IS NULL OR {_IS_JSON})")
    return f"""
        WITH tracked AS ({_tracked_sql(form.records_sql())}),
        enriched AS ({_tsv_sql()})
        SELECT * FROM tracked
        UNION ALL BY NAME
        SELECT * FROM enriched
    """


def rows_sql(columns: Sequence[str]) -> str:
    """The records of a file of rows with these columns: enriched events, or details of events."""
    cells = ", ".join(f"{literal(name)}: {_text_sql(quoted(name))}" for name in columns)
    place = f"file_no, row_number, 0::INTEGER AS element, problem, {{{cells}}} AS r"
    read = _details_columns(columns) if ROOT_ID in columns and "event_id" not in columns else _row_columns(columns)
    return f"WITH cells AS (SELECT {place} FROM input) SELECT {_PLACE}, {read} FROM cells"


def _tsv_sql() -> str:
    def cell(name: str) -> str:
        return f"nullif(cells[{COLUMNS.index(name) + 1}], '')"

    valid = ", ".join(f"{_valid_sql(cell(name))} AS {name}" for name in JSON_COLUMNS)
    told = {name: cell(name) for name in COLUMNS}
    rest = _rest_sql({name: told[name] for name in COLUMNS if name not in TAKEN}, JSON_COLUMNS)
    count = f"len(cells) <> {len(COLUMNS)}"
    broken = " OR ".join(f"({cell(name)} IS NOT NULL AND {name} IS NULL)" for name in JSON_COLUMNS)
    return f"""
        WITH divided AS (
            SELECT file_no, row_number, 0::INTEGER AS element, problem,
                string_split(rtrim(payload, chr(13) || chr(10)), chr(9)) AS cells
            FROM input
            WHERE problem IS NULL AND NOT {_IS_JSON}
        ),
        parsed AS (SELECT *, {valid} FROM divided),
        listed AS (SELECT *, {_entities_sql(("contexts", "derived_contexts"))} AS entities FROM parsed)
        SELECT {_PLACE}, {_event_sql(told, _of_schema)}, {_data_sql("unstruct_event")} AS data,
            {rest} AS rest,
            CASE WHEN {count} THEN 'wrong_cell_count' WHEN {broken} THEN 'wrong_type_json' END AS fault
        FROM listed
    """


def _row_columns(columns: Sequence[str]) -> str:
    told = {name: f"nullif({_cell(name)}, '')" for name in columns}
    wide = [name for name in columns if name in JSON_COLUMNS or name.startswith(("contexts_", "unstruct_event_"))]
    rest = _rest_sql({name: told[name] for name in columns if name not in TAKEN}, wide)
    broken = " OR ".join(f"({told[name]} IS NOT NULL AND {_valid_sql(told[name])} IS NULL)" for name in wide)
    packed = [_valid_sql(told[name]) for name in ("contexts", "derived_contexts") if name in told]
    entities = _entities_sql(packed) if packed else "[]"

    def of_column(vendor: str, name: str) -> str:
        start = f"contexts_{vendor}_{name}_".replace(".", "_")
        own = [told[column] for column in wide if column.startswith(start) and column[len(start) :][:1].isdigit()]
        found = ", ".join(f"COALESCE({_members_of_sql(_valid_sql(text))}, [])" for text in own)
        return f"flatten([{_of_entities(entities, vendor, name)}{', ' + found if found else ''}])"

    singles = (f"{_members_of_sql(_valid_sql(told[name]))}[1]" for name in wide if name.startswith("unstruct_event_"))
    unstruct = [_data_sql(_valid_sql(told["unstruct_event"]))] if "unstruct_event" in told else []
    data = f"COALESCE({', '.join([*unstruct, *singles, 'NULL::JSON'])})"
    fault = f"CASE WHEN {broken} THEN 'wrong_type_json' END" if wide else "NULL::VARCHAR"
    return f"{_event_sql(told, of_column)}, {data} AS data, {rest} AS rest, {fault} AS fault"


def _details_columns(columns: Sequence[str]) -> str:
    """Details are told apart by what they say, as one event may have several in one table."""
    told = {name: f"nullif(trim({_cell(name)}), '')" for name in columns}
    own = [name for name in columns if name not in (ROOT_ID, ROOT_TIME)]
    row = " || ".join(f"COALESCE({key_sql(told[name])}, '-')" for name in (ROOT_ID, *own))
    about_consent = any(name in columns for name in CONSENT_COLUMNS)
    known = {
        "event": "'details'",
        "event_id": f"CASE WHEN {told[ROOT_ID]} IS NOT NULL THEN left(sha256({row}), 32) END",
        "root_id": told[ROOT_ID] if about_consent else "NULL",
        "received_at": told.get(ROOT_TIME, "NULL"),
    }
    members = ", ".join(f"{literal(name)}: ({_value_sql(told[name], is_json=True)})::JSON" for name in own)
    data = f"to_json({{{members}}})" if own else "NULL::JSON"
    rest = _rest_sql({name: told[name] for name in (ROOT_ID, *own)}, own)
    return f"{_struct_sql(known, lambda *_: '[]')}, {data} AS data, {rest} AS rest, NULL::VARCHAR AS fault"


def _tracked_sql(records: str) -> str:
    events = cases_sql("r.e", TRACKED)
    undecoded = " OR ".join(f"(r.{name} <> '' AND {name} IS NULL)" for name in ("ue_px", "cx"))
    broken = " OR ".join(f"(r.{name} <> '' AND {_valid_sql(f'r.{name}')} IS NULL)" for name in ("ue_pr", "co"))
    told = {name: f"nullif(r.{wire}, '')" for name, wire in _TRACKER.items()}
    # Only a tracker without ids leaves it out; a retry has another sent time.
    content = key_sql("json_merge_patch(record, '{\"stm\":null}')::VARCHAR")
    known = {
        **told,
        **{name: _milliseconds_sql(f"r.{wire}") for name, wire in _TRACKER_TIMES.items()},
        "event": events,
        "event_id": f"COALESCE({told['event_id']}, CASE WHEN r IS NOT NULL THEN {content} END)",
        "event_name": "split_part(unstruct_event ->> '$.data.schema', '/', 2)",
        "original_at": f"COALESCE({_milliseconds_sql('r.dtm')}, {_text_at('r.data', '$.failure.timestamp')})",
        "received_at": "request_received_at",
        "network_userid": "COALESCE(nullif(r.tnuid, ''), nullif(r.nuid, ''))",
        "mkt_campaign": f"nullif(url_decode(replace(regexp_extract(r.url, {_CAMPAIGN}, 1), '+', ' ')), '')",
    }
    rest = members_sql(rest_sql(FORMAT.known, kept=_TRACKER_KEPT))
    agent = "CASE WHEN request_headers IS NOT NULL THEN '\"useragent\":' || (request_headers -> '$.\"user-agent\"') END"
    json_rest = (f"'\"{name}\":' || {name}" for name in ("unstruct_event", "contexts"))
    return f"""
        WITH records AS ({records}),
        decoded AS (
            SELECT *, {_base64_sql("r.ue_px")} AS ue_px, {_base64_sql("r.cx")} AS cx
            FROM records
        ),
        parsed AS (
            SELECT *, COALESCE({_valid_sql("r.ue_pr")}, ue_px) AS unstruct_event,
                COALESCE({_valid_sql("r.co")}, cx) AS contexts
            FROM decoded
        ),
        listed AS (SELECT *, {_entities_sql(("contexts",))} AS entities FROM parsed)
        SELECT {_PLACE}, {_struct_sql(known, _of_schema)}, {_data_sql("unstruct_event")} AS data,
            {_together_sql(rest, *json_rest, agent)} AS rest,
            CASE WHEN {undecoded} THEN 'wrong_type_base64' WHEN {broken} THEN 'wrong_type_json' END AS fault
        FROM listed
    """


def _event_sql(told: Mapping[str, str], entity: Callable[[str, str], str]) -> str:
    times = {name: said.format_map(_OrNull(told)) for name, said in _TIMES.items()}
    return _struct_sql({**{name: told[name] for name in EVENT if name in told}, **times}, entity)


class _OrNull(dict[str, str]):
    def __missing__(self, _name: str) -> str:
        return "NULL"


def _struct_sql(known: Mapping[str, str], entity: Callable[[str, str], str]) -> str:
    texts = (f"'{name}': ({known.get(name, 'NULL')})::VARCHAR" for name in EVENT)
    lists = (f"'{name}': ({entity(vendor, schema)})::JSON[]" for name, (vendor, schema) in ENTITIES.items())
    return f"{{{', '.join((*texts, *lists))}}} AS e"


def _of_schema(vendor: str, name: str) -> str:
    return _of_entities("entities", vendor, name)


def _of_entities(entities: str, vendor: str, name: str) -> str:
    start = literal(f"iglu:{vendor}/{name}/")
    kept = f"list_filter({entities}, lambda one: starts_with(one.schema, {start}))"
    return f"list_transform({kept}, lambda one: one.data)"


def _entities_sql(packed: Iterable[str]) -> str:
    """The entities of JSON expressions that hold contexts, {schema, data}[]."""
    shape = '[{"schema":"VARCHAR","data":"JSON"}]'
    found = (f"COALESCE(from_json(json_extract({one}, '$.data'), '{shape}'), [])" for one in packed)
    return f"flatten([{', '.join(found)}])"


def _data_sql(unstruct: str) -> str:
    return f"json_extract({unstruct}, '$.data.data')"


def _members_of_sql(value: str) -> str:
    """The members of an array, or the object itself, as JSON[]."""
    return f"CASE WHEN {first_sql(value)} = '[' THEN from_json({value}, '[\"JSON\"]') ELSE [{value}::JSON] END"


def _valid_sql(text: str) -> str:
    """A text that is a JSON object or array, else NULL."""
    return f"CASE WHEN ({text})[1] IN ('{{', '[') AND json_valid({text}) THEN {text} END"


def _base64_sql(text: str) -> str:
    """What a text in URL-safe Base64, with or without padding, says; NULL for what is no JSON in it."""
    standard = f"rtrim(replace(replace({text}, '-', '+'), '_', '/'), '=')"
    padded = f"{standard} || repeat('=', (4 - length({standard}) % 4) % 4)"
    return _valid_sql(f"TRY(decode(from_base64({padded})))")


def _milliseconds_sql(text: str) -> str:
    """A time in Unix milliseconds; another text stays, to be refused."""
    return f"COALESCE(TRY(make_timestamptz({text}::BIGINT * 1000)::VARCHAR), nullif({text}, ''))"


def _text_at(value: str, path: str) -> str:
    return f"json_extract_string({value}, {literal(path)})"


def _cell(name: str) -> str:
    return f"r.{quoted(name)}"


def _text_sql(column: str) -> str:
    """The text of a cell of any type; of a nested one as JSON."""
    nested = " OR ".join(f"typeof({column}) LIKE '{pattern}'" for pattern in _NESTED)
    return f"CASE WHEN {nested} THEN to_json({column})::VARCHAR ELSE {column}::VARCHAR END"


def _rest_sql(told: Mapping[str, str], as_json: Iterable[str]) -> str:
    """Members of a JSON object for the columns that have a value."""
    wide = set(as_json)
    members = (f"{literal(json.dumps(name) + ':')} || {_value_sql(text, name in wide)}" for name, text in told.items())
    return f"concat_ws(',', {', '.join(members)})"


def _together_sql(*members: str) -> str:
    """Texts between braces as one, without those that are NULL or empty."""
    listed = ", ".join(f"nullif({member}, '')" for member in members)
    return f"concat_ws(',', {listed})"


def _value_sql(text: str, is_json: bool) -> str:
    said = f"to_json({text})::VARCHAR"
    return f"COALESCE({_valid_sql(text)}, {said})" if is_json else said
