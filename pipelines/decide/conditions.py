"""Conditions of an offer on profile columns, written as data: `min_order_count = 2`.

The field says operator and column, the value is what is asked for:

    order_count = 3                       equal, or one of a list
    min_order_count = 2, max_… = 9        at least, at most; numbers and times
    not_preferred_channel = "post"        none of these; also true of an unknown value
    has_favourite_categories = "DAIRY"    the column's list holds this, or one of a list
    unknown_stated_channel = true         the value is not known; false: it is

Every other condition on an unknown value fails.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches

from schemas.table import quoted

Fragment = tuple[str, list[object]]

_ALLOWED = {
    "number": ("is", "min", "max", "not", "unknown"),
    "text": ("is", "not", "unknown"),
    "flag": ("is", "unknown"),
    "time": ("min", "max", "unknown"),
    "list of texts": ("has", "unknown"),
    "document": ("unknown",),
}
_TAKES_LIST = ("is", "not", "has")
_NEEDS = {
    "number": "a number",
    "text": "a text",
    "flag": "true or false",
    "time": "a time with a zone, such as 2018-01-02T00:00:00Z",
    "list of texts": "a text",
}
_IS_VALUE: dict[str, Callable[[object], bool]] = {
    "number": lambda value: isinstance(value, int | Decimal) and not isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "flag": lambda value: isinstance(value, bool),
    "time": lambda value: isinstance(value, datetime) and value.tzinfo is not None,
    "list of texts": lambda value: isinstance(value, str),
}


class ConditionError(ValueError):
    """A condition that cannot be read against the profile's columns; says what is wrong and the mend."""


@dataclass(frozen=True)
class Condition:
    """One condition: profile `column` of a `family` of types, operator, and the values asked for."""

    column: str
    family: str
    operator: str
    values: tuple[object, ...]

    def unmet_sql(self) -> Fragment:
        """Give SQL over profiles `p` and its parameters: the reason in words if it fails, else NULL."""
        holds, parameters = self._holds_sql()
        text = f"CASE WHEN COALESCE({holds}, FALSE) THEN NULL ELSE ? || {self._shown_sql()} || ? END"
        return text, [*parameters, f"{self.column} is ", f"; {self._required()}"]

    def _holds_sql(self) -> Fragment:
        column, marks = f"p.{quoted(self.column)}", ", ".join("?" for _ in self.values)
        if self.operator == "unknown":
            return f"({column} IS NULL) = ?", list(self.values)
        shape = {
            "is": f"{column} IN ({marks})",
            "not": f"{column} IS NULL OR {column} NOT IN ({marks})",
            "has": f"list_has_any({column}, [{marks}])",
            "min": f"{column} >= {marks}",
            "max": f"{column} <= {marks}",
        }
        return shape[self.operator], list(self.values)

    def _shown_sql(self) -> str:
        column = f"p.{quoted(self.column)}"
        shape = {
            "number": f"CAST(ROUND({column}, 3) AS VARCHAR)",
            "time": f"strftime({column}, '%Y-%m-%d %H:%M')",
            "list of texts": f"array_to_string({column}, ', ')",
            "document": "CASE WHEN " + column + " IS NULL THEN NULL ELSE 'known' END",
        }
        return f"COALESCE({shape.get(self.family, f'CAST({column} AS VARCHAR)')}, 'unknown')"

    def _required(self) -> str:
        shown = ", ".join(_shown(value) for value in self.values)
        many = "one of " if len(self.values) > 1 else ""
        words = {
            "is": f"{many}{shown} is required",
            "not": f"{shown} excludes from this offer",
            "has": f"it must include {many}{shown}",
            "min": f"at least {shown} is required",
            "max": f"at most {shown} is allowed",
            "unknown": "it must be unknown" if self.values == (True,) else "it must be known",
        }
        return words[self.operator]


def parse_condition(field: str, value: object, columns: Mapping[str, str]) -> Condition:
    """Read `field = value` against the profile `columns` (name -> DuckDB type). Raises ConditionError."""
    operator, column = _split(field, columns)
    family = _family(columns[column])
    if operator not in _ALLOWED[family]:
        allowed = ", ".join(_spelled(name, column) for name in _ALLOWED[family])
        raise ConditionError(f"{column} is a {family}; write one of {allowed}")
    values = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    if not values or (len(values) > 1 and operator not in _TAKES_LIST):
        raise ConditionError("give exactly one value" if values else "the list is empty; name a value or remove it")
    expected = "flag" if operator == "unknown" else family
    if not all(_IS_VALUE[expected](one) for one in values):
        raise ConditionError(f"the value must be {_NEEDS[expected]}")
    return Condition(column, family, operator, tuple(_in_utc(one) for one in values))


def unmet_sql(conditions: Mapping[str, Sequence[Condition]]) -> Fragment:
    """Give SQL over offers `o` and profiles `p`, with parameters: the unmet conditions in words, or NULL."""
    branches, parameters = [], []
    for offer_id, several in conditions.items():
        fragments = [condition.unmet_sql() for condition in several]
        branches.append(f"WHEN ? THEN NULLIF(concat_ws('; ', {', '.join(text for text, _ in fragments)}), '')")
        parameters += [offer_id, *(value for _, values in fragments for value in values)]
    if not branches:
        return "CAST(NULL AS VARCHAR)", []
    return f"CASE o.offer_id {' '.join(branches)} END", parameters


def _split(field: str, columns: Mapping[str, str]) -> tuple[str, str]:
    if field in columns:
        return "is", field
    operator, _, column = field.partition("_")
    if operator in ("min", "max", "not", "has", "unknown") and column in columns:
        return operator, column
    stem = column if operator in ("min", "max", "not", "has", "unknown") else field
    near = get_close_matches(stem, columns, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(columns))}"
    raise ConditionError(f"'{stem}' is no column of profiles; {hint}")


def _family(sql_type: str) -> str:
    if sql_type == "VARCHAR[]":
        return "list of texts"
    known = {"VARCHAR": "text", "BOOLEAN": "flag", "TIMESTAMP WITH TIME ZONE": "time"}
    if sql_type in ("BIGINT", "INTEGER", "DOUBLE") or sql_type.startswith("DECIMAL("):
        return "number"
    return known.get(sql_type, "document")


def _spelled(operator: str, column: str) -> str:
    return column if operator == "is" else f"{operator}_{column}"


def _in_utc(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _shown(value: object) -> str:
    return value.isoformat(" ", "minutes") if isinstance(value, datetime) else str(value)
