"""Consents in decisions: what closes a channel, what the row notes, and that replay finds the channel again."""

import json
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from pipelines.decide.decide import decide
from pipelines.decide.replay import recompute
from tests.decide.worlds import AS_OF, add_person, catalogue, consent, decisions, offer, run, world
from warehouse.consent_states import states_sql

DAY = timedelta(days=1)
OFFERS = catalogue(offer("a", channels=("email", "sms")), offer("b", channels=("sms",), purpose="service"))


def gate(status: str | None, *, opt_in: bool = False, **values: Any) -> str | None:
    """Why marketing by e-mail is closed to somebody who said this the day before; None where it is open."""
    con = world()
    if status:
        consent(con, status, AS_OF - DAY, **values)
    decide(con, run(opt_in=("marketing",) if opt_in else ()), catalogue(offer("a")))
    (row,) = decisions(con)
    return next((one["reason"] for one in json.loads(row["gates"]) if one["gate"] == "consent"), None)


@pytest.mark.parametrize("status", ["denied", "withdrawn"])
def test_who_denies_or_withdraws_is_not_contacted_and_the_reason_says_since_when(status: str) -> None:
    assert gate(status) == "denied marketing on every channel that has content (email since 2018-01-01)"


@pytest.mark.parametrize("status", [None, "granted", "implied", "expired"])
def test_silence_is_no_denial(status: str | None) -> None:
    assert gate(status) is None


def test_where_a_grant_is_needed_only_one_that_stands_opens_a_channel() -> None:
    refused = "did not grant marketing on a channel that has content (email)"
    assert gate("granted", opt_in=True) is None
    assert gate("granted", opt_in=True, expires_at=AS_OF + DAY) is None
    for said in (None, "implied", "expired"):
        assert gate(said, opt_in=True) == refused
    assert gate("granted", opt_in=True, expires_at=AS_OF) == refused
    assert gate("granted", opt_in=True, channel="sms") == refused
    assert gate("denied", opt_in=True) == f"{refused}; denied email since 2018-01-01"


def test_a_contract_neither_opens_nor_closes_a_channel() -> None:
    con = world()
    consent(con, "denied", AS_OF - 2 * DAY)
    con.execute("UPDATE consents SET legal_basis = 'objection'")
    consent(con, "granted", AS_OF - DAY)
    con.execute("UPDATE consents SET legal_basis = 'contract' WHERE status = 'granted'")
    decide(con, run(), catalogue(offer("a")))
    assert json.loads(decisions(con)[0]["gates"])[0]["gate"] == "consent"


def test_the_row_notes_the_statements_and_replay_finds_the_channel_from_them() -> None:
    con = world(preferred_channel="email")
    consent(con, "denied", AS_OF - DAY)
    decide(con, run(exploration_gamma=1e12), catalogue(offer("a", channels=("email", "sms"), value_customer="9")))
    (row,) = decisions(con)
    terms = json.loads(row["terms"])
    (consent_id,) = con.execute("SELECT consent_id FROM consents").fetchall()[0]
    said = {"purpose": "marketing", "channel": "email", "status": "denied", "consent_id": consent_id}
    assert (row["offer_id"], row["channel"], terms["consents"]) == ("a", "sms", [said])
    assert recompute(row).channel == "sms"
    assert changed(row, {**terms, "consents": []}) == "email"
    assert changed(row, {**terms, "consents": [said, {**said, "channel": "sms"}]}) is None
    terms["policy"]["opt_in"] = ["marketing"]
    assert changed(row, {**terms, "consents": [{**said, "status": "granted"}]}) == "email"
    del terms["consents"]
    assert changed(row, terms) == "sms"


def changed(row: dict[str, Any], terms: dict[str, Any]) -> str | None:
    """The channel that replay finds with other terms."""
    return recompute({**row, "terms": json.dumps(terms)}).channel


@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_is_contacted_on_a_channel_that_is_denied_and_the_same_snapshot_decides_the_same(seed: int) -> None:
    random, con = Random(seed), world(0)
    for number in range(40):
        add_person(con, f"person_{number}", f"user_id:{number}", preferred_channel=random.choice(["email", "sms"]))
        for part in range(random.randrange(5)):
            consent(
                con,
                random.choice(["granted", "denied", "withdrawn", "expired", "implied"]),
                AS_OF - random.randrange(1, 5) * DAY - part * timedelta(seconds=1),
                anchor=f"user_id:{number}",
                purpose=random.choice(["marketing", "service", "*"]),
                channel=random.choice(["email", "sms", "*"]),
                expires_at=random.choice([None, AS_OF - DAY, AS_OF + DAY]),
            )
    decide(con, run(exploration_gamma=0.0), OFFERS)
    first = decisions(con)
    purposes = {one.offer_id: one.purpose for one in OFFERS.offers}
    query = f"SELECT customer_id, purpose, channel FROM ({states_sql('?')}) WHERE status = 'denied'"
    denied = set(con.execute(query, [AS_OF] * query.count("?")).fetchall())
    contacted = {
        (row["customer_id"], purposes[row["offer_id"]], row["channel"]) for row in first if row["offer_id"] in purposes
    }
    assert contacted
    assert denied
    assert not contacted & denied
    assert all(recompute(row).channel == row["channel"] for row in first)
    con.execute("DELETE FROM decisions")
    decide(con, run(exploration_gamma=0.0), OFFERS)
    assert decisions(con) == first
