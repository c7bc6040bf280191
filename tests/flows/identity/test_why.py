from datetime import timedelta
from typing import Any

import duckdb
import pytest

from flows.identity.show import show
from flows.identity.why import Why, why
from tests.flows.identity.lakes import AT, SETTINGS, act, belong, lake, propose, tie
from warehouse.errors import RapportError, UsageError
from warehouse.identity_settings import IdentitySettings

U, V, A, B, E = "user_id:u", "user_id:v", "anonymous_id:a", "anonymous_id:b", "email:e@shop.example"


def asked(con: duckdb.DuckDBPyConnection, one: str, other: str) -> Why:
    return why(con, SETTINGS, one, other)


def walked(found: Why) -> list[str]:
    return [found.chain[0].from_identifier, *(step.to_identifier for step in found.chain)]


def kinds(found: Why) -> list[str]:
    return [obstacle.kind for obstacle in found.obstacles]


def test_the_shortest_chain_comes_with_the_earliest_event_of_each_rule() -> None:
    con = lake(one=[U, A, B, E])
    tie(con, U, A, days=5)
    tie(con, U, A, days=2)
    tie(con, U, A, days=3, rule="alias")
    tie(con, A, B, days=1)
    tie(con, B, E, days=1)
    tie(con, U, E, days=9)
    found = asked(con, "u", "email: E@shop.example")
    assert (found.customer_id, found.obstacles, walked(found)) == ("one", [], [U, E])
    found = asked(con, U, B)
    assert walked(found) == [U, A, B]
    rows = [(row["rule"], (row["occurred_at"] - AT).days) for row in found.chain[0].evidence]
    assert rows == [("same_event", 2), ("alias", 3)]
    assert found.chain[0].evidence[0].items() >= {"source": "shop", "event_name": "identify", "channel": "web"}.items()


def test_acts_and_accepted_proposals_are_links_of_a_chain_too() -> None:
    con = lake(one=[U, A, B, E])
    act(con, "link", U, A)
    propose(con, A, B, 0.9995)
    found = asked(con, U, B)
    assert walked(found) == [U, A, B]
    (by_act,), (by_model,) = (step.evidence for step in found.chain)
    assert by_act.items() >= {"basis": "act", "act": "link", "acted_by": "ann", "reason": "a reason"}.items()
    assert by_model["waterfall"] == [{"comparison": "name", "level": "exact", "match_weight": 9.0}]


def test_an_unlinked_pair_is_no_link_of_a_chain() -> None:
    con = lake(one=[U, A, B])
    for one, other in ((U, B), (U, A), (A, B)):
        tie(con, one, other)
    act(con, "unlink", U, B)
    assert walked(asked(con, U, B)) == [U, A, B]


def test_nothing_ties_strangers() -> None:
    found = asked(lake(one=[U], other=[V]), U, V)
    assert (found.customer_id, found.chain, kinds(found)) == (None, [], ["nothing"])


@pytest.mark.parametrize(("name", "other"), [("null", U), (U, "email:Test@shop.example"), ("000", "nobody")])
def test_a_blocked_value_ties_nothing(name: str, other: str) -> None:
    found = asked(lake(one=[U]), name, other)
    assert (found.chain, kinds(found)) == ([], ["blocked"])


def test_an_unlink_says_who_when_and_why() -> None:
    con = lake(one=[U], other=[A])
    tie(con, U, A)
    act(con, "unlink", U, A)
    found = asked(con, U, A)
    assert (kinds(found), walked(found)) == (["unlinked"], [U, A])
    assert found.obstacles[0].sentence == (f"{A} and {U} were unlinked at 2024-03-01 00:00 by ann: a reason")


def test_two_accounts_are_the_conflict_behind_a_refused_link() -> None:
    con = lake(one=[U, E], other=[V, A])
    tie(con, U, E)
    tie(con, E, A)
    tie(con, A, V)
    found = asked(con, U, V)
    assert walked(found) == [U, E, A, V]
    assert [(obstacle.left, obstacle.right) for obstacle in found.obstacles] == [(A, E)]
    assert f"it would hold {U}, {V} (user_id: at most 1)" in found.obstacles[0].sentence


def test_a_limit_within_a_period_counts_what_was_first_seen_in_it() -> None:
    con = lake()
    for number in range(7):
        customer = "one" if number < 4 else "other"
        belong(con, customer, f"anonymous_id:x{number}", first_seen_at=AT + timedelta(days=number % 2))
    tie(con, "anonymous_id:x0", "anonymous_id:x6")
    (obstacle,) = asked(con, "anonymous_id:x0", "anonymous_id:x6").obstacles
    assert obstacle.kind == "limit"
    assert "and 2 more (anonymous_id: at most 5 first seen in 2024-W09)" in obstacle.sentence
    wide = IdentitySettings(limits={"anonymous_id": 7})
    assert [each.kind for each in why(con, wide, "anonymous_id:x0", "anonymous_id:x6").obstacles] == ["refused"]


def test_a_shared_identifier_has_a_customer_of_its_own_and_claims() -> None:
    con = lake(one=[U], other=[V])
    belong(con, "tablet", A, relation="own")
    tie(con, U, A)
    tie(con, V, A)
    found = asked(con, U, V)
    assert kinds(found) == ["shared", "shared"]
    (person,) = show(con, SETTINGS, A)
    assert (person.customer_id, person.claims) == ("tablet", ["one", "other"])


def test_an_identifier_given_for_some_days_is_tied_by_the_act_alone() -> None:
    con = lake(one=[U, E], other=[V])
    belong(con, "tablet", A, relation="own", valid_to=AT)
    belong(con, "one", A, relation="explicit", valid_from=AT)
    tie(con, E, U)
    tie(con, E, A)
    act(con, "link", U, A)
    assert walked(asked(con, A, E)) == [A, U, E]
    assert [person.customer_id for person in show(con, SETTINGS, A)] == ["one", "tablet"]


def test_days_of_their_own_do_not_make_one_customer_of_two() -> None:
    con = lake(one=[U], other=[V])
    for customer, days in (("one", {"valid_to": AT}), ("other", {"valid_from": AT})):
        belong(con, customer, A, relation="explicit", **days)
    act(con, "link", U, A)
    act(con, "link", V, A, days=1)
    found = asked(con, U, V)
    assert (found.customer_id, kinds(found)) == (None, ["shared"])
    assert "each on days of their own: one, other" in found.obstacles[0].sentence


def test_a_proposal_below_accept_waits() -> None:
    con = lake(one=[U], other=[A])
    propose(con, U, A, 0.95)
    (obstacle,) = asked(con, U, A).obstacles
    assert obstacle.kind == "waiting"
    assert "probability 0.9500; from 0.999 on" in obstacle.sentence


def test_a_hold_is_what_keeps_apart_where_nothing_else_does() -> None:
    con = lake(one=[U], other=[A])
    tie(con, U, A)
    act(con, "hold", U)
    (obstacle,) = asked(con, U, A).obstacles
    assert (obstacle.kind, "one is held" in obstacle.sentence) == ("held", True)


@pytest.mark.parametrize(
    ("one", "other", "problem", "words"),
    [
        ("nobody", U, RapportError, "nobody is known by 'nobody'; give KIND:VALUE"),
        ("7", U, RapportError, "'7' is 2 identifiers; name one of loyalty_id:7, user_id:7"),
        (U, "u", UsageError, "are the same identifier user_id:u; name two"),
    ],
)
def test_a_name_that_is_not_one_identifier_is_an_error(
    one: str, other: str, problem: type[RapportError], words: str
) -> None:
    con = lake(one=[U, "loyalty_id:7"], other=["user_id:7"])
    with pytest.raises(problem, match=words):
        asked(con, one, other)


def test_earlier_ids_are_those_that_nobody_has_now() -> None:
    con = lake(new=[U, A], other=[V])
    gone: dict[str, Any] = {"known_from": AT - timedelta(days=9), "known_to": AT}
    for customer, identifier in (("old", A), ("other", A), ("stranger", V)):
        belong(con, customer, identifier, **gone)
    tie(con, U, A)
    (person,) = show(con, SETTINGS, "u")
    assert [row["customer_id"] for row in person.earlier_ids] == ["old"]
    assert [row["identifier"] for row in person.identifiers] == [A, U]
    assert person.health.bridges == [(A, U)]
