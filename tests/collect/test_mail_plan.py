import base64
from datetime import UTC
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.collect.mail_plan import (
    EPOCH,
    base64_text_sql,
    json_text_sql,
    message_id_sql,
    mime_header_sql,
    object_header_sql,
    rest_of_sql,
    tagged_sql,
)

MAIL = (
    'Received: from a\r\n by b\r\nFROM : "A, B"\r\n\t<a@example.com>\r\nX-Date: no\r\nDate:Wed, 11 Oct 2017\r\n\r\n'
    "Subject: in the body\r\n"
)


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


def value(con: duckdb.DuckDBPyConnection, sql: str, **columns: Any) -> Any:
    """The value of an expression over one row with these columns."""
    row = ", ".join(f"?::VARCHAR AS {name}" for name in columns)
    found = con.execute(f"SELECT {sql} FROM (SELECT {row})", list(columns.values())).fetchone()
    assert found is not None
    return found[0]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("1520363423", "2018-03-06T19:10:23+00:00"),
        ("1520363423000", "2018-03-06T19:10:23+00:00"),
        ("1520363423.25", "2018-03-06T19:10:23.250000+00:00"),
        ("99999999999", "5138-11-16T09:46:39+00:00"),
        ("100000000000", "1973-03-03T09:46:40+00:00"),
        ("-1", "1969-12-31T23:59:59+00:00"),
        ("1e300", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_epochs_are_in_seconds_or_milliseconds(con: duckdb.DuckDBPyConnection, raw: Any, expected: str | None) -> None:
    found = value(con, EPOCH.replace("{raw}", "raw"), raw=raw)
    assert (found and found.astimezone(UTC).isoformat()) == expected


@settings(max_examples=20, deadline=None)
@given(st.integers(10**8, 4 * 10**9))
def test_both_units_of_an_epoch_give_the_same_time(seconds: int) -> None:
    con = duckdb.connect(config={"threads": 1})
    both = [value(con, EPOCH.replace("{raw}", "raw"), raw=str(raw)) for raw in (seconds, seconds * 1000)]
    assert [int(found.timestamp()) for found in both] == [seconds, seconds]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("From", '"A, B" <a@example.com>'),
        ("received", "from a by b"),
        ("Date", "Wed, 11 Oct 2017"),
        ("Subject", None),
        ("Message-ID", None),
    ],
)
def test_headers_of_a_raw_message_are_unfolded(con: duckdb.DuckDBPyConnection, name: str, expected: str | None) -> None:
    assert value(con, mime_header_sql("mail", name), mail=MAIL) == expected
    assert value(con, mime_header_sql("mail", name), mail=MAIL.replace("\r\n", "\n")) == expected
    assert value(con, mime_header_sql("mail", name), mail=None) is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ('{"Message-ID":"<a>"}', "<a>"),
        ('{"Message-Id":["<a>","<b>"]}', "<a>"),
        ('{"X":"y","message-id":[]}', "[]"),
        ('{"Message\\"-ID":"<a>"}', None),
        ("{}", None),
        ("[1]", None),
        ('"text"', None),
        (None, None),
    ],
)
def test_a_header_is_found_in_an_object_whatever_its_case(
    con: duckdb.DuckDBPyConnection, headers: str | None, expected: str | None
) -> None:
    assert value(con, object_header_sql("(headers::JSON)", "Message-ID"), headers=headers) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"a":1}', '{"a":1}'), ("free text", None), ("", None), (None, None), ("{broken", None)],
)
def test_only_json_in_a_text_is_json(con: duckdb.DuckDBPyConnection, text: Any, expected: str | None) -> None:
    assert value(con, json_text_sql("text"), text=text) == expected


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=40))
def test_base64_gives_text_or_nothing(data: bytes) -> None:
    con = duckdb.connect(config={"threads": 1})
    try:
        expected: str | None = data.decode()
    except UnicodeDecodeError:
        expected = None
    assert value(con, base64_text_sql("text"), text=base64.encodebytes(data).decode()) == expected
    assert value(con, base64_text_sql("text"), text="not Base64: é") is None


def test_tags_carry_ids_by_their_names(con: duckdb.DuckDBPyConnection) -> None:
    found = {
        name: value(con, sql, tags="x") for name, sql in tagged_sql("['campaign_id:a:b', 'offer_id:', tags]").items()
    }
    assert found == {"user_id": None, "campaign_id": "a:b", "offer_id": "", "decision_id": None}


def test_a_message_id_loses_its_brackets(con: duckdb.DuckDBPyConnection) -> None:
    assert [value(con, message_id_sql("id"), id=text) for text in (" <a@b> ", "a@b", None)] == ["a@b", "a@b", None]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ('{"a":1,"b":2,"d":{"x":1,"y":null}}', '{"b":2,"d":{"y":null}}'),
        ('{"b":2}', '{"b":2}'),
        ('{"a":1,"d":"text"}', '{"d":"text"}'),
        ('{"d":null}', '{"d":null}'),
    ],
)
def test_what_is_mapped_leaves_the_record_and_all_else_stays(
    con: duckdb.DuckDBPyConnection, record: str, expected: str
) -> None:
    assert value(con, rest_of_sql(("a",), {"d": ("x",)}), record=record, r="") == expected
    assert value(con, rest_of_sql(("a",)), record="{", r=None) is None
