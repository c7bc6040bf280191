"""Finding a customer by what a person typed."""

import duckdb
import pytest

from pipelines.resolve.lookup import find, find_earlier
from schemas.keys import key
from tests.resolve.worlds import event, resolved


@pytest.fixture(scope="module")
def lake() -> duckdb.DuckDBPyConnection:
    con, _ = resolved(
        [
            [
                event(1, "user_id:7", "email:ann@example.com"),
                event(2, "device_id:7"),
                event(3, "device_id:urn:x"),
            ],
            [event(4, "device_id:9", "user_id:9"), event(5, "phone:+4915123")],
        ]
    )
    return con


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("user_id:7", [("user_id:7", key("user_id", "7"))]),
        ("email: Ann@Example.com ", [("email:ann@example.com", key("user_id", "7"))]),
        ("ANN@example.com", [("email:ann@example.com", key("user_id", "7"))]),
        ("+49 151-23", [("phone:+4915123", key("phone", "+4915123"))]),
        ("urn:x", [("device_id:urn:x", key("device_id", "urn:x"))]),
        ("7", [("device_id:7", key("device_id", "7")), ("user_id:7", key("user_id", "7"))]),
        ("user_id:nobody", []),
        ("nobody", []),
    ],
)
def test_an_identifier_is_found_as_it_was_kept(
    lake: duckdb.DuckDBPyConnection, text: str, found: list[tuple[str, str]]
) -> None:
    assert find(lake, text, "") == found


def test_a_value_in_another_case_does_not_match_a_kind_kept_verbatim() -> None:
    con, _ = resolved([[event(1, "user_id:Ab")]])
    assert find(con, "ab", "") == []


def test_a_superseded_row_is_not_found() -> None:
    con, _ = resolved([[event(1, "device_id:d")], [event(2, "device_id:d", "user_id:u")]])
    assert find(con, "d", "") == [("device_id:d", key("user_id", "u"))]


def test_a_number_is_found_in_its_form_of_now_first_and_else_as_it_was_kept_earlier() -> None:
    con, _ = resolved([[event(1, "phone:+49301234567"), event(2, "phone:0301234567"), event(3, "phone:0401234567")]])
    now, before, other = (key("phone", value) for value in ("+49301234567", "0301234567", "0401234567"))
    assert find(con, "phone:030 123-4567", "DE") == [("phone:+49301234567", now)]
    assert find(con, "phone:040 1234567", "DE") == [("phone:0401234567", other)]
    assert {customer for _, customer in find(con, "030 1234567", "DE")} == {now, before}
    assert find_earlier(con, "phone:030 1234567", "DE") == [("phone:0301234567", before)]
    assert find_earlier(con, "phone:030 1234567", "") == find_earlier(con, "030 1234567", "DE") == []
