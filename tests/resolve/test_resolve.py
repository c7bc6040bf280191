"""Who is one customer: scenarios, and the laws of order, batching and late data."""

from dataclasses import replace
from itertools import pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.resolve.resolve import ResolveReport, resolve
from schemas.keys import key
from tests.resolve.rules import expected
from tests.resolve.worlds import (
    IDENTITY,
    Event,
    current,
    customers,
    event,
    put,
    resolved,
    rows_of,
    run_of,
)
from warehouse.views import VIEWS

IDENTIFIERS = (
    *(f"user_id:{number}" for number in (1, 2, 3)),
    *(f"household_id:{number}" for number in (1, 2)),
    *(f"device_id:{number}" for number in (1, 2, 3)),
    *(f"anonymous_id:{number}" for number in (1, 2, 3)),
    "email:a@example.com",
    "other:1",
    "email:null",
)
# Few identifiers, most of them accounts: nearly every world has links that are refused.
CONTESTED = (
    *(f"{kind}:{number}" for kind in ("user_id", "household_id") for number in (1, 2, 3)),
    "device_id:1",
)


def worlds_of(identifiers: tuple[str, ...], least: int, most: int, size: int) -> st.SearchStrategy[list[Event]]:
    events = st.builds(
        lambda minute, carried, name: event(minute, *carried, name=name),
        st.integers(0, 6),
        st.lists(st.sampled_from(identifiers), min_size=least, max_size=most, unique=True),
        st.sampled_from(["page", "alias"]),
    )
    return st.lists(events, min_size=size, max_size=12, unique_by=lambda found: found.id)


worlds = st.one_of(worlds_of(IDENTIFIERS, 1, 3, 1), worlds_of(CONTESTED, 2, 2, 6))
split_worlds = worlds.flatmap(
    lambda world: st.tuples(
        st.permutations(world),
        st.one_of(
            st.lists(st.integers(0, len(world)), max_size=3).map(sorted),
            st.just(list(range(1, len(world)))),
        ),
    )
)


def batches_of(world: list[Event], cuts: list[int]) -> list[list[Event]]:
    bounds = [0, *cuts, len(world)]
    return [world[start:end] for start, end in pairwise(bounds)]


@given(split=split_worlds)
@settings(max_examples=25, deadline=None)
def test_any_order_and_any_batches_give_the_identities_of_the_plain_rules(
    split: tuple[list[Event], list[int]],
) -> None:
    world, cuts = split
    con, _ = resolved(batches_of(world, cuts))
    assert current(con) == expected(world)


@given(world=worlds)
@settings(max_examples=15, deadline=None)
def test_no_customer_ever_holds_two_accounts_of_one_kind(world: list[Event]) -> None:
    con, _ = resolved([[found] for found in world])
    crowded = con.execute(
        """
        SELECT 1
        FROM identities
        WHERE known_to IS NULL
            AND kind IN ('user_id', 'household_id')
        GROUP BY customer_id, kind
        HAVING COUNT(DISTINCT value) > 1
        """
    ).fetchall()
    assert crowded == []


@given(split=split_worlds)
@settings(max_examples=15, deadline=None)
def test_history_has_no_gap_and_no_overlap(split: tuple[list[Event], list[int]]) -> None:
    world, cuts = split
    con, _ = resolved(batches_of(world, cuts))
    broken = con.execute(
        """
        SELECT
            known_to AS closed_at,
            LEAD(known_from) OVER versions AS opened_at,
            LEAD(customer_id) OVER versions = customer_id AS is_unchanged
        FROM identities
        WINDOW versions AS (PARTITION BY identifier ORDER BY known_from)
        QUALIFY closed_at IS DISTINCT FROM opened_at OR is_unchanged
        """
    ).fetchall()
    assert broken == []


def test_a_login_takes_the_anonymous_visits_before_it_along() -> None:
    before = [event(1, "anonymous_id:a")]
    con, reports = resolved([before, [event(2, "anonymous_id:a", "user_id:u")]])
    assert customers(con) == {frozenset({"anonymous_id:a", "user_id:u"})}
    assert current(con)["anonymous_id:a"][0] == key("user_id", "u")
    assert reports[1] == ResolveReport(
        links_added=1, identifiers_seen=2, customers=1, customers_changed=2, links_refused=0
    )


def test_a_second_device_joins_its_customer() -> None:
    con, _ = resolved([[event(1, "user_id:u", "device_id:1")], [event(2, "user_id:u", "device_id:2")]])
    assert customers(con) == {frozenset({"user_id:u", "device_id:1", "device_id:2"})}


def test_two_logins_in_turn_on_one_device_stay_two_customers() -> None:
    con, reports = resolved(
        [
            [event(1, "user_id:first", "device_id:d"), event(2, "user_id:second", "device_id:d")],
            [event(3, "user_id:first", "device_id:d")],
        ]
    )
    assert customers(con) == {frozenset({name}) for name in ("user_id:first", "user_id:second", "device_id:d")}
    assert rows_of(con, "device_id:d") == [(key("device_id", "d"), "own", None, None)]
    assert [(report.links_refused, report.identifiers_shared) for report in reports] == [(2, 1), (0, 0)]


def test_a_login_that_comes_late_takes_a_shared_device_from_its_first_customer() -> None:
    late = event(0, "user_id:second", "device_id:d")
    con, _ = resolved([[event(1, "user_id:first", "device_id:d")], [late]])
    assert customers(con) == {frozenset({name}) for name in ("user_id:first", "user_id:second", "device_id:d")}


def test_events_on_a_shared_device_with_an_account_are_the_accounts() -> None:
    con, _ = resolved([[event(1, "user_id:a", "device_id:d"), event(2, "user_id:b", "device_id:d")]])
    put(con, [event(3, "device_id:d")], 2)
    owners = con.execute(
        f"SELECT customer_id FROM ({VIEWS['customer_interactions'][1]}) ORDER BY occurred_at"
    ).fetchall()
    assert owners == [(key("user_id", "a"),), (key("user_id", "b"),), (key("device_id", "d"),)]


def test_what_hangs_on_a_shared_device_alone_goes_to_nobody() -> None:
    world = [event(1, "user_id:a", "device_id:d"), event(2, "user_id:b", "device_id:d")]
    con, _ = resolved([[*world, event(3, "device_id:d", "anonymous_id:x"), event(4, "user_id:a", "anonymous_id:y")]])
    assert customers(con) == {
        frozenset({"user_id:a", "anonymous_id:y"}),
        *(frozenset({name}) for name in ("user_id:b", "device_id:d", "anonymous_id:x")),
    }


def test_one_e_mail_in_two_accounts_is_nobodys() -> None:
    con, _ = resolved([[event(1, "user_id:a", "email:x@y.de")], [event(2, "user_id:b", "email:x@y.de")]])
    assert len(customers(con)) == 3
    assert rows_of(con, "email:x@y.de") == [(key("email", "x@y.de"), "own", None, None)]


def test_a_second_account_after_a_merge_takes_apart_what_only_the_shared_device_tied() -> None:
    before = [event(1, "email:x@y.de", "anonymous_id:a"), event(2, "user_id:u", "anonymous_id:a")]
    con, _ = resolved([before])
    assert customers(con) == {frozenset({"user_id:u", "email:x@y.de", "anonymous_id:a"})}
    con, _ = resolved([before, [event(3, "user_id:v", "anonymous_id:a")]])
    assert customers(con) == {
        frozenset({name}) for name in ("user_id:u", "user_id:v", "email:x@y.de", "anonymous_id:a")
    }


@pytest.mark.parametrize(("days", "held"), [(0, 5), (7, 6)], ids=["one week", "two weeks"])
def test_anonymous_ids_have_a_limit_per_calendar_week(days: int, held: int) -> None:
    moments = [*range(5), 5 + days * 24 * 60]
    con, _ = resolved([[event(at, "user_id:u", f"anonymous_id:a{number}") for number, at in enumerate(moments)]])
    assert sorted(len(customer) for customer in customers(con)) == ([1, 6] if held == 5 else [7])


def test_an_identifier_with_too_many_links_is_held_and_merges_nobody() -> None:
    world = [event(number, "email:office@y.de", f"device_id:d{number}") for number in range(2_500)]
    con, reports = resolved([world[:1_900], world[1_900:], [event(3_000, "email:office@y.de", "device_id:late")]])
    assert all(len(customer) == 1 for customer in customers(con))
    assert rows_of(con, "email:office@y.de")[0][1] == "own"
    assert [report.identifiers_crowded for report in reports] == [0, 1, 1]
    assert reports[2].customers_changed == 1, "nothing behind it was looked at again"


def test_of_a_component_that_is_too_large_only_links_with_an_account_stand() -> None:
    world = [
        event(1, "user_id:u", "device_id:d"),
        *(event(2 + number, "device_id:d", f"anonymous_id:a{number}") for number in range(3)),
    ]
    con, reports = resolved([world], replace(IDENTITY, size_limit=4))
    assert frozenset({"user_id:u", "device_id:d"}) in customers(con)
    assert (len(customers(con)), reports[0].components_held) == (4, 1)


FOUR = [
    event(1, "user_id:u", "device_id:d"),
    event(2, "user_id:v", "device_id:d"),
    event(3, "user_id:v", "email:x@y.de", "device_id:e"),
    event(4, "user_id:u", "email:x@y.de"),
]


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=lambda order: "".join(map(str, order)))
def test_the_orders_of_a_conflict_of_four_events_give_the_same_customers(order: tuple[int, ...]) -> None:
    con, _ = resolved([[FOUR[number]] for number in order])
    assert current(con) == expected(FOUR)
    assert customers(con) == {
        frozenset({"user_id:v", "device_id:e"}),
        *(frozenset({name}) for name in ("user_id:u", "device_id:d", "email:x@y.de")),
    }


@pytest.mark.parametrize(
    ("one", "other", "plain"), [("user_id", "household_id", "device_id"), ("household_id", "user_id", "zone")]
)
def test_a_late_link_re_decides_what_only_refused_links_tie_to_it(one: str, other: str, plain: str) -> None:
    world = [
        event(2, f"{one}:1", f"{other}:1"),
        event(3, f"{other}:1", f"{plain}:x"),
        event(4, f"{one}:2", f"{plain}:x"),
        event(5, f"{one}:2", f"{other}:3"),
        event(6, f"{one}:6", f"{other}:3"),
    ]
    late = event(1, f"{one}:1", f"{other}:2")
    con, _ = resolved([world, [late]])
    assert current(con) == expected([*world, late])
    assert customers(con) != customers(resolved([world])[0])


def test_an_event_that_links_late_merges_two_customers_and_keeps_their_history() -> None:
    con, _ = resolved(
        [
            [event(1, "email:a@example.com"), event(2, "device_id:d")],
            [event(0, "email:a@example.com", "device_id:d")],
        ]
    )
    history = con.execute(
        "SELECT customer_id, known_from, known_to, commit_seq FROM identities "
        "WHERE identifier = 'device_id:d' ORDER BY known_from"
    ).fetchall()
    learnt, changed = run_of(1).started_at, run_of(2).started_at
    assert history == [
        (key("device_id", "d"), learnt, changed, 2),
        (key("email", "a@example.com"), changed, None, 2),
    ]


def test_an_earlier_sight_corrects_the_row_in_place() -> None:
    con, reports = resolved([[event(5, "device_id:d")], [event(1, "device_id:d")]])
    rows = con.execute("SELECT first_seen_at, known_from, known_to, commit_seq FROM identities").fetchall()
    assert rows == [(event(1).occurred_at, run_of(1).started_at, None, 2)]
    assert reports[1].customers_changed == 1


def test_an_earlier_sight_may_change_the_anchor() -> None:
    linked = event(5, "device_id:a", "device_id:b")
    con, _ = resolved([[linked], [event(1, "device_id:b")]])
    assert {customer_id for customer_id, _ in current(con).values()} == {key("device_id", "b")}


@pytest.mark.parametrize(
    "links",
    [
        [("1", "2"), ("2", "3"), ("3", "4"), ("4", "5")],
        [("2", "1"), ("3", "1"), ("4", "1"), ("5", "1")],
        [("1", "2"), ("1", "3"), ("1", "4"), ("1", "5")],
        [("1", "2"), ("1", "3"), ("2", "4"), ("3", "4"), ("4", "5")],
    ],
    ids=["chain", "fan-in", "fan-out", "diamond"],
)
def test_every_shape_of_links_is_one_customer(links: list[tuple[str, str]]) -> None:
    world = [event(minute, f"device_id:{left}", f"anonymous_id:{right}") for minute, (left, right) in enumerate(links)]
    ties = [event(9, f"device_id:{number}", f"anonymous_id:{number}") for number in range(1, 6)]
    con, _ = resolved([[found] for found in [*world, *ties]])
    assert len(customers(con)) == 1


def test_an_event_with_several_identifiers_makes_a_star_on_its_anchor() -> None:
    con, _ = resolved([[event(1, "device_id:d", "user_id:u", "email:a@example.com")]])
    links = con.execute(
        "SELECT left_identifier, right_identifier, rule, confidence FROM identity_links ORDER BY ALL"
    ).fetchall()
    assert links == [
        ("device_id:d", "user_id:u", "same_event", 1.0),
        ("email:a@example.com", "user_id:u", "same_event", 1.0),
    ]


def test_an_alias_call_links_under_its_own_rule() -> None:
    con, _ = resolved([[event(1, "anonymous_id:a", "user_id:u", name="alias")]])
    assert con.execute("SELECT rule FROM identity_links").fetchall() == [("alias",)]


def test_a_link_names_its_event_and_its_key() -> None:
    found = event(1, "anonymous_id:a", "user_id:u")
    con, _ = resolved([[found]])
    row = con.execute("SELECT link_id, occurred_at, interaction_id, commit_seq FROM identity_links").fetchall()
    link_id = key("anonymous_id:a", "user_id:u", "same_event", found.id)
    assert row == [(link_id, found.occurred_at, found.id, 1)]


def test_only_earlier_evidence_for_a_known_pair_is_added() -> None:
    pair = ("anonymous_id:a", "user_id:u")
    _, reports = resolved([[event(5, *pair)], [event(6, *pair)], [event(4, *pair)]])
    assert [report.links_added for report in reports] == [1, 0, 1]


def test_a_blocked_value_links_nobody() -> None:
    world = [event(1, "user_id:u", "device_id:0-0"), event(2, "user_id:v", "device_id:0-0", "email:null")]
    con, _ = resolved([world])
    assert customers(con) == {frozenset({"user_id:u"}), frozenset({"user_id:v"})}


def test_without_account_kinds_accounts_merge() -> None:
    identity = replace(IDENTITY, account_kinds=())
    con, _ = resolved([[event(1, "user_id:u", "device_id:d"), event(2, "user_id:v", "device_id:d")]], identity)
    assert len(customers(con)) == 1


def test_other_settings_decide_everybody_anew() -> None:
    con, _ = resolved([[event(1, "user_id:u", "device_id:d"), event(2, "user_id:v", "device_id:d")]])
    resolve(con, run_of(2, replace(IDENTITY, account_kinds=())), None)
    assert len(customers(con)) == 1
    resolve(con, run_of(3, replace(IDENTITY, blocked_values=("d",))), None)
    assert customers(con) == {frozenset({"user_id:u"}), frozenset({"user_id:v"})}


def test_a_second_reading_of_the_same_commits_writes_nothing() -> None:
    con, _ = resolved([[event(1, "user_id:u", "device_id:d"), event(2, "user_id:v", "device_id:d")]])
    before = con.execute("FROM identities ORDER BY ALL").fetchall()
    report = resolve(con, run_of(2), None)
    assert con.execute("FROM identities ORDER BY ALL").fetchall() == before
    assert (report.links_added, report.customers_changed) == (0, 0)
    assert report.identifiers_seen == 3


def test_an_increment_rewrites_only_what_it_touches() -> None:
    con, _ = resolved(
        [
            [event(1, "user_id:u", "device_id:d"), event(2, "user_id:v")],
            [event(3, "user_id:v", "device_id:e")],
        ]
    )
    rows = con.execute("SELECT identifier, commit_seq FROM identities ORDER BY identifier").fetchall()
    assert rows == [("device_id:d", 1), ("device_id:e", 2), ("user_id:u", 1), ("user_id:v", 1)]


def test_no_temporary_table_stays_behind() -> None:
    con, _ = resolved([[event(1, "user_id:u", "device_id:d")]])
    assert con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall() == []


def test_an_empty_increment_reports_zeros() -> None:
    con, _ = resolved([])
    put(con, [], 1)
    assert resolve(con, run_of(1), None) == ResolveReport()
