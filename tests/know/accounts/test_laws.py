"""Accounts in generated worlds: any split, order, correction, merge and time of asking gives what one run gives."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.keep.rows import Row
from tests.know.accounts.worlds import AS_OF, World, buys, day, said, settings_with

# People of whom some come together: on one event, by one household, or by a common e-mail address.
PEOPLE = st.sampled_from(
    [
        ("user_id:u1",), ("user_id:u2",), ("user_id:u1", "email:a@corp.example"), ("email:a@corp.example",),
        ("user_id:u2", "email:b@corp.example"), ("anonymous_id:x",), ("user_id:u1", "anonymous_id:x"),
        ("user_id:u1", "household_id:h"), ("email:b@corp.example", "household_id:h"), ("household_id:h",),
    ]
)  # fmt: skip
DAYS = st.integers(0, 40)
ADDRESSES = ("Hauptstrasse 5, Wien", {"street": "Hauptstrasse 5", "city": "Wien"}, {"city": "Wien"}, "Ring 1 Graz")


@st.composite
def group_calls(draw: st.DrawFn) -> tuple[str, str]:
    traits: dict[str, object] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["Acme", None]),
                "role": st.sampled_from(["admin", "buyer"]),
                "group_kind": st.just("household"),
                "member_from": DAYS.map(lambda n: day(n).isoformat()),
                "member_until": DAYS.map(lambda n: day(n).isoformat()),
                "is_member": st.booleans(),
            },
        )
    )
    group = draw(st.sampled_from(["h", "corp.example", "7"]))
    return draw(st.sampled_from(["group", "account_removed_user"])), json.dumps({"groupId": group, "traits": traits})


@st.composite
def events(draw: st.DrawFn) -> Row:
    """An event of one of few ids, so that some take the place of others."""
    number, at, who = draw(st.integers(0, 8)), day(draw(DAYS)), draw(PEOPLE)
    what = draw(st.sampled_from(["group", "group", "group", "order", "identify", "page"]))
    if what == "order":
        return buys(f"e{number}", at, number, *who)
    if what == "group":
        name, told = draw(group_calls())
        return said(f"e{number}", at, *who, name=name, properties=told)
    told = json.dumps({"traits": {"address": draw(st.sampled_from(ADDRESSES))}})
    return said(f"e{number}", at, *who, name=what, properties=told)


RUNS = st.lists(
    st.tuples(st.lists(events(), max_size=5, unique_by=lambda row: row["interaction_id"]), st.integers(0, 50)),
    min_size=1,
    max_size=4,
)
_SETTINGS: dict[str, Any] = {
    "deadline": None,
    "phases": [Phase.explicit, Phase.reuse, Phase.generate],
    "suppress_health_check": [HealthCheck.too_slow],
}
RULES = st.sampled_from([(), ("same_household_id", "same_email_domain", "same_address")])


@settings(max_examples=3, **_SETTINGS)
@given(runs=RUNS, rules=RULES)
def test_any_runs_with_any_corrections_give_what_one_run_over_what_stands_gives(
    runs: list[tuple[list[Row], int]], rules: tuple[str, ...]
) -> None:
    assert_same_in_one_run(runs, rules)


@pytest.mark.long
@settings(max_examples=100, **_SETTINGS)
@given(runs=RUNS, rules=RULES)
def test_many_runs_with_any_corrections_give_what_one_run_over_what_stands_gives(
    runs: list[tuple[list[Row], int]], rules: tuple[str, ...]
) -> None:
    assert_same_in_one_run(runs, rules)


def assert_same_in_one_run(runs: list[tuple[list[Row], int]], rules: tuple[str, ...]) -> None:
    """What runs give, as of times that go on and back, is what one run as of the last time gives."""
    world, as_of = World(settings_with(*rules)), AS_OF
    for rows, days in runs:
        as_of = datetime.combine(day(days), datetime.min.time(), AS_OF.tzinfo)
        world.run(rows, as_of)
    assert world.state() == world.again(as_of).state()


@settings(max_examples=2, **_SETTINGS)
@given(runs=RUNS)
def test_at_no_time_is_a_customer_twice_in_a_group_and_every_account_counts_its_members(
    runs: list[tuple[list[Row], int]],
) -> None:
    world = World(settings_with("same_household_id", "same_email_domain"))
    for rows, _ in runs:
        world.run(rows)
    overlaps = world.con.execute(
        "SELECT * FROM memberships AS a JOIN memberships AS b ON a.customer_id = b.customer_id "
        "AND a.group_id = b.group_id AND a.valid_from < b.valid_from "
        "WHERE a.valid_to IS NULL OR a.valid_to > b.valid_from"
    ).fetchall()
    assert overlaps == []
    members: dict[str, set[str]] = {}
    nobody = {row["customer_id"] for row in world.rows("identities", "customer_id", where="relation = 'own'")}
    for row in world.rows("memberships"):
        if (
            row["customer_id"] not in nobody
            and row["valid_from"] < AS_OF
            and (row["valid_to"] is None or row["valid_to"] >= AS_OF)
        ):
            members.setdefault(row["group_id"], set()).add(row["customer_id"])
    for account in world.rows("account_profiles", "group_id", "member_count"):
        assert account["member_count"] == len(members.get(account["group_id"], set()))
    for row in world.rows("memberships"):
        assert row["valid_to"] is None or row["valid_from"] < row["valid_to"]


@settings(max_examples=2, **_SETTINGS)
@given(rows=st.lists(events(), min_size=1, max_size=6, unique_by=lambda row: row["interaction_id"]))
def test_a_second_run_without_news_writes_nothing(rows: list[Row]) -> None:
    world = World(settings_with("same_household_id", "same_email_domain", "same_address"))
    world.run(rows)
    before = {
        name: world.rows(name, "group_id", "commit_seq") for name in ("groups", "memberships", "account_profiles")
    }
    world.run([])
    world.run(rows)
    after = {name: world.rows(name, "group_id", "commit_seq") for name in before}
    assert before == after
