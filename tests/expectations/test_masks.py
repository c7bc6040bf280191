import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.masks import failing_sql, first_failure_sql, reasons
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

Row = tuple[str | None, float | None, float | None]
Oracle = Callable[[Any, Any, Any], bool]

SCHEMA = pa.schema([("text", pa.string()), ("x", pa.float64()), ("y", pa.float64())])
CON = duckdb.connect(config={"threads": 1})
TEXTS = st.none() | st.sampled_from(
    ["", " ", "a", "ab", "a b", "A1", "a\n", "\n", "é", "e\u0301", "日本", "it's", "a\x00b", "😀"]
)
NUMBERS = st.none() | st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 1e308, math.inf, -math.inf, math.nan])
ROWS = st.lists(st.tuples(TEXTS, NUMBERS, NUMBERS), min_size=1, max_size=12)


def rule(check: Check, *when: Condition, code: str = "broken") -> Rule:
    return Rule(code, "x is wrong", "mend x", check, when)


def flags(judged: Rule, rows: Sequence[Row]) -> list[bool]:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    CON.register("given_rows", pa.Table.from_arrays(arrays, schema=SCHEMA))
    found = CON.execute(f"SELECT {failing_sql(judged)} FROM given_rows")
    return [flag for (flag,) in found.fetchall()]


def above(a: float, b: float) -> bool:
    """a > b where NaN is the greatest number and equals itself."""
    return (math.isnan(a) and not math.isnan(b)) or a > b


ORACLES: list[tuple[Check, Oracle]] = [
    (NotNull("x"), lambda t, x, y: x is None),
    (InSet("text", ("a", "it's")), lambda t, x, y: t is not None and t not in ("a", "it's")),
    (NotInSet("text", ("", "it's")), lambda t, x, y: t in ("", "it's")),
    (Between("x", 0, 1), lambda t, x, y: x is not None and (above(0, x) or above(x, 1))),
    (Between("x", -0.5, 1e308), lambda t, x, y: x is not None and (above(-0.5, x) or above(x, 1e308))),
    (Finite("x"), lambda t, x, y: x is not None and not math.isfinite(x)),
    (Matches("text", "^[a-z]+$"), lambda t, x, y: t is not None and not re.search(r"\A[a-z]+\Z", t)),
    (Matches("text", r"\S"), lambda t, x, y: t is not None and not re.search(r"\S", t)),
    (NotMatches("text", "[a' ]"), lambda t, x, y: t is not None and bool(re.search("[a' ]", t))),
    (LengthBetween("text", 1, 2), lambda t, x, y: t is not None and not 1 <= len(t) <= 2),
    (AtMost("x", "y"), lambda t, x, y: x is not None and y is not None and above(x, y)),
    (Given("x", "text"), lambda t, x, y: t is not None and x is None),
]

CONDITIONS: list[tuple[Condition, Oracle]] = [
    (Filled("y"), lambda t, x, y: y is not None),
    (Empty("y"), lambda t, x, y: y is None),
    (Is("text", ("a", "ab")), lambda t, x, y: t in ("a", "ab")),
]


@pytest.mark.parametrize(("check", "fails"), ORACLES, ids=lambda part: type(part).__name__)
@given(rows=ROWS)
@settings(max_examples=60, deadline=None)
def test_a_mask_is_true_exactly_where_the_rule_fails(check: Check, fails: Oracle, rows: list[Row]) -> None:
    assert flags(rule(check), rows) == [fails(*row) for row in rows]


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS, ids=lambda part: type(part).__name__)
@given(rows=ROWS)
@settings(max_examples=60, deadline=None)
def test_a_rule_asks_only_the_rows_where_its_condition_holds(
    condition: Condition, holds: Oracle, rows: list[Row]
) -> None:
    assert flags(rule(NotNull("x"), condition), rows) == [holds(*row) and row[1] is None for row in rows]


def test_all_conditions_of_a_rule_must_hold() -> None:
    judged = rule(NotNull("x"), Filled("y"), Is("text", ("a",)))
    assert flags(judged, [("a", None, 1.0), ("b", None, 1.0), ("a", None, None)]) == [True, False, False]


def test_bounds_in_time_do_not_depend_on_the_zone_of_the_bound() -> None:
    noon = datetime.fromisoformat("2020-06-01T14:00:00+02:00")
    judged = rule(Between("at", noon, datetime(2021, 1, 1, tzinfo=UTC)))
    times = ["2020-06-01 11:59:59+00", "2020-06-01 12:00:00+00", "2021-01-01 00:00:01+00"]
    found = CON.execute(f"SELECT {failing_sql(judged)} FROM (SELECT unnest($1::TIMESTAMPTZ[]) AS at)", [times])
    assert [flag for (flag,) in found.fetchall()] == [True, False, True]


def test_money_is_compared_exactly_at_its_bounds() -> None:
    judged = rule(Between("amount", -(10**12), 10**12))
    amounts = ["1000000000000.0000", "1000000000000.0001", "-1000000000000.0001", None]
    found = CON.execute(f"SELECT {failing_sql(judged)} FROM (SELECT unnest($1::DECIMAL(18,4)[]) AS amount)", [amounts])
    assert [flag for (flag,) in found.fetchall()] == [False, True, True, False]


def test_names_and_values_with_quotes_stay_names_and_values() -> None:
    judged = rule(InSet('odd "x" name', ("it's",)), code="it's")
    found = CON.execute(
        f"""
        SELECT {first_failure_sql([judged])}
        FROM (VALUES ('it''s'), ('other')) AS rows("odd ""x"" name")
        """
    )
    assert found.fetchall() == [(None,), ("it's",)]


def test_the_first_rule_that_fails_gives_the_reason() -> None:
    rules = [
        rule(NotNull("x"), code="missing"),
        rule(InSet("text", ("a",)), code="unknown"),
        rule(Between("x", 0, 1), code="range"),
    ]
    found = CON.execute(
        f"""
        SELECT {first_failure_sql(rules)}
        FROM (VALUES ('b', NULL::DOUBLE), ('b', 7), ('a', 7), ('a', 1), (NULL, 1)) AS rows(text, x)
        """
    )
    assert [code for (code,) in found.fetchall()] == ["missing", "unknown", "range", None, None]


def test_without_rules_nothing_fails() -> None:
    assert CON.execute(f"SELECT {first_failure_sql([])}").fetchall() == [(None,)]


def test_a_reason_says_what_is_wrong_and_the_mend() -> None:
    assert reasons([rule(NotNull("x"))]) == {"broken": "x is wrong; mend x"}


def test_a_rule_names_each_column_that_it_reads_once() -> None:
    assert rule(AtMost("x", "y"), Filled("y"), Is("text", ("a",))).columns == ("x", "y", "text")
    assert rule(NotNull("x")).columns == ("x",)
