"""JSON payloads as records: a line holds one record, an array of records, or a batch in an envelope."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.collect.erased import ERASED, RECORD
from pipelines.collect.json_parts import Parts
from pipelines.collect.text_lines import BLANK
from schemas.table import literal, quoted

# Names and types of members; an object's members are a structure again.
Structure = Mapping[str, "str | Structure"]

_FIRST_CHARACTERS = 64
_WHITE = "' \t\r\n'"
_REQUEST = "request_received_at, request_headers::JSON AS request_headers,"
# What a record says, however it is spaced and wherever it stands; NULL for what is none. A hash of it is an id.
CONTENT = "CASE WHEN r IS NOT NULL THEN json_merge_patch('{}', record)::VARCHAR END"
_FEW = 3  # fields, up to which it pays to look for their names before parsing


@dataclass(frozen=True)
class JsonFormat:
    """The known fields of a record and how a payload divides into records.

    `known` are the top-level fields, read as `r`, each VARCHAR or JSON. `nested` reads a JSON value further:
    name -> (expression, structure). `batch` is the top-level field that holds an array of records, unless there is the
    field `single`; `envelope` are fields beside it that each of its records shares: name -> field. Others beside it are
    one object for each record, `envelope_rest` (JSON, NULL if there are none). `parts` divides each of these records
    once more; its columns are there then, too. `opened` are two names: where the field of the first holds an object as
    text, that is the record, and the fields beside it are an object in it under the second. `relation` is what is read:
    `input`, or a query over it in parentheses with the same columns.
    """

    known: Structure
    nested: Mapping[str, tuple[str, Structure]] = field(default_factory=dict)
    batch: str | None = None
    single: str = ""
    envelope: Mapping[str, str] = field(default_factory=dict)
    parts: Parts | None = None
    opened: tuple[str, str] | None = None
    relation: str = "input"

    def records_sql(self) -> str:
        """A query over `input`: records with `r`, nested names, envelope, and what the request said that brought them.

        Columns of `input`: file_no, row_number, payload, problem, request_received_at and request_headers (VARCHAR,
        NULL where a line stood in no envelope of a request); the last becomes JSON. Each record is parsed
        once; a batch is parsed once more, to divide it.
        """
        divided = f"""
            WITH marked AS ({self._marked_sql()})
            SELECT file_no, row_number, problem, {_REQUEST} {self._envelope_sql()} {self._members_sql()} AS members
            FROM marked
        """
        if self.parts:
            return self._parsed_sql(self.parts.records_sql(divided))
        return self._parsed_sql(f"""
            WITH divided AS ({divided})
            SELECT * EXCLUDE (members), unnest(members) AS record, unnest(range(len(members)))::INTEGER AS element
            FROM divided
        """)

    def divided_sql(self) -> str:
        """A query over `input`: the texts of each payload's records, and the other members of a batch's envelope.

        Columns: row_number, is_batch, is_array, members (VARCHAR[], NULL for JSON's null), envelope (JSON object, NULL
        without a batch), places (for each member where its parts stand, NULL without parts).
        """
        places = f"list_transform(members, lambda member: {self.parts.places_sql()})" if self.parts else "NULL"
        without = literal(json.dumps({self.batch: None}))
        return f"""
            WITH marked AS ({self._marked_sql()})
            SELECT row_number, is_batch, {self._is_array()} AS is_array, {self._members_sql()} AS members,
                CASE WHEN is_batch THEN json_merge_patch(payload, {without})::VARCHAR END AS envelope,
                {places} AS places
            FROM marked
        """

    def _marked_sql(self) -> str:
        return f"SELECT *, {self._is_batch()} AS is_batch FROM {self.relation} WHERE problem IS DISTINCT FROM '{BLANK}'"

    def whole_records_sql(self) -> str:
        """The same, where `may_divide_sql` is false for all payloads: each is one record."""
        envelope = "".join(f"NULL::VARCHAR AS {quoted(name)}, " for name in (*self.envelope, "envelope_rest"))
        return self._parsed_sql(f"""
            SELECT file_no, row_number, problem, {_REQUEST} {envelope} payload AS record, 0::INTEGER AS element
            FROM {self.relation}
            WHERE problem IS DISTINCT FROM '{BLANK}'
        """)

    def may_divide_sql(self) -> str:
        """A cheap predicate over `input`, true where a payload may hold several records: an array, a batch's name."""
        name = literal(f'"{self.batch}"')
        batch = f" OR contains(payload, {name})" if self.batch else ""
        return f"payload[1] IN ('[', ' ', '\t', '\r'){batch}"

    def may_divide(self, payload: str) -> bool:
        """The same of one payload, and whether it may hold parts."""
        if self.parts and (self.opened or self.parts.may_hold(payload)):
            return True
        return payload[:1] in ("[", " ", "\t", "\r") or (self.batch is not None and f'"{self.batch}"' in payload)

    def _parsed_sql(self, elements: str) -> str:
        nested = "".join(
            f", {_nested_sql(source, known)} AS {quoted(name)}" for name, (source, known) in self.nested.items()
        )
        start = f"ltrim(record[1:{_FIRST_CHARACTERS}], {_WHITE})"
        return f"""
            WITH elements AS ({elements}),
            parsed AS (
                SELECT * EXCLUDE (problem), TRY(json_transform(record, {_structure(self.known)})) AS r,
                    CASE
                        WHEN problem IS NOT NULL THEN problem
                        WHEN starts_with(record, {literal(RECORD)}) THEN '{ERASED}'
                        WHEN r IS NULL AND NOT json_valid(record) THEN 'bad_json'
                        WHEN record[1] <> '{{' AND {start}[1] <> '{{' THEN 'not_an_object'
                    END AS problem
                FROM elements
            )
            SELECT *{nested}
            FROM parsed
        """

    def _members_sql(self) -> str:
        """The records of a payload as VARCHAR[]: those of its array or batch, else the payload itself."""
        batch = ""
        if self.batch is not None:
            path = literal(f"$.{self.batch}")
            batch = f"WHEN is_batch THEN from_json(json_extract(payload, {path}), '[\"JSON\"]')::VARCHAR[]"
        members = f"""CASE
            WHEN problem IS NOT NULL THEN [NULL]
            WHEN {self._is_array()} THEN from_json(payload, '["JSON"]')::VARCHAR[]
            {batch}
            ELSE [payload]
        END"""
        return f"list_transform({members}, lambda member: {_opened_sql(*self.opened)})" if self.opened else members

    @staticmethod
    def _is_array() -> str:
        return f"payload[1] IN ('[', ' ', '\t', '\r') AND ltrim(payload, {_WHITE})[1] = '[' AND json_valid(payload)"

    def _is_batch(self) -> str:
        if self.batch is None:
            return "FALSE"
        # The search for the name is cheap, and nearly every payload is one record.
        name, path = literal(f'"{self.batch}"'), literal(f"$.{self.batch}")
        own = f"json_extract(payload, {literal(f'$.{self.single}')})" if self.single else "NULL"
        return f"""CASE WHEN contains(payload, {name}) AND json_valid(payload)
            THEN json_type(payload, {path}) = 'ARRAY' AND {own} IS NULL ELSE FALSE END"""

    def _envelope_sql(self) -> str:
        shared = "".join(
            f"CASE WHEN is_batch THEN json_extract_string(payload, {literal(f'$.{source}')}) END AS {quoted(name)}, "
            for name, source in self.envelope.items()
        )
        without = literal(json.dumps(dict.fromkeys([self.batch, *self.envelope.values()])))
        rest = f"nullif(json_merge_patch(payload, {without})::VARCHAR, '{{}}')"
        return f"{shared}CASE WHEN is_batch THEN {rest} END AS envelope_rest, "


def _opened_sql(name: str, beside: str) -> str:
    """The text of `member`; where its field `name` holds an object as text, that one, with the others `beside`."""
    path, quote = literal(f"$.{name}"), literal(f'"{name}"')
    text = f"trim(json_extract_string(member, {path}), {_WHITE})"
    inner = f"nullif(trim(substr({text}, 2, length({text}) - 2), {_WHITE}), '')"
    others = f"json_merge_patch(member, {literal(json.dumps({name: None}))})::VARCHAR"
    label = literal(f'"{beside}":')
    opened = f"concat('{{', concat_ws(',', concat({label}, {others}), {inner}), '}}')"
    is_text = f"json_type(member, {path}) = 'VARCHAR' AND {text}[1] = '{{' AND json_valid({text})"
    return f"CASE WHEN contains(member, {quote}) AND json_valid(member) AND {is_text} THEN {opened} ELSE member END"


def _nested_sql(value: str, known: Structure) -> str:
    parsed = f"json_transform({value}, {_structure(known)})"
    if len(known) > _FEW:
        return parsed
    quotes = [literal(f'"{name}"') for name in known]
    named = " OR ".join(f"contains({value}, {name})" for name in quotes)
    starts = {name[0] for name in known}
    if len(starts) == 1 < len(known):  # most values need one search then
        named = f"contains({value}, {literal(chr(34) + starts.pop())}) AND ({named})"
    return f"CASE WHEN {named} THEN {parsed} END"


def rest_sql(known: Structure, kept: tuple[str, ...] = ()) -> str:
    """The record without its `known` fields (except those `kept`), as JSON; NULL for what is no record."""
    removed = {name: None for name in known if name not in kept}
    return f"CASE WHEN r IS NOT NULL THEN json_merge_patch(record, {literal(json.dumps(removed))}) END"


def joined_sql(*members: str) -> str:
    """One JSON object of `members`: expressions for text like `"a":1,"b":2`, NULL or empty if none; NULL if all are."""
    listed = ", ".join(f"nullif({member}, '')" for member in members)
    return f"nullif(concat('{{', concat_ws(',', {listed}), '}}'), '{{}}')"


def members_sql(value: str) -> str:
    """The text between the braces of a JSON object expression; NULL for what is no object."""
    text = f"({value})::VARCHAR"
    return f"CASE WHEN {first_sql(value)} = '{{' THEN substr({text}, 2, length({text}) - 2) END"


def unknown_members_sql(known: Structure) -> str:
    """The members of `record` that are not `known`, as text between braces.

    Counting the keys is cheap, and most records have none but known ones.
    """
    counted = " + ".join(f"(r.{quoted(name)} IS NOT NULL)::INTEGER" for name in known)
    keys = "CASE WHEN r IS NOT NULL THEN len(json_keys(record)) END"
    return f"CASE WHEN {keys} > {counted} THEN {members_sql(rest_sql(known))} END"


def is_nested_sql(values: Iterable[str]) -> str:
    """TRUE where one of the VARCHAR expressions holds the text of an object or array, which is no text."""
    return " OR ".join(
        f"CASE WHEN starts_with({value}, '{{') OR starts_with({value}, '[') THEN json_valid({value}) ELSE FALSE END"
        for value in values
    )


def wrapped_sql(name: str) -> str:
    """What a webhook wraps in the field `name`, and an export gives alone, as JSON; NULL for what is no record."""
    return f"CASE WHEN r IS NOT NULL THEN COALESCE(r.{quoted(name)}, record::JSON) END"


def request_header_sql(name: str) -> str:
    """A header (in lower case) of the request that brought a record, as text; NULL in files."""
    return f"""(request_headers ->> '$."{name}"')"""


def first_sql(value: str) -> str:
    """The first character of a JSON expression's text, which tells its type."""
    return f"(({value})::VARCHAR)[1]"


def is_no_object_sql(values: Iterable[str]) -> str:
    """TRUE where one of the JSON expressions is there and neither null nor an object: nothing can be read from it."""
    objects = (f"({value} IS NULL OR {first_sql(value)} IN ('{{', 'n'))" for value in values)
    return f"NOT ({' AND '.join(objects) or 'TRUE'})"


def _structure(known: Structure) -> str:
    return literal(json.dumps(dict(known)))
