"""A row rule as light data: one declaration gives the DuckDB mask, the rejection's reason and the checkpoint.

NULL fails only `NotNull` and `Given`; every other kind passes it. NaN counts as greater than every number, as
in DuckDB. Regular expressions are RE2 and match anywhere unless anchored. Lengths count Unicode code points.
"""

from dataclasses import dataclass
from datetime import datetime

Bound = int | float | datetime


@dataclass(frozen=True)
class NotNull:
    """`column` has a value."""

    column: str


@dataclass(frozen=True)
class InSet:
    """`column` is one of `values`."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class NotInSet:
    """`column` is none of `values`."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Between:
    """`low` <= `column` <= `high`; instants are aware. NaN fails."""

    column: str
    low: Bound
    high: Bound


@dataclass(frozen=True)
class Finite:
    """`column`, a floating number, is neither NaN nor infinite."""

    column: str


@dataclass(frozen=True)
class Matches:
    """`pattern` occurs in `column`."""

    column: str
    pattern: str


@dataclass(frozen=True)
class NotMatches:
    """`pattern` does not occur in `column`."""

    column: str
    pattern: str


@dataclass(frozen=True)
class LengthBetween:
    """`column` has `low` to `high` characters."""

    column: str
    low: int
    high: int


@dataclass(frozen=True)
class AtMost:
    """`column` <= the column `other`, where both have a value."""

    column: str
    other: str


@dataclass(frozen=True)
class Given:
    """`column` has a value wherever the column `other` has one."""

    column: str
    other: str


Check = NotNull | InSet | NotInSet | Between | Finite | Matches | NotMatches | LengthBetween | AtMost | Given


@dataclass(frozen=True)
class Filled:
    """Condition: `column` has a value."""

    column: str


@dataclass(frozen=True)
class Empty:
    """Condition: `column` has no value."""

    column: str


@dataclass(frozen=True)
class Is:
    """Condition: `column` is one of `values`."""

    column: str
    values: tuple[str, ...]


Condition = Filled | Empty | Is


@dataclass(frozen=True)
class Rule:
    """What must hold in a row where all of `when` hold.

    `code` is the rejection's reason_code; `wrong` and `mend` say what is wrong and how to mend it, and never
    quote the payload.
    """

    code: str
    wrong: str
    mend: str
    check: Check
    when: tuple[Condition, ...] = ()

    @property
    def reason(self) -> str:
        """Sentence that a person reads in `rejections`."""
        return f"{self.wrong}; {self.mend}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the rule reads, each once, in the order of its parts."""
        named = [self.check.column, getattr(self.check, "other", None), *(part.column for part in self.when)]
        return tuple(dict.fromkeys(name for name in named if name))
