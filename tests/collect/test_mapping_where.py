"""What a mapping says of some rows alone."""

from typing import Any

import pytest

from pipelines.collect.mapping import parse_mapping
from tests.collect.staged import Staged, stage
from warehouse.errors import UsageError

BASE = """
[constants]
channel = "call"
event_name = "called"
direction = "outbound"
initiator = "company"
[columns]
event_id = "id"
occurred_at = "at"
[[where]]
column = "way"
matches = "^in"
constants = { direction = "inbound", initiator = "customer" }
identifiers = { phone = "from" }
[[where]]
column = ["way", "kind"]
matches = "^out-(a|b)$"
identifiers = { phone = "to" }
columns = { contact_id = "id" }
"""
HEAD = "id,at,way,kind,from,to\n"


def rows(*lines: str, mapping: str = BASE) -> Staged:
    return stage("table", HEAD + "".join(f"{line}\n" for line in lines), mapping=mapping)


def test_rows_take_what_holds_for_them() -> None:
    found = rows(
        "1,2020-01-01,in,,11,12", "2,2020-01-01,out,a,21,22", "3,2020-01-01,out,c,31,32", "4,2020-01-01,,,41,42"
    )
    assert found.rows("direction", "initiator", "anchor", "contact_id") == [
        ("inbound", "customer", "phone:11", None),
        ("outbound", "company", "phone:22", "2"),
        ("outbound", "company", None, None),
        ("outbound", "company", None, None),
    ]


def test_columns_that_only_some_rows_use_stay_in_properties() -> None:
    (row,) = rows("1,2020-01-01,in,k,11,12").interactions
    assert row["properties"] == '{"way":"in","kind":"k","from":"11","to":"12"}'


def test_the_first_entry_that_says_something_wins_and_the_mapping_is_the_last() -> None:
    mapping = BASE.replace('[[where]]\ncolumn = "way"', '[identifiers]\nphone = "kind"\n[[where]]\ncolumn = "way"', 1)
    more = '[[where]]\ncolumn = "way"\nmatches = ""\nidentifiers = { user_id = "id" }\nconstants = { text = "t" }\n'
    found = rows("1,2020-01-01,in,77,11,12", "2,2020-01-01,x,78,21,22", mapping=mapping + more)
    assert found.rows("anchor", "text") == [("user_id:1", "t"), ("user_id:2", "t")]
    phones = [[i["value"] for i in row["identifiers"] if i["kind"] == "phone"] for row in found.interactions]
    assert phones == [["11"], ["78"]]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[[where]]", "[where]", "where must be a list of tables"),
        ('matches = "^in"', "", "needs the texts column and matches"),
        ('column = "way"', "column = []", "needs the texts column and matches"),
        ('column = "way"', "column = [1]", "needs the texts column and matches"),
        ('"^in"', '"("', "is no regular expression; write one of RE2"),
        ('phone = "from"', "phone = 1", r"\[\[where\]\] identifiers must map names to texts in quotes"),
        ('initiator = "customer"', 'starter = "x"', r"\[\[where\]\] names 'starter', which interactions do not have"),
        ("identifiers", "people", "has an unknown entry 'people'"),
    ],
)
def test_an_entry_that_cannot_serve_is_a_usage_error(old: str, new: str, told: str) -> None:
    text = BASE.replace(old, new, 1)
    if new == "[where]":
        text = text[: text.rindex("[[where]]")]
    with pytest.raises(UsageError, match=told):
        parse_mapping(text)


def test_a_column_that_the_file_lacks_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="names column 'way', which the file does not have"):
        stage("table", "id,at,from,to,kind\n1,2020-01-01,1,2,3\n", mapping=BASE)


def test_an_empty_cell_is_matched_as_an_empty_text() -> None:
    mapping = BASE.replace('event_name = "called"\n', "").replace(
        'occurred_at = "at"\n',
        'occurred_at = "at"\nevent_name = "kind"\n[patterns.event_name]\n"^$" = "nothing_said"\n',
    )
    found: Any = rows("1,2020-01-01,in,,1,2", "2,2020-01-01,in,asked,1,2", mapping=mapping)
    assert found.rows("event_name") == [("nothing_said",), ("asked",)]
