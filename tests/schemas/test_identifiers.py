"""The rules of identifiers: SQL and Python agree on every input."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import identifiers as rules
from warehouse.functions import add_functions

PRIORITIES = {
    "user_id": 100,
    "shop_id": 100,
    "email": 50,
    "phone": 40,
    "device_id": 20,
    "it's": 5,
    "worst": 0,
}
BLOCKED = ("null", "N/A", "a.c", "it's")
CON = duckdb.connect()
add_functions(CON)

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
values = st.one_of(
    text,
    st.sampled_from(
        [
            "",
            "0-0",
            "NULL",
            "n/a",
            "abc",
            "a.c",
            "Test@x.org",
            "test+1@x",
            "testa@x",
            "\u0130\u03a3",
            "\u212a",
        ]
    ),
    st.text(" \t\n-+()0123456789aA@.\u00a0\u3000", max_size=8),
)
phone_texts = st.from_regex(
    r"\A(tel:)?[+\uff0b]?(00|011)?[ (]?(49|1|39|7|44|52|54)?[ (]{0,2}[0891]?\)?[ /-]?[1-9\uff11]\d{3,11}"
    r"((x|,,| ext\. ?|;ext=|#)\d{1,4})?\Z"
)
regions = st.sampled_from(["", "DE", "US", "IT", "MX", "AR", "RU"])
kinds = st.sampled_from([*PRIORITIES, "other", "another"])
pairs = st.lists(st.tuples(kinds, st.sampled_from(["1", "2", "a", "B", "\u00e9"])), max_size=4)


def evaluate(expression: str, **columns: object) -> object:
    names = ", ".join(f"? AS {name}" for name in columns)
    row = CON.execute(f"SELECT {expression} FROM (SELECT {names})", list(columns.values())).fetchone()
    assert row is not None
    return row[0]


def evaluate_anchor(identifiers: list[tuple[str, str]] | None, priorities: dict[str, int]) -> object:
    structs = None if identifiers is None else [{"kind": k, "value": v} for k, v in identifiers]
    row = CON.execute(
        f"SELECT {rules.anchor_sql('ids', priorities)} FROM (SELECT ?::STRUCT(kind VARCHAR, value VARCHAR)[] AS ids)",
        [structs],
    ).fetchone()
    assert row is not None
    return row[0]


@given(kind=kinds, value=st.one_of(values, phone_texts), region=regions)
@settings(max_examples=300, deadline=None)
def test_normalising_gives_the_same_in_sql_and_in_python(kind: str, value: str, region: str) -> None:
    bare = evaluate(rules.cleaned_sql("kind", "value"), kind=kind, value=value)
    told = evaluate(rules.international_sql("kind", "value", region), kind=kind, value=bare)
    assert (bare, told) == (rules.cleaned(kind, value), rules.normalised(kind, value, region))


@given(kind=kinds, value=st.one_of(values, phone_texts), region=regions)
@settings(max_examples=300, deadline=None)
def test_normalising_twice_changes_nothing_more(kind: str, value: str, region: str) -> None:
    once = rules.normalised(kind, value, region)
    assert rules.normalised(kind, once, region) == once


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("email", "  Ann@Example.COM\n", "ann@example.com"),
        ("phone", "+49 (151) 23-45.6/7", "+49151234567"),
        ("phone", "+1 212 555 0010,,5", "+12125550010;ext=5"),
        ("user_id", "\tAb 1 ", "Ab 1"),
        ("device_id", "\ufeffX\u3000", "X"),
    ],
)
def test_each_kind_is_normalised_by_its_rule(kind: str, value: str, expected: str) -> None:
    assert rules.normalised(kind, value, "") == expected


def test_a_value_may_be_kept_as_it_is_now_or_as_it_was() -> None:
    assert rules.spellings("phone", "030 1234567", "DE") == ("+49301234567", "0301234567")
    assert rules.spellings("phone", "030 1234567", "") == ("0301234567",)
    assert rules.spellings("email", " A@b.c", "DE") == ("a@b.c",)


def test_a_missing_value_stays_missing() -> None:
    assert evaluate(rules.cleaned_sql("'email'", "value"), value=None) is None
    assert evaluate(rules.international_sql("'phone'", "value::VARCHAR", "DE"), value=None) is None


@given(value=values)
@settings(max_examples=200, deadline=None)
def test_blocking_gives_the_same_in_sql_and_in_python(value: str) -> None:
    assert evaluate(rules.blocked_sql("value", BLOCKED), value=value) == rules.is_blocked(value, BLOCKED)


@pytest.mark.parametrize("value", ["", "0", "00000000-0000-0000-0000-000000000000", "-", "Null", "n/a", "test@a.b"])
def test_a_value_that_names_nobody_is_blocked(value: str) -> None:
    assert rules.is_blocked(value, BLOCKED)


@pytest.mark.parametrize("value", ["01", "nulls", "abc", "example@test.com", "contest@a.b", "test", "n/a "])
def test_a_value_that_only_resembles_a_blocked_one_passes(value: str) -> None:
    assert not rules.is_blocked(value, BLOCKED)


@given(identifiers=pairs)
@settings(max_examples=200, deadline=None)
def test_the_anchor_is_the_same_in_sql_and_in_python(identifiers: list[tuple[str, str]]) -> None:
    assert evaluate_anchor(identifiers, PRIORITIES) == rules.anchor(identifiers, PRIORITIES)


@given(identifiers=pairs.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_identifiers_does_not_matter(
    identifiers: tuple[list[tuple[str, str]], list[tuple[str, str]]],
) -> None:
    one, other = identifiers
    assert rules.anchor(one, PRIORITIES) == rules.anchor(other, PRIORITIES)


def test_the_anchor_is_the_identifier_of_the_highest_priority() -> None:
    found = [("anonymous_id", "1"), ("email", "b@x"), ("email", "a@x"), ("device_id", "0")]
    assert evaluate_anchor(found, PRIORITIES) == "email:a@x"


def test_a_kind_that_is_not_listed_beats_one_of_lower_priority() -> None:
    assert evaluate_anchor([("worst", "1"), ("other", "2"), ("another", "2")], PRIORITIES) == "another:2"


def test_without_priorities_the_smallest_value_is_the_anchor() -> None:
    assert evaluate_anchor([("b", "2"), ("a", "3"), ("c", "1")], {}) == "c:1"


@pytest.mark.parametrize("identifiers", [None, []])
def test_nobody_has_no_anchor(identifiers: list[tuple[str, str]] | None) -> None:
    assert evaluate_anchor(identifiers, PRIORITIES) is None


@given(kind=kinds)
@settings(max_examples=20, deadline=None)
def test_a_kind_has_its_priority_or_that_of_kinds_not_listed(kind: str) -> None:
    expected = PRIORITIES.get(kind, rules.UNLISTED_PRIORITY)
    assert evaluate(rules.priority_sql("kind", PRIORITIES), kind=kind) == expected
    assert evaluate(rules.priority_sql("kind", {}), kind=kind) == rules.UNLISTED_PRIORITY


def test_an_identifier_is_split_at_its_first_colon() -> None:
    assert rules.split_identifier("device_id:a:b") == ("device_id", "a:b")
    assert rules.split_identifier("plain") is None
    assert evaluate(rules.identifier_sql("kind", "value"), kind="device_id", value="a:b") == "device_id:a:b"
