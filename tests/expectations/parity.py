"""Every kind of rule, a table full of edge cases, and the process that asks Great Expectations about it."""

import json
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa

from expectations.rule import (
    AtMost,
    Between,
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
from expectations.suites.interactions import SNAKE_CASE

ROWS = 20_000
NOON = datetime(2020, 6, 1, 12, tzinfo=UTC)
MIDNIGHT = datetime.fromisoformat("2020-06-02T02:00:00+02:00")

TEXTS = [
    *("", " ", "a", "b", "ab", "a b", "A1", "order_completed", "order__completed", "_a", "a\n", "\n", "\ta"),
    *("é", "e\u0301", "日本_1", "it's", 'say "a"', "a\\d", "%", "a%b", ":a", "😀", "null", "x" * 1_001, None),
]
NUMBERS = [-1.0, -0.0, 0.0, 0.5, 1.0, 1.5, 1e308, -1e308, float("inf"), float("-inf"), float("nan"), None]
AMOUNTS = [Decimal("-12.5"), Decimal(0), Decimal("99999999999999.9999"), Decimal("1000000000000.0001"), None]
INSTANTS = [NOON + timedelta(microseconds=n) for n in (-1, 0, 1)] + [
    MIDNIGHT,
    MIDNIGHT + timedelta(hours=1),
    None,
]
LISTS = [[{"kind": "email", "value": "a@b.c"}], [], None]

_CHECKS: list[Check] = [
    NotNull("text"),
    NotNull("x"),
    NotNull("identifiers"),
    InSet("text", ("a", "", "it's", "a%b", ":a")),
    NotInSet("text", ("null", "a", "it's", 'say "a"')),
    Between("x", 0, 1),
    Between("x", -1e308, 1e308),
    Between("amount", -(10**12), 10**12),
    Between("at", NOON, MIDNIGHT),
    Finite("x"),
    Matches("text", "^[a-z]+$"),
    Matches("text", r"\S"),
    Matches("text", SNAKE_CASE),
    Matches("text", "^(a|ab)$"),
    Matches("text", r"\\d|%|:a|'"),
    NotMatches("text", "[\\x00-\\x1f]"),
    NotMatches("text", "b"),
    LengthBetween("text", 1, 2),
    LengthBetween("text", 0, 1_000),
    AtMost("x", "y"),
    AtMost("at", "until"),
    Given("x", "y"),
    Given("text", "amount"),
]
_CONDITIONS: list[tuple[Condition, ...]] = [
    (),
    (Filled("y"),),
    (Empty("amount"),),
    (Is("other", ("a", "it's", "order_completed")),),
    (Filled("amount"), Is("other", ("", "b", "null")), Empty("y")),
]
RULES = [
    Rule(f"rule_{which}_{how}", "it is wrong", "mend it", check, when)
    for which, check in enumerate(_CHECKS)
    for how, when in enumerate(_CONDITIONS)
]


def table() -> pa.Table:
    """The same edge cases in the same order at every call, most of their combinations among them."""
    choices = np.random.default_rng(1)
    columns = {
        "text": pa.array(TEXTS, pa.string()),
        "other": pa.array(TEXTS, pa.string()),
        "x": pa.array(NUMBERS, pa.float64()),
        "y": pa.array(NUMBERS, pa.float64()),
        "amount": pa.array(AMOUNTS, pa.decimal128(18, 4)),
        "at": pa.array(INSTANTS, pa.timestamp("us", tz="UTC")),
        "until": pa.array(INSTANTS, pa.timestamp("us", tz="UTC")),
        "identifiers": pa.array(LISTS),
    }
    return pa.table({name: v.take(choices.integers(0, len(v), ROWS)) for name, v in columns.items()})


def main() -> None:
    """Print what Great Expectations finds in the files named in the arguments."""
    with redirect_stdout(sys.stderr):
        from expectations.great import audit

        answers = audit(RULES, sys.argv[1:])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
