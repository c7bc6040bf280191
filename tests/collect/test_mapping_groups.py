"""`[group]` of a mapping: rows that say who belongs to which group."""

import json

import pytest

from pipelines.collect.example_mappings import EXAMPLES
from pipelines.collect.mapping import parse_mapping
from tests.collect.staged import stage
from tests.keep.rows import cells, step
from tests.lakes import memory_lake
from warehouse.errors import UsageError

REGISTER = """company,person,version,changed_at,company_name,function,since,until,status,floor
A1,u1,1,2025-03-01 10:00,Acme,buyer,2020-01-01,,active,3
A1,u2,1,2025-03-01 10:00,Acme,,2020-01-01,2024-06-01,former,3
A1,u3,1,2025-03-01 10:00,,,soon,,,
"""
HEAD = """
[constants]
event_name = "group"
channel = "task"
[columns]
occurred_at = "at"
"""


def test_a_register_becomes_statements_in_utc_and_a_time_that_is_none_rejects_its_row() -> None:
    found = stage("table", REGISTER, mapping=(EXAMPLES / "memberships.toml").read_text(encoding="utf-8"))
    assert found.codes() == [(3, "wrong_type_membership")]
    assert json.loads(found.accepted(1)["properties"])["floor"] == "3"
    con = memory_lake()
    step(con, found.interactions)
    columns = ("anchor", "group_id", "is_member", "role", "valid_from::VARCHAR", "valid_to", "traits")
    rows = con.execute(f"SELECT {', '.join(columns)} FROM group_statements ORDER BY 1").fetchall()
    assert rows == [
        ("user_id:u1", "organisation:A1", True, "buyer", "2019-12-31 23:00:00+00", None, '{"name":"Acme"}'),
        ("user_id:u2", "organisation:A1", False, None, "2024-05-31 22:00:00+00", None, '{"name":"Acme"}'),
    ]
    assert len(cells(con, "group_statements", "interaction_id")) == 2


def test_json_is_read_by_paths_as_well() -> None:
    mapping = (
        HEAD + '[identifiers]\nuser_id = "who.id"\n[group]\ncolumns = { group_id = "firm.no", role = "who.job" }\n'
    )
    record = '{"at": "2025-03-01T10:00:00Z", "who": {"id": "u1", "job": "buyer"}, "firm": {"no": 7}}\n'
    found = stage("table", record, mapping=f'format = "json"\n{mapping}')
    assert json.loads(found.accepted(1)["properties"])["traits"] == {"group_id": 7, "role": "buyer"}


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('[group]\ncolumns = { role = "r" }', "gives no group_id"),
        ('[group]\nconstants = { group_id = "7", member_from = "2020" }', "constant time"),
        ('[group]\ncolumns = { group_id = "g" }\nvalues = { gone = "left" }', "use yes or no"),
        ('[group]\ncolumns = { group_id = "g" }\n[traits]\na = "b"', r"\[traits\] beside \[group\]"),
        ('[group]\nid = "g"', "unknown entry 'id'"),
    ],
    ids=["no id", "constant time", "word", "traits", "entry"],
)
def test_a_section_that_makes_no_sense_is_refused(section: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_mapping(HEAD + section)


def test_a_group_stands_on_events_that_are_read_for_it() -> None:
    with pytest.raises(UsageError, match="only events named group, account_added_user, account_removed_user"):
        parse_mapping(HEAD.replace('"group"', '"page"') + '[group]\ncolumns = { group_id = "g" }')
