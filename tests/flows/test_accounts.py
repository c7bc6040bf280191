"""Accounts from the command line to the rebuild and the erasure: one home of two firms and a household."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.rebuild import rebuild
from flows.refresh import refresh_home
from tests.erase.homes import erase, events, traced
from tests.flows.cli import rapport
from tests.laws.states import contents, differences, held, one, rows
from tests.laws.worlds import Load, copied, new_home, run_load
from warehouse.home import Home

AS_OF = "2026-01-01"
RULES = '[groups]\nrules = ["same_email_domain"]\n'


def order(id: str, user: str, revenue: int) -> dict[str, object]:
    said = {"order_id": id, "revenue": revenue, "products": [{"product_id": "p", "category": "tea", "price": revenue}]}
    return {"type": "track", "event": "Order Completed", "messageId": id, "userId": user, "properties": said}


def joins(id: str, user: str, group: str, **traits: str) -> dict[str, object]:
    return {"type": "group", "messageId": id, "userId": user, "groupId": group, "traits": traits}


CALLS = (
    order("o1", "user-one", 10),
    order("o2", "user-two", 20),
    joins("g1", "user-one", "acme", name="Acme Manufacturing", role="buyer"),
    joins("g2", "user-two", "acme", member_until="2026-02-01"),
    joins("g3", "user-two", "single-household-7", group_kind="household", name="Household of the Twos"),
    {"type": "identify", "messageId": "i1", "userId": "user-one", "traits": {"email": "one@corp.example"}},
)


@pytest.fixture(scope="module")
def loaded() -> Iterator[Home]:
    with new_home() as home:
        home.prepare()
        home.settings_file.write_text(RULES, encoding="utf-8")
        run_load(home, events(*CALLS))
        yield home


@pytest.fixture
def copy(loaded: Home, tmp_path: Path) -> Home:
    return copied(loaded, tmp_path)


def accounts(home: Home) -> list[tuple[object, ...]]:
    query = "SELECT group_id, member_count, order_count, monetary_total::INTEGER FROM account_profiles ORDER BY ALL"
    return rows(home, query)


def test_an_account_sums_up_its_members_and_a_member_of_two_counts_in_both(loaded: Home) -> None:
    assert accounts(loaded) == [
        ("household:single-household-7", 1, 1, 20),
        ("organisation:acme", 2, 2, 30),
        ("organisation:corp.example", 1, 1, 10),
    ]


def test_a_person_names_the_accounts_and_an_account_its_members(loaded: Home) -> None:
    home = str(loaded.root)
    person = rapport("--home", home, "profile", "user-one", "--json").object
    told = [(each["group_id"], each["name"], each["role"]) for each in person["accounts"]]
    assert told == [("organisation:acme", "Acme Manufacturing", "buyer"), ("organisation:corp.example", None, None)]
    found = rapport("--home", home, "profile", "group:acme", "--json").object
    assert (found["group_id"], found["member_count"]) == ("organisation:acme", 2)
    assert [(each["anchor"], each["role"]) for each in found["members"]] == [
        ("user_id:user-one", "buyer"),
        ("user_id:user-two", None),
    ]
    assert found["traits"]["order_count"] == 2
    shown = rapport("--home", home, "profile", "group:organisation:acme").out
    for words in ("Account organisation:acme, Acme Manufacturing, as of 2026-01-01: 2 members", "buyer", "order_count"):
        assert words in shown
    assert "Accounts" in rapport("--home", home, "profile", "user-one").out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [(["group:nobody"], 1, "no group is known by 'nobody'"), (["group:acme", "--as-of", AS_OF], 2, "leave --as-of")],
    ids=["unknown", "past"],
)
def test_an_account_that_cannot_be_told_says_why(loaded: Home, arguments: list[str], code: int, words: str) -> None:
    answer = rapport("--home", str(loaded.root), "profile", *arguments)
    assert answer.code == code
    assert words in answer.err


@pytest.mark.long
def test_parts_in_any_order_give_the_state_of_one_run(loaded: Home) -> None:
    with new_home() as apart:
        apart.prepare()
        apart.settings_file.write_text(RULES, encoding="utf-8")
        load = events(*CALLS)
        for part in (load.of(load.records[3:]), load.of(load.records[:3])):
            run_load(apart, part)
        with held(loaded) as left, held(apart) as right:
            assert differences(left, right) == {}


@pytest.mark.long
def test_a_rebuild_gives_the_same_and_rewrites_no_row(copy: Home) -> None:
    names = ("groups", "memberships", "account_profiles", "group_statements")
    before = contents(copy, names)
    assert rebuild(copy, lambda _: None).differences == {}
    assert contents(copy, names) == before


def test_passing_time_ends_a_membership(copy: Home) -> None:
    refresh_home(copy, "2026-02-02", lambda _: None)
    assert accounts(copy)[1] == ("organisation:acme", 1, 1, 10)


def test_an_erased_person_leaves_the_groups_and_a_group_of_theirs_alone_goes(copy: Home) -> None:
    report = erase(copy, "user_id:user-two", settings=RULES)
    assert report.search.traces == ()
    assert traced(copy, ["single-household-7", "Household of the Twos"]) == set()
    assert one(copy, "SELECT LIST(group_id ORDER BY group_id) FROM groups") == [
        "organisation:acme",
        "organisation:corp.example",
    ]
    assert [row[:3] for row in accounts(copy)] == [("organisation:acme", 1, 1), ("organisation:corp.example", 1, 1)]


@pytest.mark.long
def test_what_stays_after_an_erasure_is_the_world_without_the_person(copy: Home) -> None:
    erase(copy, "user_id:user-two", settings=RULES, is_scanned=False)
    with new_home() as never:
        never.prepare()
        never.settings_file.write_text(RULES, encoding="utf-8")
        load = events(*CALLS)
        kept = tuple(record for record in load.records if "user-two" not in record[1])
        run_load(never, Load(kept))
        with held(never) as left, held(copy) as right:
            assert differences(left, right) == {}


def test_a_rule_that_is_turned_on_counts_for_what_is_there_already(copy: Home) -> None:
    copy.settings_file.write_text("", encoding="utf-8")
    refresh_home(copy, AS_OF, lambda _: None)
    assert [row[0] for row in accounts(copy)] == ["household:single-household-7", "organisation:acme"]
    copy.settings_file.write_text('[groups]\nrules = ["same_mail"]\n', encoding="utf-8")
    answer = rapport("--home", str(copy.root), "refresh", "--as-of", AS_OF)
    assert answer.code == 1
    assert "known are same_address, same_email_domain, same_household_id" in answer.err


def test_the_access_report_names_groups(loaded: Home) -> None:
    told = rapport("--home", str(loaded.root), "access", "user_id:user-one", "--json").out
    assert "organisation:acme" in json.dumps(json.loads(told))
