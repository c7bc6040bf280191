"""Persisted keys: SQL and Python agree on every input."""

import hashlib

import duckdb
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.keys import key, key_sql

CON = duckdb.connect()
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def evaluate(*fields: str | None) -> object:
    names = [f"f{number}" for number in range(len(fields))]
    columns = ", ".join(f"?::VARCHAR AS {name}" for name in names)
    row = CON.execute(f"SELECT {key_sql(*names)} FROM (SELECT {columns})", list(fields)).fetchone()
    assert row is not None
    return row[0]


@given(st.lists(text, min_size=1, max_size=4))
@example(["\U0001f926\U0001f3fc\u200d\u2642\ufe0f"])
@example(["e\u0301", "\u00e9"])
@example(["", ""])
@example(["a\0b"])
@settings(max_examples=200, deadline=None)
def test_sql_and_python_give_the_same_key(fields: list[str]) -> None:
    assert evaluate(*fields) == key(*fields)


@given(st.lists(text, min_size=1, max_size=3), st.lists(text, min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_other_fields_give_another_key(one: list[str], other: list[str]) -> None:
    assert (key(*one) == key(*other)) == (one == other)


def test_the_lengths_keep_neighbouring_fields_apart() -> None:
    assert key("ab", "c") != key("a", "bc")
    assert key("1:a") != key("a")


def test_a_key_is_the_start_of_the_digest_of_length_and_field() -> None:
    assert key("shop", "\u00e9") == hashlib.sha256("4:shop1:\u00e9".encode()).hexdigest()[:32]


def test_a_missing_field_gives_no_key() -> None:
    assert evaluate("a", None) is None


def test_a_field_may_be_an_expression_with_operators_of_its_own() -> None:
    expressions = ["CASE WHEN TRUE THEN a ELSE b END", "a || b", "j ->> '$.c'"]
    found = CON.execute(
        f"SELECT {key_sql(*expressions)} FROM (SELECT 'x' AS a, 'y' AS b, '{{\"c\": \"z\"}}'::JSON AS j)"
    )
    assert found.fetchall() == [(key("x", "xy", "z"),)]
