import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from pipelines.decide.catalogue import Offer
from pipelines.decide.decide import decide
from pipelines.decide.rule import gates
from tests.decide.worlds import (
    AS_OF,
    activity,
    add_person,
    catalogue,
    consent,
    contact,
    decisions,
    offer,
    run,
    world,
)

DAY = timedelta(days=1)


def dropped(con: duckdb.DuckDBPyConnection, *offers: Offer, **settings: Any) -> dict[str, tuple[str, str]]:
    """The gate and reason of each offer that was dropped for the first customer."""
    decide(con, run(**settings), catalogue(*offers))
    found = json.loads(decisions(con)[0]["gates"])
    return {entry["offer_id"]: (entry["gate"], entry["reason"]) for entry in found}


def test_the_gates_are_asked_in_the_order_of_the_design() -> None:
    assert list(gates()) == [
        "eligibility",
        "applicability",
        "suitability",
        "consent",
        "contact_policy",
        "customer_value",
    ]


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"min_order_count": 2}, None),
        ({"min_order_count": 4}, "order_count is 3; at least 4 is required"),
        ({"max_order_count": 2}, "order_count is 3; at most 2 is allowed"),
        ({"order_count": [3, 5]}, None),
        ({"order_count": [4, 5]}, "order_count is 3; one of 4, 5 is required"),
        ({"not_preferred_channel": "email"}, "preferred_channel is email; email excludes from this offer"),
        ({"not_stated_channel": "email"}, None),
        ({"stated_channel": "email"}, "stated_channel is unknown; email is required"),
        ({"unknown_stated_channel": True}, None),
        ({"unknown_stated_channel": False}, "stated_channel is unknown; it must be known"),
        ({"unknown_order_count": True}, "order_count is 3; it must be unknown"),
        ({"unknown_channel_counts": True}, "channel_counts is known; it must be unknown"),
        ({"has_favourite_categories": ["TEA", "MILK"]}, None),
        ({"has_favourite_categories": "MILK"}, "favourite_categories is TEA, JAM; it must include MILK"),
        ({"min_p_alive": Decimal("0.5")}, "p_alive is 0.333; at least 0.5 is required"),
        ({"is_partner": False}, None),
        (
            {"max_first_seen_at": datetime(2017, 1, 1, tzinfo=UTC)},
            "first_seen_at is 2017-05-01 00:00; at most 2017-01-01 00:00+00:00 is allowed",
        ),
        (
            {"min_order_count": 4, "max_p_alive": Decimal("0.1")},
            "p_alive is 0.333; at most 0.1 is allowed; order_count is 3; at least 4 is required",
        ),
    ],
)
def test_eligibility_asks_the_conditions_of_the_catalogue(rules: dict[str, Any], reason: str | None) -> None:
    con = world(
        order_count=3,
        preferred_channel="email",
        favourite_categories=["TEA", "JAM"],
        channel_counts="{}",
        p_alive=1 / 3,
        is_partner=False,
        first_seen_at=datetime(2017, 5, 1, tzinfo=UTC),
    )
    expected = {} if reason is None else {"a": ("eligibility", reason)}
    assert dropped(con, offer("a", rules=rules), offer("b")) == expected


def test_applicability_asks_the_time_of_validity() -> None:
    offers = (
        offer("early", valid_from=AS_OF + DAY),
        offer("late", valid_to=AS_OF),
        offer("now", valid_from=AS_OF, valid_to=AS_OF + DAY),
    )
    assert dropped(world(), *offers) == {
        "early": ("applicability", "begins on 2018-01-03"),
        "late": ("applicability", "ended on 2018-01-02"),
    }


def test_a_repair_needs_an_open_complaint() -> None:
    expected = {"a": ("applicability", "there is no open complaint to make good")}
    assert dropped(world(), offer(kind="repair")) == expected


def test_nothing_is_sold_during_an_open_complaint_but_it_is_made_good() -> None:
    con = world()
    activity(con, "call_complained", AS_OF - 3 * DAY)
    expected = {"a": ("suitability", "complained on 2017-12-30; no selling before it is settled")}
    assert dropped(con, offer("a"), offer("b", kind="repair"), offer("c", kind="information")) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [(("complaint_opened", 3), ("complaint_resolved", 2)), (("email_complained", 31), ("page", 1))],
)
def test_a_complaint_that_is_settled_or_old_closes_no_gate(first: tuple[str, int], second: tuple[str, int]) -> None:
    con = world()
    for name, days in (first, second):
        activity(con, name, AS_OF - days * DAY)
    assert dropped(con, offer()) == {}


def test_an_offer_falls_only_with_its_last_consented_channel() -> None:
    con = world(preferred_channel="email")
    consent(con, "denied", AS_OF - DAY)
    closed = dropped(con, offer("a"), offer("b", channels=("email", "app")))
    assert closed == {"a": ("consent", "denied marketing on every channel that has content (email since 2018-01-01)")}
    candidates = json.loads(decisions(con)[0]["candidates"])
    assert [found.get("channel") for found in candidates] == [None, "app"]


@pytest.mark.parametrize(
    ("statements", "is_open"),
    [
        ([("denied", 2, {}), ("granted", 1, {})], True),
        ([("granted", 2, {}), ("denied", 1, {})], False),
        ([("granted", 1, {}), ("denied", 1, {})], False),
        ([("denied", 1, {"channel": "*"})], False),
        ([("denied", 2, {"channel": "*"}), ("granted", 1, {})], True),
        ([("granted", 2, {}), ("denied", 1, {"channel": "*"})], False),
        ([("denied", 1, {"channel": "sms"})], True),
        ([("denied", 1, {"purpose": "research"})], True),
        ([("denied", 1, {"purpose": "*"})], False),
        ([("denied", -1, {})], True),
        ([("denied", 1, {"anchor": "user_id:other"})], True),
    ],
)
def test_the_latest_statement_counts_and_the_stricter_on_a_tie(
    statements: list[tuple[str, int, dict[str, str]]], is_open: bool
) -> None:
    con = world()
    for status, days, values in statements:
        consent(con, status, AS_OF - days * DAY, **values)
    assert (dropped(con, offer()) == {}) is is_open


def test_a_service_message_is_exempt_from_a_denial_of_marketing_and_from_the_cap() -> None:
    con = world()
    consent(con, "denied", AS_OF - DAY)
    contact(con, AS_OF - DAY)
    offers = (offer("a", purpose="service"), offer("b", purpose="transactional"), offer("c"))
    assert set(dropped(con, *offers, contacts_per_week=1)) == {"c"}


def test_the_contact_cap_counts_seven_days_of_all_identifiers() -> None:
    con = world()
    add_person(con, "someone_else", "user_id:9")
    con.execute("UPDATE identities SET customer_id = 'person_0' WHERE identifier = 'user_id:9'")
    contact(con, AS_OF - 7 * DAY, 1)
    contact(con, AS_OF - DAY, 2, anchor="user_id:9")
    expected = {"a": ("contact_policy", "had 2 contacts in the last 7 days; at most 2 are allowed")}
    assert dropped(con, offer(), contacts_per_week=2) == expected


def test_contacts_that_are_old_failed_or_to_come_leave_room() -> None:
    con = world()
    contact(con, AS_OF - 7 * DAY - timedelta(microseconds=1), 1)
    contact(con, AS_OF - DAY, 2, failed_at=AS_OF - DAY)
    contact(con, AS_OF, 3)
    assert dropped(con, offer(), contacts_per_week=1) == {}


def test_a_contact_that_costs_the_customer_more_than_it_is_worth_is_dropped() -> None:
    closed = dropped(world(), offer("a", value_customer="-1"), offer("b", contact_cost_customer="0.5"), offer("c"))
    assert {name: gate for name, (gate, _) in closed.items()} == {
        "a": "customer_value",
        "b": "customer_value",
    }
    assert closed["a"][1].startswith("expected to cost the customer 0.")
