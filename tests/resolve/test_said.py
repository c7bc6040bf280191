"""What people and models say: acts, bounds, holds, proposals."""

from dataclasses import replace

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.resolve.resolve import ResolveReport, resolve
from schemas.keys import key
from tests.resolve.rules import expected
from tests.resolve.test_resolve import worlds
from tests.resolve.worlds import (
    IDENTITY,
    Event,
    act,
    current,
    customers,
    event,
    propose,
    put,
    resolved,
    rows_of,
    run_of,
)

SHARED = [event(1, "user_id:a", "device_id:d"), event(2, "user_id:b", "device_id:d")]
A, B, D = key("user_id", "a"), key("user_id", "b"), key("device_id", "d")
PAIRS = [
    *(("device_id:1", f"user_id:{number}") for number in (1, 2)),
    ("email:a@example.com", "user_id:1"),
    ("device_id:1", "device_id:2"),
    ("user_id:1", "user_id:2"),
    ("household_id:1", "user_id:1"),
]


def again(con: duckdb.DuckDBPyConnection, commit: int) -> ResolveReport:
    """The run of a commit in which something was said."""
    return resolve(con, run_of(commit), commit - 1)


@given(world=worlds, acts=st.lists(st.tuples(st.sampled_from(["link", "unlink"]), st.sampled_from(PAIRS)), max_size=5))
@settings(max_examples=10, deadline=None)
def test_acts_hold_whenever_they_come(world: list[Event], acts: list[tuple[str, tuple[str, str]]]) -> None:
    con, _ = resolved([world[::2]])
    for commit, (what, pair) in enumerate(acts, start=2):
        act(con, commit, what, *pair)
        again(con, commit)
    put(con, world[1::2], 9)
    resolve(con, run_of(9), 8)
    latest = {pair: what for what, pair in acts}
    newest = [pair for _, pair in reversed(acts)]
    linked = [pair for pair in dict.fromkeys(newest) if latest[pair] == "link"]
    unlinked = [pair for pair, what in latest.items() if what == "unlink"]
    assert current(con) == expected(world, linked=linked, unlinked=unlinked)


@given(world=worlds, pair=st.sampled_from(PAIRS))
@settings(max_examples=8, deadline=None)
def test_a_link_that_is_taken_back_leaves_no_trace(world: list[Event], pair: tuple[str, str]) -> None:
    con, _ = resolved([world])
    act(con, 2, "unlink", *pair)
    again(con, 2)
    before = current(con)
    act(con, 3, "link", *pair)
    again(con, 3)
    act(con, 4, "unlink", *pair)
    again(con, 4)
    assert current(con) == before


@given(
    world=worlds,
    scores=st.lists(st.tuples(st.sampled_from(PAIRS), st.sampled_from([0.95, 0.9991, 0.9995])), max_size=5),
)
@settings(max_examples=8, deadline=None)
def test_a_proposal_of_enough_probability_is_a_link_of_the_newest_model(
    world: list[Event], scores: list[tuple[tuple[str, str], float]]
) -> None:
    con, _ = resolved([world])
    for version, (pair, probability) in enumerate(scores, start=1):
        propose(con, version + 1, *pair, probability + version * 1e-6, str(version))
        again(con, version + 1)
    latest = {pair: score + version * 1e-6 for version, (pair, score) in enumerate(scores, start=1)}
    accepted = [pair for pair, score in latest.items() if score >= IDENTITY.accept]
    assert current(con) == expected(world, proposed=sorted(accepted, key=lambda pair: -latest[pair]))


def test_a_link_without_bounds_gives_a_shared_device_to_one_customer() -> None:
    con, _ = resolved([SHARED])
    act(con, 2, "link", "user_id:b", "device_id:d")
    again(con, 2)
    assert rows_of(con, "device_id:d") == [(B, "explicit", None, None)]


def test_a_link_with_bounds_gives_a_shared_device_to_a_customer_for_whole_days() -> None:
    con, _ = resolved([SHARED])
    act(con, 2, "link", "user_id:b", "device_id:d", since=3, until=5)
    assert again(con, 2).customers_changed == 2
    assert rows_of(con, "device_id:d") == [(D, "own", None, 3), (B, "explicit", 3, 5), (D, "own", 5, None)]
    act(con, 3, "unlink", "user_id:b", "device_id:d")
    again(con, 3)
    assert rows_of(con, "device_id:d") == [(A, "member", None, None)], "the evidence of b is gone with its link"


def test_of_several_links_on_the_same_days_the_latest_counts() -> None:
    con, _ = resolved([SHARED])
    act(con, 2, "link", "user_id:a", "device_id:d", since=1, until=9)
    act(con, 3, "link", "user_id:b", "device_id:d", since=4)
    again(con, 3)
    assert rows_of(con, "device_id:d") == [(D, "own", None, 1), (A, "explicit", 1, 4), (B, "explicit", 4, None)]


def test_rows_that_stay_are_not_written_when_another_part_of_time_changes() -> None:
    con, _ = resolved([SHARED])
    act(con, 2, "link", "user_id:a", "device_id:d", since=1, until=9)
    again(con, 2)
    act(con, 3, "link", "user_id:b", "device_id:d", since=4, until=9)
    again(con, 3)
    written = con.execute(
        "SELECT commit_seq FROM identities WHERE identifier = 'device_id:d' AND known_to IS NULL ORDER BY valid_from"
    ).fetchall()
    assert sorted(written) == [(2,), (2,), (3,), (3,)]


def test_days_follow_their_customer_when_it_gets_another_id() -> None:
    con, _ = resolved([[event(1, "email:x@y.de", "anonymous_id:n"), event(2, "device_id:d")]])
    act(con, 2, "link", "email:x@y.de", "device_id:d", since=3)
    again(con, 2)
    put(con, [event(9, "user_id:a", "email:x@y.de")], 3)
    again(con, 3)
    assert rows_of(con, "device_id:d") == [(D, "member", None, 3), (A, "explicit", 3, None)]


def test_an_account_is_nobodys_for_some_days() -> None:
    con, _ = resolved([[event(1, "user_id:a"), event(2, "household_id:h")]])
    act(con, 2, "link", "user_id:a", "household_id:h", since=3)
    again(con, 2)
    assert [relation for _, relation, _, _ in rows_of(con, "household_id:h")] == ["member"]


def test_two_accounts_that_a_person_links_stay_two_customers() -> None:
    con, _ = resolved([[event(1, "user_id:a"), event(2, "user_id:b")]])
    act(con, 2, "link", "user_id:a", "user_id:b")
    assert again(con, 2).links_refused == 1
    assert len(customers(con)) == 2


def test_a_held_customer_keeps_its_links_with_an_account_until_it_is_released() -> None:
    world = [event(1, "user_id:a", "email:x@y.de"), event(2, "email:x@y.de", "device_id:d")]
    con, _ = resolved([world])
    act(con, 2, "hold", "device_id:d")
    again(con, 2)
    assert customers(con) == {frozenset({"user_id:a", "email:x@y.de"}), frozenset({"device_id:d"})}
    act(con, 3, "release", "device_id:d")
    again(con, 3)
    assert len(customers(con)) == 1


def test_a_release_lets_a_crowded_identifier_and_a_large_component_link() -> None:
    world = [event(number, "email:x@y.de", f"phone:+4930{number}") for number in range(4)]
    strict = replace(IDENTITY, degree_limit=3, size_limit=3)
    con, reports = resolved([world], strict)
    assert (len(customers(con)), reports[0].identifiers_crowded) == (5, 1)
    act(con, 2, "release", "email:x@y.de")
    resolve(con, run_of(2, strict), 1)
    assert len(customers(con)) == 1


def test_an_identifier_comes_over_its_limit_and_back_by_what_is_said() -> None:
    strict = replace(IDENTITY, degree_limit=2)
    con, _ = resolved([[event(number, "email:x@y.de", f"device_id:d{number}") for number in range(2)]], strict)
    assert len(customers(con)) == 1
    put(con, [event(9, "email:x@y.de", "device_id:d2")], 2)
    resolve(con, run_of(2, strict), 1)
    assert len(customers(con)) == 4
    act(con, 3, "unlink", "email:x@y.de", "device_id:d0")
    resolve(con, run_of(3, strict), 2)
    assert customers(con) == {frozenset({"email:x@y.de", "device_id:d1", "device_id:d2"}), frozenset({"device_id:d0"})}


@pytest.mark.parametrize("identifier", ["device_id:unseen", "user_id:unseen"])
def test_what_is_said_of_an_identifier_that_nobody_has_seen_waits_for_it(identifier: str) -> None:
    con, _ = resolved([[event(1, "email:x@y.de")]])
    act(con, 2, "link", "email:x@y.de", identifier)
    assert again(con, 2).customers_changed == 0
    put(con, [event(2, identifier)], 3)
    again(con, 3)
    assert len(customers(con)) == 1
