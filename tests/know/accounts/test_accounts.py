"""Accounts: who belongs to what, when and in which role, and what is known of a group."""

import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from pipelines.know.accounts.rules import chosen_rules, rules
from tests.keep.rows import Row
from tests.know.accounts.worlds import AS_OF, BEGIN, World, buys, day, joins, said, settings_with
from warehouse.errors import RapportError
from warehouse.group_settings import FREE_MAIL_DOMAINS, GroupSettings

FIFTH = datetime(2025, 1, 5, tzinfo=BEGIN.tzinfo)
U1, U2, MAIL = "user_id:u1", "user_id:u2", "email:a@corp.example"
Span = tuple[datetime, datetime | None, str | None]


def midnight(number: int) -> datetime:
    return BEGIN + timedelta(days=number)


def member(number: int, at: float, **traits: str) -> Row:
    return joins(f"e{number}", day(at), "g", U1, **traits)


@pytest.fixture(scope="module")
def cases() -> World:
    """A world in which each case has a person of its own, in a group of its own."""
    rows = []
    for place, (events, _) in enumerate(CASES.values()):
        for row in events:
            told = json.dumps({**json.loads(row["properties"]), "groupId": f"g{place}"})
            user, id = f"user_id:{place}a", f"{place} {row['event_id']}"
            rows.append(said(id, row["occurred_at"], user, name="group", properties=told))
    return World().run(rows)


CASES = {
    "repetition is one span": ([member(1, 1), member(2, 3), member(3, 5)], [(day(1), None, None)]),
    "a role holds until another is stated": (
        [member(1, 1, role="a"), member(2, 2), member(3, 3, role="b")],
        [(day(1), day(3), "a"), (day(3), None, "b")],
    ),
    "who has left and returns has no role": (
        [member(1, 1, role="a"), member(2, 2, is_member="no"), member(3, 3)],
        [(day(1), day(2), "a"), (day(3), None, None)],
    ),
    "what is stated later holds from the time that it names": (
        [member(1, 1, role="a"), member(2, 9, role="b", member_from="2025-01-05")],
        [(day(1), FIFTH, "a"), (FIFTH, None, "b")],
    ),
    "an end that was announced": (
        [member(1, 1, member_until="2025-02-01")],
        [(day(1), datetime(2025, 2, 1, tzinfo=BEGIN.tzinfo), None)],
    ),
    "an end before the beginning is no membership": ([member(1, 5, member_until="2025-01-02")], []),
    "to leave what nobody joined is no membership": ([member(1, 1, is_member="no")], []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_spans_follow_from_what_is_stated(name: str, cases: World) -> None:
    group = f"organisation:g{list(CASES).index(name)}"
    found = cases.rows("memberships", "valid_from", "valid_to", "role", where=f"group_id = '{group}'")
    assert [(row["valid_from"], row["valid_to"], row["role"]) for row in found] == CASES[name][1]


def test_a_merge_counts_a_person_once_and_taken_back_gives_what_was_before() -> None:
    world = World()
    world.run([joins("g1", day(1), "g", U1, role="a"), joins("g2", day(2), "g", MAIL), buys("o1", day(3), 5, U1)])
    world.run([buys("o2", day(3), 7, MAIL), said("page", day(4), U2, MAIL)])
    before = world.state()
    assert world.rows("account_profiles", "member_count", "order_count") == [{"member_count": 2, "order_count": 2}]
    world.run([said("page", day(4), U1, MAIL)])
    assert world.rows("account_profiles", "member_count", "monetary_total") == [
        {"member_count": 1, "monetary_total": Decimal(12)}
    ]
    assert len(world.rows("memberships")) == 1
    world.run([said("page", day(4), U2, MAIL)])
    assert world.state() == before


def test_only_groups_that_news_touch_are_written() -> None:
    world = World()
    world.run([joins("g1", day(1), "g", U1), joins("g2", day(1), "h", U2), buys("o1", day(2), 5, U1)])
    world.run([buys("o2", day(3), 5, U2)])
    for table, touched in (("account_profiles", 2), ("groups", 1), ("memberships", 1)):
        found = world.rows(table, "group_id", "commit_seq")
        assert [(row["group_id"], row["commit_seq"]) for row in found] == [
            ("organisation:g", 1),
            ("organisation:h", touched),
        ]


def test_what_a_group_is_like_is_the_latest_of_each_trait_and_goes_with_its_last_statement() -> None:
    world = World()
    world.run([joins("g1", day(1), "g", U1, name="Old", size="5"), joins("g2", day(2), "g", U2, name="New")])
    (group,) = world.rows("groups")
    assert (group["kind"], group["name"], group["first_seen_at"]) == ("organisation", "New", day(1))
    assert json.loads(group["traits"]) == {"name": "New", "size": "5"}
    world.run(
        [joins("g1", day(1), "other", U1), said("g2", day(2), U2, name="group", properties='{"groupId": "other"}')]
    )
    assert [row["group_id"] for row in world.rows("groups")] == ["organisation:other"]
    world.run([said("g3", day(3), name="group", properties='{"groupId": "null"}')])
    assert [row["group_id"] for row in world.rows("groups")] == ["organisation:other"]


def test_time_ends_a_membership_without_any_event() -> None:
    world = World()
    world.run([joins("g1", day(1), "g", U1, member_until="2025-03-02"), joins("g2", day(1), "g", U2)], AS_OF)
    world.run([], datetime(2025, 3, 2, tzinfo=AS_OF.tzinfo))
    assert world.rows("account_profiles", "member_count") == [{"member_count": 2}]
    world.run([], datetime(2025, 3, 3, tzinfo=AS_OF.tzinfo))
    assert world.rows("account_profiles", "member_count") == [{"member_count": 1}]


def test_rules_make_a_household_of_two_customers_and_an_organisation_of_a_domain() -> None:
    world = World(settings_with(*rules()))
    world.run(
        [
            said("h1", day(1), U1, "household_id:7"),
            said("h2", day(2), U2, "household_id:7"),
            said("m1", day(3), U1, MAIL),
            said("m2", day(3), U2, f"email:b@{FREE_MAIL_DOMAINS[0]}"),
        ]
    )
    found = world.rows("memberships", "group_id", "rule", where="identifier NOT LIKE 'household_id:%'")
    assert {(row["group_id"], row["rule"]) for row in found} == {
        ("household:7", "same_household_id"),
        ("organisation:corp.example", "same_email_domain"),
    }
    household = world.rows("account_profiles", "member_count", where="group_id = 'household:7'")
    assert household == [{"member_count": 2}]


def test_a_shared_household_id_is_no_member_but_what_is_done_under_it_counts() -> None:
    world = World(settings_with("same_household_id"))
    world.run([said("h1", day(1), U1, "household_id:7"), said("h2", day(2), U2, "household_id:7")])
    world.run([buys("o1", day(3), 5, "household_id:7")])
    counted = world.rows("account_profiles", "member_count", "order_count", where="group_id = 'household:7'")
    assert counted == [{"member_count": 2, "order_count": 1}]
    assert world.state() == world.again().state()


def test_a_shared_device_joins_for_whom_it_was_given_to_on_that_day() -> None:
    world = World()
    device = "anonymous_id:x"
    world.run([said("a", day(1), U1, device), said("b", day(2), U2, device), joins("g1", day(5), "g", device)])
    assert world.rows("memberships", "identifier") == [{"identifier": device}]
    assert world.rows("account_profiles", "member_count") == [{"member_count": 0}]
    world.con.execute(
        "INSERT INTO identity_acts BY NAME SELECT 'a' AS act_id, 'link' AS act, $device AS left_identifier, "
        "$user AS right_identifier, $first AS valid_from, $last AS valid_to, $last AS acted_at, 2 AS commit_seq",
        {"device": device, "user": U1, "first": midnight(5), "last": midnight(6)},
    )
    world.run([])
    assert world.rows("account_profiles", "member_count") == [{"member_count": 1}]
    (owner,) = world.rows("identities", "customer_id", where=f"identifier = '{U1}' AND known_to IS NULL")
    assert world.rows("memberships", "customer_id") == [owner]


def test_an_address_is_a_household_until_another_is_stated() -> None:
    world = World(settings_with("same_address"))
    addresses = ({"street": "Ring 5", "city": "Graz"}, "RING 5, Graz", {"city": "Graz"}, "Graz 8010")
    for number, (user, address) in enumerate(zip((U1, U2, U1, U2), addresses, strict=True)):
        told = json.dumps({"traits": {"address": address}})
        world.run([said(f"i{number}", day(number), user, name="identify", properties=told)])
    assert world.rows("account_profiles", "member_count") == [{"member_count": 2}]
    moved = json.dumps({"traits": {"address": "Hauptplatz 1, Linz"}})
    world.run([said("i9", day(9), U1, name="identify", properties=moved)])
    found = world.rows("memberships", "valid_to", where="identifier = 'user_id:u1'")
    assert [row["valid_to"] for row in found] == [day(9), None]
    assert not [row for row in world.rows("groups") if "ring" in str(row).lower()]


def test_what_is_stated_counts_before_what_a_rule_finds() -> None:
    world = World(settings_with("same_email_domain"))
    world.run([said("m", day(1), U1, MAIL), joins("g", day(2), "corp.example", U1, is_member="no")])
    assert world.rows("memberships") == []


def test_a_rule_that_nobody_wrote_is_an_error_that_names_the_others() -> None:
    with pytest.raises(RapportError, match="'same_dog' is unknown; known are same_address, same_email_domain"):
        chosen_rules(GroupSettings(rules=("same_dog",)))


def test_without_groups_nothing_is_written() -> None:
    world = World()
    world.run([buys("o1", day(1), 5, U1)])
    assert [world.rows(name) for name in ("group_statements", "groups", "memberships", "account_profiles")] == [[]] * 4
