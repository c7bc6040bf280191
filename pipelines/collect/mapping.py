"""Mappings (TOML): how the columns of a file, or the fields of its JSON objects, become interactions."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.collect.mapping_checks import check_mapping
from pipelines.collect.mapping_group import GroupMapping
from pipelines.collect.mapping_where import Where, parse_where
from warehouse.errors import UsageError

_SECTIONS = (
    "format", "timezone", "csv", "json", "constants", "columns", "identifiers", "values", "patterns", "products",
    "traits", "group", "consents", "where",
)  # fmt: skip
_DEFAULTS = {"direction": "inbound", "initiator": "customer"}
_JSON_NAMES = (".json", ".jsonl", ".ndjson")
_COMPRESSED = (".gz", ".zst")


@dataclass(frozen=True)
class ConsentMapping:
    """A consent statement that each row makes: members as constants or columns, and what the words of status mean."""

    constants: Mapping[str, str]
    columns: Mapping[str, str]
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TableMapping:
    """A mapping: `columns` name interactions' columns -> file's columns (several are joined with a hyphen).

    Of JSON the file's columns are paths into its objects. `values` and `patterns` translate what stands in a column,
    `products` multiply the numbers of several. `traits` are what a person states of himself: name -> column, `group` is
    what rows say of a group. `records` is the field of a JSON envelope that holds the records. `where` is what holds
    for some rows instead.
    """

    columns: Mapping[str, tuple[str, ...]]
    identifiers: Mapping[str, str]
    constants: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    patterns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    products: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    traits: Mapping[str, str] = field(default_factory=dict)
    group: GroupMapping = field(default_factory=GroupMapping)
    consents: tuple[ConsentMapping, ...] = ()
    where: tuple[Where, ...] = ()
    timezone: str = "UTC"
    format: str = ""
    delimiter: str = ","
    records: str | None = None

    @property
    def used(self) -> set[str]:
        """The file's columns that the mapping names."""
        return self.carried | {name for names in self._lists() for name in names}

    @property
    def carried(self) -> set[str]:
        """Those of which everything is in a column, a trait or a statement: they need not stand in properties."""
        whole = {name: names for name, names in self.columns.items() if name not in self.patterns}
        columns = {name for names in whole.values() for name in names}
        stated = {name for consent in self.consents for name in consent.columns.values()}
        stated |= set(self.group.columns.values())
        return columns | set(self.identifiers.values()) | set(self.traits.values()) | stated

    def _lists(self) -> Iterator[tuple[str, ...]]:
        yield from self.columns.values()
        yield from self.products.values()
        yield from (tuple(sorted(where.used)) for where in self.where)

    def is_parquet(self, path: Path) -> bool:
        """Whether the file at `path` is read as Parquet."""
        return self.format == "parquet" or (not self.format and path.suffix == ".parquet")

    def is_json(self, path: Path) -> bool:
        """Whether the file at `path` is read as JSON; what is neither is delimited text."""
        endings = [ending for ending in path.suffixes if ending not in _COMPRESSED]
        return self.format == "json" or (not self.format and endings[-1:] != [] and endings[-1] in _JSON_NAMES)


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
        columns={name: _names("columns", name, value) for name, value in _section(raw, "columns").items()},
        identifiers=_texts("identifiers", _section(raw, "identifiers")),
        constants={**_DEFAULTS, **_texts("constants", _section(raw, "constants"))},
        values=_translations(raw, "values"),
        patterns=_translations(raw, "patterns"),
        products={name: _names("products", name, value) for name, value in _section(raw, "products").items()},
        traits=_texts("traits", _section(raw, "traits")),
        group=GroupMapping(**_statement("[group]", _section(raw, "group"))),
        consents=tuple(_consents(raw)),
        where=parse_where(raw.get("where", [])),
        timezone=str(raw.get("timezone", "UTC")),
        format=str(raw.get("format", "")),
        delimiter=_delimiter(_section(raw, "csv")),
        records=_records(_section(raw, "json")),
    )
    check_mapping(mapping)
    return mapping


def _section(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name, {})
    if not isinstance(value, dict):
        raise UsageError(f"the mapping's entry '{name}' must be a table: [{name}]")
    return value


def _names(section: str, name: str, value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(item, str) for item in names):
        raise UsageError(f"the mapping's [{section}] {name} must be the name of a column, or a list of names")
    return tuple(names)


def _texts(section: str, values: object) -> dict[str, str]:
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise UsageError(f"the mapping's [{section}] must map names to texts in quotes")
    return dict(values)


def _translations(raw: Mapping[str, Any], section: str) -> dict[str, dict[str, str]]:
    return {name: _texts(f"{section}.{name}", value) for name, value in _section(raw, section).items()}


def _consents(raw: Mapping[str, Any]) -> Iterator[ConsentMapping]:
    listed = raw.get("consents", [])
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise UsageError("the mapping's consents must be a list of tables: [[consents]] before each")
    yield from (ConsentMapping(**_statement("[[consents]]", entry)) for entry in listed)


def _statement(section: str, entry: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    unknown = sorted(set(entry) - {"constants", "columns", "values"})
    if unknown:
        raise UsageError(
            f"the mapping's {section} has an unknown entry '{unknown[0]}'; known are constants, columns, values"
        )
    name = section.strip("[]")
    return {part: _texts(f"{name}.{part}", entry.get(part, {})) for part in ("constants", "columns", "values")}


def _delimiter(section: Mapping[str, Any]) -> str:
    others = sorted(set(section) - {"delimiter"})
    if others:
        raise UsageError(f"the mapping's [csv] has an unknown entry '{others[0]}'; known is delimiter, text is UTF-8")
    delimiter = str(section.get("delimiter", ","))
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise UsageError("the mapping's [csv] delimiter must be one ASCII character, neither a quote nor a newline")
    return delimiter


def _records(section: Mapping[str, Any]) -> str | None:
    others = sorted(set(section) - {"records"})
    if others:
        raise UsageError(f"the mapping's [json] has an unknown entry '{others[0]}'; known is records")
    found = section.get("records")
    if found is not None and (not isinstance(found, str) or not found or not found.replace("_", "a").isalnum()):
        raise UsageError("the mapping's [json] records must be the name of the field that holds the list of records")
    return found
