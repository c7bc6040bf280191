"""Laws 3, 4, 5 and 6 for consents: order, lateness, merges that are taken back, and the past as it was known."""

import json
from random import Random
from typing import Any

from tests.flows.cli import rapport
from tests.keep.till import row, till
from tests.laws.states import rows
from tests.laws.worlds import Record, drop, new_home, run, run_load
from warehouse.home import Home

MAIL = {"channel": "email", "amount": "", "user": ""}
A, B = "a@shop.example", "b@shop.example"
YES = row("yes", event="email_subscribed", email=A, at="2025-02-01T10:00:00Z", **MAIL)
NO = row("no", event="email_unsubscribed", email=B, at="2025-03-01T10:00:00Z", **MAIL)
AGAIN = row("again", event="email_subscribed", email=A, at="2025-05-01T10:00:00Z", **MAIL)
LATE = row("late", event="email_complained", email=A, at="2025-04-01T10:00:00Z", **MAIL)


def linked(version: int, email: str) -> Record:
    """What a call says of u1's address, in the given version; A is u1's."""
    return row("link", user="u1", email=email, event="page", at="2025-01-05T10:00:00Z", version=version)


MINE = row("mine", user="u1", email=A, event="page", at="2025-01-04T10:00:00Z")


def states(home: Home) -> dict[str, str]:
    """By address: what the view says of marketing by e-mail."""
    found = rows(
        home,
        "SELECT i.value, s.status FROM consent_states AS s JOIN current_identities AS i USING (customer_id) "
        "WHERE i.kind = 'email' AND s.purpose = 'marketing' AND s.channel = 'email'",
    )
    return dict(found)


def view(home: Home) -> list[str]:
    return sorted(map(repr, rows(home, "FROM consent_states")))


def test_after_a_merge_the_stricter_holds_until_a_newer_grant_and_without_the_link_all_is_as_before() -> None:
    with new_home() as home:
        run_load(home, till(MINE, YES, NO, linked(1, A)))
        assert states(home) == {A: "granted", B: "denied"}
        before = view(home)
        run_load(home, till(linked(2, B)))
        assert states(home) == {A: "denied", B: "denied"}
        assert told(home, "email:" + A)["anchor"] == "email:" + B
        run_load(home, till(linked(3, A)))
        assert (states(home), view(home)) == ({A: "granted", B: "denied"}, before)
        run_load(home, till(linked(4, B), AGAIN))
        assert states(home) == {A: "granted", B: "granted"}


def told(home: Home, identifier: str, *options: str) -> dict[str, Any]:
    """The state of marketing by e-mail as `rapport profile` tells it."""
    found = json.loads(rapport("--home", str(home.root), "profile", identifier, "--json", *options).out)
    (state,) = (one for one in found["consents"] if (one["purpose"], one["channel"]) == ("marketing", "email"))
    return dict(state)


def test_any_order_and_any_split_come_to_the_same_and_the_profile_tells_what_was_known_when() -> None:
    with new_home() as one, new_home() as other:
        records = [MINE, YES, NO, AGAIN, LATE, linked(1, B)]
        run_load(one, till(*records))
        for part in till(*reversed(records)).dealt(3, Random(7)):
            drop(other, part)
            run(other)
        assert view(one) == view(other)
        assert [(r[0], r[1]) for r in sorted(states(one).items())] == [(A, "granted"), (B, "granted")]
        identifier = "email:" + A
        assert told(one, identifier)["interaction_id"] == told(other, identifier)["interaction_id"]
        past = [told(one, identifier, "--as-of", day)["status"] for day in ("2025-02-02", "2025-03-02", "2025-04-02")]
        assert past == ["granted", "denied", "denied"]
        page = rapport("--home", str(one.root), "profile", identifier).out
        assert "Consent" in page
        assert "granted" in page
        access = json.loads(rapport("--home", str(one.root), "access", identifier, "--json").out)
        assert {found["status"] for found in access["inferred"]["consent_states"]} == {"granted"}
