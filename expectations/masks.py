"""Rules as DuckDB predicates that are TRUE in the rows that fail; where collect, validate and keep meet."""

from collections.abc import Iterable
from datetime import UTC, datetime

from expectations.rule import (
    AtMost,
    Between,
    Bound,
    Check,
    Condition,
    Empty,
    Filled,
    Finite,
    Given,
    InSet,
    Is,
    LengthBetween,
    Matches,
    NotInSet,
    NotMatches,
    NotNull,
    Rule,
)
from schemas.table import literal, literals, quoted


def failing_sql(rule: Rule) -> str:
    """Predicate over the rule's columns: TRUE where the rule fails, else FALSE; never NULL."""
    return f"coalesce({_failing(rule)}, FALSE)"


def first_failure_sql(rules: Iterable[Rule]) -> str:
    """VARCHAR expression: the code of the first of `rules` that the row fails, NULL if it passes all."""
    # CASE takes a NULL condition as FALSE, so the branches need no coalesce, which costs a pass per rule.
    branches = " ".join(f"WHEN {_failing(rule)} THEN {literal(rule.code)}" for rule in rules)
    return f"CASE {branches} END" if branches else "NULL::VARCHAR"


def reasons(rules: Iterable[Rule]) -> dict[str, str]:
    """Sentence of each rule by its code."""
    return {rule.code: rule.reason for rule in rules}


def _failing(rule: Rule) -> str:
    conditions = [_condition(condition) for condition in rule.when]
    return "(" + " AND ".join([*conditions, _violated(rule.check)]) + ")"


def _violated(check: Check) -> str:
    column = quoted(check.column)
    match check:
        case NotNull():
            return f"{column} IS NULL"
        case InSet(values=values):
            return f"{column} NOT IN {_listed(values)}"
        case NotInSet(values=values):
            return f"{column} IN {_listed(values)}"
        case Between(low=low, high=high):
            return f"{column} NOT BETWEEN {_bound(low)} AND {_bound(high)}"
        case Finite():
            return f"NOT isfinite({column})"
        case Matches(pattern=pattern):
            return f"NOT regexp_matches({column}, {literal(pattern)})"
        case NotMatches(pattern=pattern):
            return f"regexp_matches({column}, {literal(pattern)})"
        case LengthBetween(low=low, high=high):
            return f"length({column}) NOT BETWEEN {low} AND {high}"
        case AtMost(other=other):
            return f"{column} > {quoted(other)}"
        case Given(other=other):
            return f"{quoted(other)} IS NOT NULL AND {column} IS NULL"


def _condition(condition: Condition) -> str:
    column = quoted(condition.column)
    match condition:
        case Filled():
            return f"{column} IS NOT NULL"
        case Empty():
            return f"{column} IS NULL"
        case Is(values=values):
            return f"{column} IN {_listed(values)}"


def _listed(values: tuple[str, ...]) -> str:
    return f"({literals(values)})"


def _bound(bound: Bound) -> str:
    if isinstance(bound, datetime):
        return "TIMESTAMPTZ " + literal(bound.astimezone(UTC).isoformat())
    return repr(bound)
