import json
from datetime import UTC, timedelta
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.decide.decide import decide
from pipelines.decide.explain import explain
from pipelines.decide.replay import recompute
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
from tests.lakes import insert
from warehouse.errors import RapportError

OFFERS = catalogue(
    offer("a", category="TEA", channels=("email", "app")),
    offer("b", value_customer="0.3", value_company="7.77", rules={"min_order_count": 2}),
    offer("c", kind="information", cost="0", channels=("app", "post")),
    offer("d", kind="repair", purpose="service"),
)
COLUMNS = "* EXCLUDE (commit_seq)"


def crowd(seed: int, people: int, shuffled: bool = False) -> duckdb.DuckDBPyConnection:
    """A world of random people; `shuffled` writes the same rows in another order."""
    random = np.random.default_rng(seed)
    rows = [_person(random, number) for number in range(people)]
    if shuffled:
        rows = rows[::-1]
    con = world(0)
    for number, traits, contacts, complained in rows:
        anchor = f"user_id:{number}"
        add_person(con, f"person_{number:03}", anchor, **traits)
        for index, hours in enumerate(contacts[::-1] if shuffled else contacts):
            answer = {"responded_at": AS_OF - timedelta(hours=hours - 1)} if index % 3 == 0 else {}
            contact(con, AS_OF - timedelta(hours=hours), 100 * number + index, anchor=anchor, **answer)
        if number % 4 == 0:
            consent(con, "denied", AS_OF - timedelta(days=3), anchor=anchor)
        if complained:
            activity(con, "chat_complained", AS_OF - timedelta(days=2), anchor)
        _interest(con, f"person_{number:03}", number)
    return con


def _person(random: np.random.Generator, number: int) -> tuple[int, dict[str, Any], list[int], bool]:
    traits: dict[str, Any] = {
        "order_count": int(random.integers(0, 5)),
        "order_90d_count": int(random.integers(0, 4)),
        "recency_days": int(random.integers(0, 300)),
        "p_alive": float(random.random()),
        "p_purchase_30d": float(random.random()),
        "frequency_quintile": int(random.integers(1, 6)),
        "monetary_quintile": int(random.integers(1, 6)),
        "preferred_channel": [None, "ask", "app", "email"][int(random.integers(0, 4))],
    }
    contacts = [int(hours) for hours in random.integers(2, 2000, int(random.integers(0, 4)))]
    return number, traits, contacts, bool(random.random() < 0.1)


def _interest(con: duckdb.DuckDBPyConnection, customer_id: str, number: int) -> None:
    for rank, category in enumerate(("TEA", "JAM")):
        insert(
            con,
            "interests",
            customer_id=customer_id,
            category=category,
            purchase_count=number % (3 + rank),
            view_count=0,
            affinity=1.0,
            share=0.5,
            lift=1.0,
            rank=rank + 1,
        )


def written(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute(f"SELECT {COLUMNS} FROM decisions ORDER BY decision_id").fetchall()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), threads=st.integers(1, 4), chunk=st.integers(1, 60))
def test_the_same_snapshot_policy_and_seed_give_the_same_rows(seed: int, threads: int, chunk: int) -> None:
    first, second = crowd(seed, 12), crowd(seed, 12, shuffled=True)
    second.execute(f"SET threads = {threads}")
    decide(first, run(), OFFERS)
    decide(second, run(), OFFERS, chunk_candidates=chunk)
    assert written(first) == written(second)


def test_the_rows_of_few_customers_are_named_and_of_many_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = crowd(5, 12), crowd(5, 12)
    decide(few, run(), OFFERS)
    monkeypatch.setattr("pipelines.decide.customers._FEW", 3)
    decide(many, run(), OFFERS)
    assert written(few) == written(many)
    assert len(written(many)) == 12


def test_customers_who_come_later_are_decided_for_without_looking_at_others() -> None:
    con = crowd(5, 12)
    decide(con, run(), OFFERS)
    before = written(con)
    add_person(con, "person_999", "user_id:999", order_count=1)
    contact(con, AS_OF - timedelta(days=2), 999_000, anchor="user_id:999")
    report = decide(con, run(), OFFERS)
    assert (report.decided_count, report.skipped_count) == (1, 12)
    assert set(before) < set(written(con))


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    weight=st.floats(0, 1),
    gamma=st.floats(0, 1000),
    holdout=st.sampled_from([0.0, 0.3]),
)
def test_every_decision_computes_again_to_the_bit_from_its_row(
    seed: int, weight: float, gamma: float, holdout: float
) -> None:
    con = crowd(seed, 12)
    decide(con, run(customer_weight=weight, exploration_gamma=gamma, holdout_share=holdout), OFFERS)
    for row in decisions(con):
        found = recompute(row)
        for name in ("decision_id", "offer_id", "channel", "score", "propensity", "p1", "p0"):
            assert getattr(found, name) == row[name], name
        assert (found.value_customer, found.value_company) == (row["value_customer"], row["value_company"])
        candidates = json.loads(row["candidates"])
        assert found.scores == {one["offer_id"]: one["score"] for one in candidates}
        assert found.propensities == {one["offer_id"]: one["propensity"] for one in candidates}
        assert sum(found.propensities.values()) == pytest.approx(1.0, abs=1e-12)
        assert len(candidates) + len(json.loads(row["gates"])) == len(OFFERS.offers) + 1


def test_a_changed_row_no_longer_recomputes() -> None:
    con = world()
    decide(con, run(), OFFERS)
    (row,) = decisions(con)
    candidates = json.loads(row["candidates"])
    candidates[1]["worth_company"] += 1e-9
    assert recompute({**row, "candidates": json.dumps(candidates)}).scores != recompute(row).scores
    terms = {**json.loads(row["terms"])}
    terms["policy"]["score_version"] = 0
    with pytest.raises(RapportError, match="scored by version 0"):
        recompute({**row, "terms": json.dumps(terms)})


def test_a_second_call_decides_nothing_and_a_new_seed_or_day_decides_anew() -> None:
    con = crowd(1, 10)
    first = decide(con, run(), OFFERS)
    before = written(con)
    again = decide(con, run(), OFFERS)
    assert (first.customer_count, first.decided_count, first.skipped_count) == (10, 10, 0)
    assert (again.decided_count, again.skipped_count, again.by_offer) == (0, 10, {})
    assert written(con) == before
    assert decide(con, run(seed=2), OFFERS).decided_count == 10
    assert len({row[0] for row in written(con)}) == 20


def test_a_decision_taken_stands_and_only_new_customers_are_decided() -> None:
    con = crowd(1, 5)
    decide(con, run(), OFFERS)
    before = written(con)
    con.execute("UPDATE profiles SET order_count = 99")
    add_person(con, "newcomer", "user_id:77")
    assert decide(con, run(), OFFERS).decided_count == 1
    assert [row for row in written(con) if row[1] != "newcomer"] == before


def test_every_part_of_the_policy_makes_a_new_version() -> None:
    con = world()
    for given_run, given_offers in (
        (run(), OFFERS),
        (run(contacts_per_week=9), OFFERS),
        (run(customer_weight=0.6), OFFERS),
        (run(), catalogue(offer("a"))),
    ):
        decide(con, given_run, given_offers)
    versions = {row["policy_version"] for row in decisions(con)}
    assert len(versions) == 4
    decide(con, run(seed=9), OFFERS)
    assert {row["policy_version"] for row in decisions(con)} == versions


def test_the_report_counts_what_was_written() -> None:
    con = crowd(3, 12)
    report = decide(con, run(), OFFERS)
    rows = decisions(con)
    assert sum(report.by_offer.values()) == len(rows) == 12
    for offer_id, count in report.by_offer.items():
        assert count == sum(row["offer_id"] == offer_id for row in rows)
    assert sum(report.dropped_by_gate.values()) == sum(len(json.loads(row["gates"])) for row in rows)


def test_no_temporary_table_is_left() -> None:
    con = crowd(3, 2)
    decide(con, run(), OFFERS)
    left = con.execute("SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, 'decide_')")
    assert left.fetchall() == []


def test_nothing_is_chosen_when_every_score_is_negative() -> None:
    con = world(20)
    decide(con, run(exploration_gamma=1e12), catalogue(offer("a", cost="100"), offer("b", cost="90")))
    rows = decisions(con)
    assert {row["offer_id"] for row in rows} == {"nothing"}
    assert {(row["score"], row["channel"], row["p1"]) for row in rows} == {(0.0, None, 0.0)}
    assert rows[0]["reason"] == "no benefit that passed the gates is worth a contact"
    assert len(json.loads(rows[0]["candidates"])) == 3


@pytest.mark.parametrize(
    ("offers", "reason"),
    [
        ((), "there is no benefit on offer"),
        ((offer("a", valid_to=AS_OF),), "every benefit on offer was dropped by a gate"),
    ],
)
def test_nothing_says_when_there_was_no_choice(offers: tuple[Any, ...], reason: str) -> None:
    con = world()
    decide(con, run(), catalogue(*offers))
    (row,) = decisions(con)
    assert (row["offer_id"], row["propensity"], row["reason"]) == ("nothing", 1.0, reason)
    assert explain(row).sentences[:3] == (
        "Nothing: the customer is left in peace.",
        f"{reason[0].upper()}{reason[1:]}.",
        "There was no other candidate left.",
    )


@pytest.mark.parametrize(
    ("traits", "channel"),
    [
        ({"preferred_channel": "app"}, "app"),
        ({"preferred_channel": "ask"}, "post"),
        ({}, "post"),
        ({"preferred_channel": "call"}, "post"),
    ],
)
def test_the_preferred_channel_is_used_where_the_offer_has_content(traits: dict[str, Any], channel: str) -> None:
    con = world(**traits)
    decide(con, run(exploration_gamma=1e12), catalogue(offer(channels=("post", "email", "app"))))
    assert [row["channel"] for row in decisions(con)] == [channel]


@pytest.mark.parametrize(
    ("traits", "words"),
    [
        ({"order_90d_count": 9}, "9 orders in 90 days"),
        ({"order_90d_count": 0, "recency_days": 1}, "last order 1 day before"),
        ({"order_90d_count": 0, "recency_days": 300}, "not contacted in the last 30 days"),
    ],
)
def test_the_reason_names_what_speaks_most_for_an_answer(traits: dict[str, Any], words: str) -> None:
    con = world(**traits)
    decide(con, run(exploration_gamma=1e12), catalogue(offer()))
    assert decisions(con)[0]["reason"].startswith(f"{words}; expected worth 0.")


def test_a_known_answer_and_a_bought_category_are_named_as_reasons() -> None:
    con = world(1, recency_days=300)
    contact(con, AS_OF - timedelta(days=90), responded_at=AS_OF - timedelta(days=80))
    decide(con, run(exploration_gamma=1e12), catalogue(offer()))
    assert decisions(con)[0]["reason"].startswith("answered 1 of 1 earlier contacts; ")
    other = world(1, recency_days=300)
    insert_interest = {"affinity": 1.0, "share": 1.0, "lift": 1.0, "rank": 1, "view_count": 0}
    insert(other, "interests", customer_id="person_0", category="TEA", purchase_count=9, **insert_interest)
    decide(other, run(exploration_gamma=1e12), catalogue(offer(category="TEA")))
    assert decisions(other)[0]["reason"].startswith("9 of 9 lines bought are TEA; ")


def test_the_held_out_are_left_alone_and_stay_held_out_under_another_policy() -> None:
    con = world(60)
    for weight in (0.5, 0.4):
        decide(con, run(customer_weight=weight, holdout_share=0.3), OFFERS)
    rows = [(row["customer_id"], row["policy_version"], json.loads(row["terms"])) for row in decisions(con)]
    held = [(customer, version) for customer, version, terms in rows if terms["is_held_out"]]
    assert 2 * 5 <= len(held) <= 2 * 35
    assert len({customer for customer, _ in held}) == len(held) / 2
    reasons = {row["reason"] for row in decisions(con) if json.loads(row["terms"])["is_held_out"]}
    assert reasons == {"held out: left without contact to measure what contacts are worth"}


def test_the_explanation_tells_choice_reasons_rivals_and_gates() -> None:
    con = world(1, p_alive=1.0, frequency_quintile=5, monetary_quintile=5, preferred_channel="app")
    offers = catalogue(
        offer("a", channels=("email", "app"), value_customer="8"),
        offer("b", channels=("post",)),
        offer("c", rules={"min_order_count": 2}),
    )
    decide(con, run(exploration_gamma=1e12), offers)
    (row,) = decisions(con)
    found = explain(row)
    assert found.chosen == "A (offer), by app."
    assert "app is the preferred channel." in found.why
    assert "Loyalty raises the priority by 25%." in found.why
    assert found.why[-1].startswith("It was drawn with probability 100.0% among 3 candidates")
    assert found.rivals[0].startswith("B: scores 0.")
    assert "worth 0." in found.rivals[0]
    assert found.rivals[0].endswith("less to the customer.")
    assert found.rivals[1].startswith("Nothing: scores 0.")
    assert found.gates == ("C: dropped by eligibility: order_count is unknown; at least 2 is required.",)


@pytest.mark.parametrize(
    ("preferred", "words"),
    [
        ("call", "The preferred channel call has no content or no consent; email is the next."),
        (None, "The preferred channel is not known; email is the first with content and consent."),
    ],
)
def test_the_explanation_says_why_another_channel_was_taken(preferred: str | None, words: str) -> None:
    con = world(1, preferred_channel=preferred)
    decide(con, run(exploration_gamma=1e12), catalogue(offer()))
    assert words in explain(decisions(con)[0]).why


def test_a_draw_against_the_best_says_that_it_is_made_to_learn() -> None:
    con = world(80)
    decide(con, run(exploration_gamma=0.5), catalogue(offer("a"), offer("b", value_customer="3")))
    by_offer = {row["offer_id"]: row for row in decisions(con)}
    assert by_offer["a"]["reason"].startswith("chosen to learn: B scores 0.")
    assert by_offer["nothing"]["reason"].startswith("left in peace to learn: B scores 0.")
    assert explain(by_offer["a"]).rivals[0].startswith("B: scores 0.")
    assert explain(by_offer["a"]).rivals[0].endswith("it lost the draw, which leaves room to learn.")


def test_the_draw_follows_the_propensities() -> None:
    con = world(400)
    decide(con, run(exploration_gamma=2.0), catalogue(offer("a"), offer("b", value_customer="3")))
    rows = decisions(con)
    expected = {one["offer_id"]: one["propensity"] for one in json.loads(rows[0]["candidates"])}
    for offer_id, propensity in expected.items():
        share = sum(row["offer_id"] == offer_id for row in rows) / len(rows)
        assert share == pytest.approx(propensity, abs=0.1)


def test_a_session_in_another_zone_recomputes_the_same() -> None:
    con = world()
    decide(con, run(), OFFERS)
    con.execute("SET TimeZone = 'Asia/Tokyo'")
    (row,) = decisions(con)
    assert row["decided_as_of"].astimezone(UTC) == AS_OF
    assert recompute(row).decision_id == row["decision_id"]
