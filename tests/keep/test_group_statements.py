"""The rollup group_statements: what events say about groups of people."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipelines.keep.window import differences
from tests.keep.rows import AT, Row, by_commits, cells, event, recomputed, rolled_up, run_of, step
from tests.lakes import memory_lake

COLUMNS = ("interaction_id", "anchor", "group_id", "is_member", "role", "valid_from", "valid_to", "traits")


def told(properties: object, name: str = "group", anchor: str | None = "user_id:u1") -> list[tuple[object, ...]]:
    """What one event says, without its id and anchor."""
    con = memory_lake()
    step(con, [event("e1", event_name=name, anchor=anchor, properties=json.dumps(properties))])
    return [row[2:] for row in cells(con, "group_statements", *COLUMNS)]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_group_call_says_who_belongs_to_what_in_which_role_and_what_it_is_like() -> None:
    traits = {
        "name": "Acme",
        "role": " admin ",
        "employees": 3,
        "member_from": "2020-01-01",
        "member_until": "2030-05-01",
    }
    assert told({"groupId": " a7 ", "traits": traits}) == [
        ("organisation:a7", True, "admin", utc("2020-01-01"), utc("2030-05-01"), '{"name":"Acme","employees":3}')
    ]


@pytest.mark.parametrize(
    "properties",
    [{"groupId": 7}, {"traits": {"group_id": "7"}}, {"group_id": "7"}, {"context": {"groupId": "7"}}],
    ids=["call", "trait", "property", "context"],
)
def test_the_group_is_named_by_the_call_its_traits_its_properties_or_its_context(properties: object) -> None:
    assert told(properties) == [("organisation:7", True, None, AT, None, None)]


def test_a_kind_is_a_word_and_an_organisation_where_none_is_said() -> None:
    kinds = [("Sports club", "sports_club"), (" ", "organisation"), ("::", "organisation")]
    for said, kind in kinds:
        ((group, *_),) = told({"groupId": "7:8", "traits": {"group_kind": said}})
        assert group == f"{kind}:7:8"


@pytest.mark.parametrize("word", ["false", "No", 0, False], ids=repr)
def test_who_is_no_member_has_left_when_the_membership_ended(word: object) -> None:
    traits = {"is_member": word, "member_from": "2020-01-01", "member_until": "2021-01-01"}
    assert told({"groupId": "7", "traits": traits})[0][1:5] == (False, None, utc("2021-01-01"), None)
    del traits["member_until"]
    assert told({"groupId": "7", "traits": traits})[0][1:5] == (False, None, utc("2020-01-01"), None)


def test_a_user_is_added_to_an_account_and_removed_from_it() -> None:
    said = {"role": "Owner", "context": {"groupId": "7"}, "traits": {"plan": "x"}}
    assert told(said, "account_added_user") == [("organisation:7", True, "Owner", AT, None, None)]
    assert told(said, "account_removed_user") == [("organisation:7", False, "Owner", AT, None, None)]


@pytest.mark.parametrize(
    "properties",
    [{}, [], {"groupId": ""}, {"groupId": None}, {"groupId": "7", "traits": {"member_until": "soon"}}, {"traits": "7"}],
    ids=repr,
)
def test_an_event_that_names_no_group_or_a_time_that_is_none_says_nothing(properties: object) -> None:
    assert told(properties) == []


@pytest.mark.parametrize("forever", ["infinity", "9999-12-31", "-infinity"])
def test_an_end_in_no_time_is_no_end(forever: str) -> None:
    assert told({"groupId": "7", "traits": {"member_until": forever}})[0][4] is None


def test_an_event_without_a_person_speaks_of_the_group_alone_and_other_events_of_none() -> None:
    assert told({"groupId": "7", "traits": {"name": "Acme"}}, anchor=None) != []
    assert told({"groupId": "7"}, "page") == []


def test_a_window_of_days_looks_at_what_was_said_on_them_not_at_what_it_was_said_of() -> None:
    con = memory_lake()
    told = json.dumps({"groupId": "7", "traits": {"member_from": "2020-01-01"}})
    step(con, [event("e1", event_name="group", properties=told)])
    con.execute("DROP TABLE temp.keep_fresh")
    con.execute("DROP TABLE temp.keep_retracted")
    assert differences(con, run_of(1), date(2019, 12, 1), date(2020, 2, 1))["group_statements"] == 0
    con.execute("DELETE FROM group_statements")
    assert differences(con, run_of(1), AT.date(), AT.date())["group_statements"] == 1


GROUPS = st.sampled_from(
    [
        None,
        '{"groupId":"7"}',
        '{"groupId":"8","traits":{"role":"a","name":"x"}}',
        '{"groupId":"7","traits":{"is_member":"no"}}',
    ]
)
SAID = st.fixed_dictionaries(
    {
        "event_name": st.sampled_from(["group", "account_removed_user", "page"]),
        "anchor": st.sampled_from([None, "user_id:u1", "email:a@b.example"]),
        "occurred_at": st.integers(0, 3).map(lambda n: AT + timedelta(hours=9 * n)),
        "properties": GROUPS,
    }
)
STEPS = st.lists(st.lists(st.tuples(st.integers(0, 5), SAID), min_size=1, max_size=5), min_size=1, max_size=3)


@settings(max_examples=5, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(steps=STEPS)
def test_any_split_and_any_correction_give_what_one_computation_gives(steps: list[list[tuple[int, Row]]]) -> None:
    for con in by_commits(memory_lake(), steps):
        assert rolled_up(con)["group_statements"] == recomputed(con)["group_statements"]
