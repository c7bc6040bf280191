"""What a mapping says of some rows alone: those that a column singles out take other constants and columns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from pipelines.collect.mapping_checks import MAPPABLE
from schemas.table import literal
from warehouse.errors import UsageError

_ENTRIES = ("column", "matches", "constants", "columns", "identifiers")
_NOTHING = "NULL::VARCHAR"
Text = Callable[[str], str]


@dataclass(frozen=True)
class Where:
    """Rows of which the text of `column` is found by the regular expression `matches`; no text counts as empty.

    Several columns are joined with a hyphen. `constants` (interactions' column -> text), `columns` (-> file's column)
    and `identifiers` (kind -> file's column) hold for these rows instead of those of the mapping.
    """

    column: tuple[str, ...]
    matches: str
    constants: Mapping[str, str]
    columns: Mapping[str, str]
    identifiers: Mapping[str, str]

    @property
    def used(self) -> set[str]:
        """The file's columns that it names."""
        return {*self.column, *self.columns.values(), *self.identifiers.values()}

    def holds_sql(self, text: Text) -> str:
        """The predicate over a row."""
        joined = " || '-' || ".join(f"COALESCE({text(name)}, '')" for name in self.column)
        return f"regexp_matches({joined}, {literal(self.matches)})"

    def value_sql(self, name: str, text: Text) -> str | None:
        """The expression for a column of interactions, if it says anything on it."""
        if name in self.columns:
            return text(self.columns[name])
        return literal(self.constants[name]) if name in self.constants else None


def parse_where(raw: object) -> tuple[Where, ...]:
    """The entries [[where]] of a mapping. Raises UsageError that names the fault and the mend."""
    if not isinstance(raw, list) or not all(isinstance(entry, dict) for entry in raw):
        raise UsageError("the mapping's where must be a list of tables: [[where]] before each")
    return tuple(_parsed(entry) for entry in raw)


def _parsed(entry: Mapping[str, Any]) -> Where:
    unknown = sorted(set(entry) - set(_ENTRIES))
    if unknown:
        raise UsageError(f"the mapping's [[where]] has an unknown entry '{unknown[0]}'; known: {', '.join(_ENTRIES)}")
    said, matches = entry.get("column"), entry.get("matches")
    columns: list[Any] = said if isinstance(said, list) else [said]
    if not columns or not all(isinstance(name, str) for name in columns) or not isinstance(matches, str):
        raise UsageError("the mapping's [[where]] needs the texts column and matches; say which rows are meant")
    texts = {name: _texts(entry, name) for name in ("constants", "columns", "identifiers")}
    for name in (*texts["constants"], *texts["columns"]):
        if name not in MAPPABLE:
            raise UsageError(
                f"the mapping's [[where]] names '{name}', which interactions do not have; "
                f"known are {', '.join(MAPPABLE)}"
            )
    _check_expression(matches)
    return Where(tuple(columns), matches, **texts)


def _check_expression(matches: str) -> None:
    try:
        duckdb.execute("SELECT regexp_matches('', ?)", [matches])
    except duckdb.Error as problem:
        raise UsageError(
            f"the mapping's [[where]] matches '{matches}', which is no regular expression; write one of RE2"
        ) from problem


def _texts(entry: Mapping[str, Any], name: str) -> dict[str, str]:
    values = entry.get(name, {})
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise UsageError(f"the mapping's [[where]] {name} must map names to texts in quotes")
    return dict(values)


def with_columns(wheres: Sequence[Where], raw: Mapping[str, str], text: Text) -> dict[str, str]:
    """The expressions `raw` by interactions' column, with what holds for some rows; `text` gives a file's column."""
    own = [name for where in wheres for name in (*where.constants, *where.columns)]
    return {
        name: _chosen(wheres, (where.value_sql(name, text) for where in wheres), raw.get(name, _NOTHING), text)
        for name in dict.fromkeys([*raw, *own])
    }


def with_identifiers(wheres: Sequence[Where], identifiers: Mapping[str, str], text: Text) -> list[tuple[str, str]]:
    """The (kind, value) expressions of `identifiers` (kind -> file's column), with what holds for some rows."""
    kinds = dict.fromkeys([*identifiers, *(kind for where in wheres for kind in where.identifiers)])
    values = {
        kind: [text(where.identifiers[kind]) if kind in where.identifiers else None for where in wheres]
        for kind in kinds
    }
    otherwise = {kind: text(identifiers[kind]) if kind in identifiers else _NOTHING for kind in kinds}
    return [(literal(kind), _chosen(wheres, values[kind], otherwise[kind], text)) for kind in kinds]


def _chosen(wheres: Sequence[Where], values: Iterable[str | None], otherwise: str, text: Text) -> str:
    """The value of the first entry that holds for a row and says one."""
    branches = " ".join(
        f"WHEN {where.holds_sql(text)} THEN {value}"
        for where, value in zip(wheres, values, strict=True)
        if value is not None
    )
    return f"CASE {branches} ELSE {otherwise} END" if branches else otherwise
