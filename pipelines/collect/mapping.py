"""Mappings (TOML): how the columns of a file become interactions."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.collect.connector import Check, Field, Plan
from schemas.table import INSTANT, literal, quoted
from schemas.tables import tables
from warehouse.errors import UsageError

_SECTIONS = ("format", "timezone", "csv", "constants", "columns", "identifiers", "values")
_DEFAULTS = {"direction": "inbound", "initiator": "customer"}
_NOT_MAPPABLE = {
    "interaction_id", "source", "connector", "ingested_at", "is_received_assigned", "time_basis", "identifiers",
    "anchor", "items", "properties", "batch_id", "file_id", "row_number", "element", "commit_seq",
}  # fmt: skip
# A zone after a time of day; the end of a mere date looks like an offset.
_OFFSET = r":\d{2}(\.\d+)? ?([zZ]|[+-]\d{2}(:?\d{2})?)$"
_TIMES = {"original_at", "sent_at"} | {c.name for c in tables()["interactions"].columns if c.type == INSTANT}


@dataclass(frozen=True)
class TableMapping:
    """A mapping: `columns` name interactions' columns -> file's columns (several are joined with a hyphen)."""

    columns: Mapping[str, tuple[str, ...]]
    identifiers: Mapping[str, str]
    constants: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    timezone: str = "UTC"
    format: str = ""
    delimiter: str = ","

    @property
    def used(self) -> set[str]:
        """The file's columns that the mapping names."""
        return {name for names in self.columns.values() for name in names} | set(self.identifiers.values())

    def is_parquet(self, path: Path) -> bool:
        """Whether the file at `path` is read as Parquet; else it is delimited text."""
        return self.format == "parquet" or (not self.format and path.suffix == ".parquet")


def parse_mapping(text: str) -> TableMapping:
    """The mapping of a TOML text. Raises UsageError that names the section, the fault and the mend."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise UsageError(f"the mapping is not valid TOML: {problem}; mend that line") from problem
    unknown = sorted(set(raw) - set(_SECTIONS))
    if unknown:
        raise UsageError(f"the mapping has an unknown entry '{unknown[0]}'; known are {', '.join(_SECTIONS)}")
    mapping = TableMapping(
        columns={name: _names(name, value) for name, value in _section(raw, "columns").items()},
        identifiers=_texts("identifiers", _section(raw, "identifiers")),
        constants={**_DEFAULTS, **_texts("constants", _section(raw, "constants"))},
        values={name: _texts(f"values.{name}", value) for name, value in _section(raw, "values").items()},
        timezone=str(raw.get("timezone", "UTC")),
        format=str(raw.get("format", "")),
        delimiter=_delimiter(_section(raw, "csv")),
    )
    _check(mapping)
    return mapping


def _section(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name, {})
    if not isinstance(value, dict):
        raise UsageError(f"the mapping's entry '{name}' must be a table: [{name}]")
    return value


def _names(name: str, value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(item, str) for item in names):
        raise UsageError(f"the mapping's [columns] {name} must be the name of a column, or a list of names")
    return tuple(names)


def _texts(section: str, values: object) -> dict[str, str]:
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise UsageError(f"the mapping's [{section}] must map names to texts in quotes")
    return dict(values)


def _delimiter(section: Mapping[str, Any]) -> str:
    others = sorted(set(section) - {"delimiter"})
    if others:
        raise UsageError(f"the mapping's [csv] has an unknown entry '{others[0]}'; known is delimiter, text is UTF-8")
    delimiter = str(section.get("delimiter", ","))
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise UsageError("the mapping's [csv] delimiter must be one ASCII character, neither a quote nor a newline")
    return delimiter


def _check(mapping: TableMapping) -> None:
    known = [n for n in (*tables()["interactions"].column_names, "original_at", "sent_at") if n not in _NOT_MAPPABLE]
    for section, names in (("columns", mapping.columns), ("constants", mapping.constants)):
        for name in names:
            if name not in known:
                raise UsageError(
                    f"the mapping's [{section}] names '{name}', which interactions do not have; "
                    f"known are {', '.join(known)}"
                )
    given = {*mapping.columns, *mapping.constants}
    for name in ("channel", "event_name"):
        if name not in given:
            raise UsageError(f"the mapping gives no {name}; set it under [constants] or [columns]")
    if not {"occurred_at", "original_at", "sent_at", "received_at"} & given:
        raise UsageError("the mapping gives no time; map occurred_at under [columns]")
    if mapping.format not in ("", "csv", "parquet"):
        raise UsageError(f"the mapping's format '{mapping.format}' is unknown; use csv or parquet")
    for name in mapping.values:
        if name not in mapping.columns:
            raise UsageError(f"the mapping's [values.{name}] translates nothing; map {name} under [columns]")
    try:
        ZoneInfo(mapping.timezone)
    except (ValueError, KeyError, OSError) as problem:
        raise UsageError(
            f"the mapping's timezone '{mapping.timezone}' is unknown; use a name such as Europe/Vienna"
        ) from problem


def mapping_plan(mapping: TableMapping, columns: Sequence[str]) -> Plan:
    """The plan for a file with `columns`. Raises UsageError for a mapped column that the file does not have."""
    missing = sorted(mapping.used - set(columns))
    if missing:
        raise UsageError(
            f"the mapping names column '{missing[0]}', which the file does not have; it has {', '.join(columns)}"
        )
    rest = [name for name in columns if name not in mapping.used]
    packed = ", ".join(f"{literal(name)}: {_cell(name)}" for name in rest)
    fields = {name: _field(mapping, name, literal(value)) for name, value in mapping.constants.items()}
    fields |= {name: _field(mapping, name, _joined(mapping, name)) for name in mapping.columns}
    if packed:
        fields["properties"] = Field(f"to_json({{{packed}}})::VARCHAR")
    is_machine = fields.pop("is_machine", Field("NULL::VARCHAR")).raw
    cells = ", ".join(f"{literal(name)}: {quoted(name)}" for name in columns)
    return Plan(
        # One struct, so that no column of the file meets a name of the query.
        records=f"SELECT file_no, row_number, 0::INTEGER AS element, problem, {{{cells}}} AS r FROM input",
        fields=fields,
        identifiers=[(literal(kind), f"{_cell(name)}::VARCHAR") for kind, name in mapping.identifiers.items()],
        is_machine=f"COALESCE(TRY_CAST(({is_machine}) AS BOOLEAN), FALSE)",
        checks=[
            Check(
                "wrong_type_is_machine",
                f"nullif({is_machine}, '') IS NOT NULL AND TRY_CAST(({is_machine}) AS BOOLEAN) IS NULL",
                "'is_machine' is neither true nor false; translate it under [values.is_machine]",
            )
        ],
    )


def _cell(column: str) -> str:
    return f"r.{quoted(column)}"


def _joined(mapping: TableMapping, name: str) -> str:
    """The text of a mapped column, translated; NULL where one of several cells is empty."""
    raw = " || '-' || ".join(f"{_cell(column)}::VARCHAR" for column in mapping.columns[name])
    if name not in mapping.values:
        return raw
    cases = " ".join(f"WHEN {literal(old)} THEN {literal(new)}" for old, new in mapping.values[name].items())
    return f"CASE {raw} {cases} ELSE {raw} END"


def _field(mapping: TableMapping, name: str, raw: str) -> Field:
    if name not in _TIMES or mapping.timezone == "UTC":
        return Field(raw)
    zone = literal(mapping.timezone)
    return Field(
        raw,
        f"CASE WHEN regexp_matches({{raw}}, {literal(_OFFSET)}) THEN TRY_CAST({{raw}} AS TIMESTAMPTZ) "
        f"ELSE timezone({zone}, TRY_CAST({{raw}} AS TIMESTAMP)) END",
    )
