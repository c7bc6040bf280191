"""The stage on small worlds: who is a customer, what is rewritten, what is left alone."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.know.know import KnowReport, know
from pipelines.know.profiles import add_missing_columns, missing_columns
from pipelines.know.trait import Trait
from pipelines.know.traits import trait_columns, traits, unique_columns
from schemas.discovery import DiscoveryError
from schemas.vocabulary import COMPANY_TURNS, SERVICE_EVENTS
from tests.know.worlds import (
    AS_OF,
    World,
    activity,
    at,
    category,
    consent,
    contact,
    contents,
    customer,
    identity,
    insert,
    interaction,
    lake_of,
    numbers,
    one,
    order,
    profile,
    run_at,
)
from tests.lakes import memory_lake
from warehouse.errors import RapportError
from warehouse.settings import KnowSettings, Settings

ANNA, ANNAS_MAIL, BERT = "user_id:a", "email:a@example.org", "user_id:b"


def world() -> dict[str, list[dict[str, Any]]]:
    """Anna with an account and an address, and Bert, with some of everything."""
    return {
        "identities": [identity(ANNA), identity(ANNAS_MAIL, ANNA), identity(BERT)],
        "daily_activity": [
            activity(ANNA, "2017-03-01T10:00:00", interaction_count=3, machine_count=1),
            activity(ANNA, "2017-12-30T09:00:00", "order_completed", channel="pos"),
            activity(ANNAS_MAIL, "2017-12-31T08:00:00", "email_sent", channel="email"),
            activity(ANNAS_MAIL, "2017-12-31T20:00:00", "email_opened", channel="email"),
            activity(BERT, "2017-06-01T10:00:00"),
        ],
        "daily_categories": [
            category(ANNA, "2017-12-30", "tea", amount=Decimal("20")),
            category(ANNA, "2017-12-30", "books", event_name="product_viewed", interaction_count=2),
            category(BERT, "2017-06-01", "tea", event_name="product_viewed"),
        ],
        "orders": [
            order(ANNA, "1", "2017-03-01T10:00:00", "30"),
            order(ANNA, "2", "2017-12-30T09:00:00", "20", refunded_amount=Decimal("-5")),
            order(ANNAS_MAIL, "3", "2017-12-30T19:00:00", None),
        ],
        "contacts": [
            contact(ANNAS_MAIL, "1", "2017-12-31T08:00:00", responded_at=at("2017-12-31T20:00:00")),
            contact(ANNAS_MAIL, "2", "2017-11-01T08:00:00", failed_at=at("2017-11-01T08:01:00")),
            contact(BERT, "3", "2017-06-01T08:00:00", "post"),
        ],
        "consents": [consent(BERT, "email", "denied", "2017-05-01")],
    }


def test_a_profile_gathers_every_identifier_of_a_customer() -> None:
    con = lake_of(world())
    assert know(con, run_at(), None) == KnowReport(2, 2, 2)
    anna = profile(con, ANNA)
    assert anna["anchor"] == ANNA
    assert anna["identifier_count"] == 2
    assert (anna["first_seen_at"], anna["last_seen_at"]) == (
        at("2017-03-01T10:00:00"),
        at("2017-12-31T20:00:00"),
    )
    assert (anna["order_count"], anna["recency_days"]) == (3, 2)
    assert (anna["monetary_total"], anna["monetary_mean"]) == (Decimal("45.0000"), Decimal("22.5000"))
    assert [anna[f"order_{days}d_count"] for days in (30, 90, 365)] == [2, 2, 3]
    assert [anna[f"contact_{days}d_count"] for days in (30, 90, 365)] == [1, 1, 1]
    assert (anna["interaction_count"], anna["channel_counts"]) == (5, '{"email":2,"pos":1,"web":2}')
    assert anna["favourite_categories"] == ["tea", "books"]
    assert anna["expected_order_value"] == pytest.approx(22.5)
    assert 0 < anna["p_purchase_30d"] < anna["p_purchase_90d"] < anna["p_alive"] < 1


def test_unknown_is_null_and_never_a_default() -> None:
    con = lake_of(world())
    know(con, run_at(), None)
    bert = profile(con, BERT)
    unknown = (
        "recency_days",
        "monetary_total",
        "monetary_mean",
        "p_alive",
        "p_purchase_30d",
        "stated_channel",
    )
    assert {bert[name] for name in unknown} == {None}
    assert {bert[f"{name}_quintile"] for name in ("recency", "frequency", "monetary")} == {None}
    assert bert["expected_order_value"] is None
    assert (bert["order_count"], bert["order_365d_count"], bert["contact_365d_count"]) == (0, 0, 1)


def test_a_second_call_writes_nothing() -> None:
    con = lake_of(world())
    know(con, run_at(), None)
    before = contents(con)
    assert know(con, run_at(commit_seq=9), None) == KnowReport(2, 0, 2)
    assert know(con, run_at(commit_seq=9), 1) == KnowReport(0, 0, 2)
    assert contents(con) == before


def test_only_customers_that_changed_are_written() -> None:
    con = lake_of(world())
    know(con, run_at(), None)
    insert(con, "orders", [order(BERT, "9", "2017-12-01", commit_seq=2)])
    assert know(con, run_at(commit_seq=2), 1) == KnowReport(1, 1, 2)
    stamps = dict(con.execute("SELECT customer_id, commit_seq FROM profiles").fetchall())
    assert stamps == {customer(ANNA): 1, customer(BERT): 2}


@pytest.mark.parametrize("few", [0, 10_000])
def test_touched_customers_end_as_if_everyone_had_been_computed(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.know.changes._FEW_CUSTOMERS", few)
    late: World = {
        "daily_activity": [activity(BERT, "2016-01-01", commit_seq=2)],
        "daily_categories": [category(BERT, "2016-01-01", "tea", commit_seq=2)],
        "orders": [order(BERT, "7", "2016-01-01", commit_seq=2)],
        "contacts": [contact(ANNA, "8", "2017-01-05", commit_seq=2)],
        "consents": [consent(ANNA, "email", "denied", "2017-12-31", commit_seq=2)],
    }
    whole, parts = lake_of(world()), lake_of(world())
    know(parts, run_at(), None)
    for con in (whole, parts):
        for table, rows in late.items():
            insert(con, table, rows)
    know(parts, run_at(commit_seq=2), 1)
    know(whole, run_at(commit_seq=2), None)
    for name in ("profiles", "channel_preferences", "interests"):
        sql = f"SELECT * EXCLUDE (commit_seq) FROM {name} ORDER BY ALL"
        assert parts.execute(sql).fetchall() == whole.execute(sql).fetchall()


def test_a_customer_who_lost_every_identifier_loses_the_profile() -> None:
    con = lake_of(world())
    know(con, run_at(), None)
    con.execute("UPDATE identities SET known_to = known_from, commit_seq = 2 WHERE identifier = ?", [BERT])
    insert(con, "identities", [identity(BERT, ANNA, commit_seq=2)])
    assert know(con, run_at(commit_seq=2), 1) == KnowReport(2, 2, 1)
    assert profile(con, ANNA)["identifier_count"] == 3
    for name in ("channel_preferences", "interests"):
        assert one(con, f"SELECT COUNT(*) AS n FROM {name} WHERE customer_id = ?", customer(BERT)) == {"n": 0}


def test_a_merge_taken_back_gives_the_earlier_profiles() -> None:
    con = lake_of(world())
    know(con, run_at(), None)
    columns = "* EXCLUDE (commit_seq)"
    before = con.execute(f"SELECT {columns} FROM profiles ORDER BY ALL").fetchall()
    for commit, owner in ((2, ANNA), (3, BERT)):
        con.execute(
            "UPDATE identities SET known_to = known_from, commit_seq = ? WHERE identifier = ? AND known_to IS NULL",
            [commit, BERT],
        )
        insert(con, "identities", [identity(BERT, owner, commit_seq=commit)])
        know(con, run_at(commit_seq=commit), commit - 1)
    assert con.execute(f"SELECT {columns} FROM profiles ORDER BY ALL").fetchall() == before


def test_a_retracted_event_touches_the_customer_who_had_it() -> None:
    con = lake_of(world())
    know(con, run_at(), None)
    con.execute("DELETE FROM daily_activity WHERE anchor = ?", [BERT])
    loser = interaction(BERT, "2017-06-01T10:00:00") | {
        "commit_from": 1,
        "commit_to": 2,
        "content_sha256": "0",
    }
    loser.pop("commit_seq")
    insert(con, "interaction_versions", [loser])
    assert know(con, run_at(commit_seq=2), 1) == KnowReport(1, 1, 1)


def test_an_event_after_as_of_waits_until_time_has_passed_it() -> None:
    con = lake_of(world())
    insert(con, "orders", [order(BERT, "5", "2018-01-02T10:00:00")])
    know(con, run_at(), None)
    assert profile(con, BERT)["order_count"] == 0
    know(con, run_at(AS_OF + timedelta(days=1), 2), 1)
    bert = profile(con, BERT)
    assert (bert["order_count"], bert["recency_days"], bert["as_of"]) == (1, 0, AS_OF + timedelta(days=1))


def test_a_row_keeps_its_as_of_unless_it_changed_or_claims_too_much() -> None:
    con = lake_of({"identities": [identity(BERT)], "daily_activity": [activity(BERT, "2017-01-01")]})
    know(con, run_at(), None)
    assert know(con, run_at(AS_OF + timedelta(days=30), 2), None).changed == 0
    assert profile(con, BERT)["as_of"] == AS_OF
    earlier = AS_OF - timedelta(days=30)
    assert know(con, run_at(earlier, 3), 2) == KnowReport(1, 1, 1)
    assert profile(con, BERT)["as_of"] == earlier


def test_a_customer_without_an_interaction_before_as_of_has_no_profile() -> None:
    con = lake_of(world())
    assert know(con, run_at(at("2017-05-15")), None).total == 1
    assert con.execute("SELECT DISTINCT customer_id FROM channel_preferences").fetchall() == []


def test_a_customer_is_seen_where_he_takes_part_and_not_where_the_company_acts_alone() -> None:
    both = [
        {
            "identities": [identity(BERT)],
            "daily_activity": [
                activity(BERT, "2017-03-01"),
                *(activity(BERT, day, name) for day in ("2017-01-01", "2017-06-01") for name in names),
            ],
        }
        for names in (COMPANY_TURNS, SERVICE_EVENTS)
    ]
    turns, service = (lake_of(world) for world in both)
    for con in (turns, service):
        know(con, run_at(), None)
    seen = [(profile(con, BERT)["first_seen_at"], profile(con, BERT)["last_seen_at"]) for con in (turns, service)]
    assert seen == [(at("2017-03-01"), at("2017-03-01")), (at("2017-01-01"), at("2017-06-01"))]


def test_the_anchor_is_the_best_kind_then_the_earliest_seen_then_the_smallest() -> None:
    same = "email:z@example.org"
    rows = [
        identity("anonymous_id:1", same),
        identity("email:y@example.org", same, first_seen_at=at("2017-02-01")),
        identity(same),
        identity("email:zz@example.org", same),
    ]
    con = lake_of({"identities": rows, "daily_activity": [activity(same, "2017-02-02")]})
    know(con, run_at(), None)
    assert profile(con, same)["anchor"] == same


def test_no_temporary_table_is_left() -> None:
    con = lake_of(world())
    know(con, run_at(), None)
    assert con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall() == []


def test_half_lives_must_be_positive_and_may_be_infinite() -> None:
    con = lake_of(world())
    with pytest.raises(RapportError, match="half-lives"):
        know(con, run_at(settings=Settings(know=KnowSettings(channel_half_life_days=0.0))), None)
    endless = KnowSettings(float("inf"), float("inf"))
    know(con, run_at(settings=Settings(know=endless)), None)
    assert numbers(con, "SELECT affinity FROM interests ORDER BY affinity")[0].tolist() == [0.2, 0.4, 1.0]


def test_profiles_grow_by_the_columns_of_traits() -> None:
    con = memory_lake()
    assert missing_columns(con) == trait_columns()
    assert add_missing_columns(con) == trait_columns()
    assert missing_columns(con) == ()


def test_a_new_trait_is_computed_for_everyone() -> None:
    con = lake_of(world())
    know(con, run_at(), None)
    con.execute("ALTER TABLE profiles DROP COLUMN order_count")
    assert know(con, run_at(commit_seq=2), 1) == KnowReport(2, 2, 2)
    assert profile(con, ANNA)["order_count"] == 3


def test_two_traits_never_give_the_same_column() -> None:
    frequency = traits()["frequency"]
    with pytest.raises(DiscoveryError, match="rename it"):
        unique_columns({"frequency": frequency, "often": frequency})


@pytest.mark.parametrize("name", sorted(traits()))
def test_a_trait_says_what_it_is(name: str) -> None:
    trait: Trait = traits()[name]
    assert all((trait.doc, trait.unit, trait.source, trait.columns))
    assert all(column.doc for column in trait.columns)
    assert trait.freshness in ("event", "time")


@given(st.permutations(range(5)), st.permutations(range(3)), st.permutations(range(3)))
@settings(max_examples=8, deadline=None)
def test_the_order_of_rows_changes_nothing(days: list[int], orders: list[int], others: list[int]) -> None:
    rows = world()
    shuffled = {
        name: [table[i] for i in _order(name, days, orders, others, len(table))] for name, table in rows.items()
    }
    first, second = lake_of(rows), lake_of(shuffled)
    for con in (first, second):
        know(con, run_at(), None)
    assert contents(first) == contents(second)


def _order(name: str, days: list[int], orders: list[int], others: list[int], size: int) -> list[int]:
    chosen = {"daily_activity": days, "orders": orders}.get(name, others)
    return [i for i in chosen if i < size]


@given(st.integers(1, 4), st.integers(0, 400))
@settings(max_examples=8, deadline=None)
def test_other_customers_change_nothing_for_fixed_artefacts(count: int, days: int) -> None:
    con = lake_of(world())
    know(con, run_at(), None)
    before = {anchor: profile(con, anchor) for anchor in (ANNA, BERT)}
    moment = (AS_OF - timedelta(days=days + 1)).strftime("%Y-%m-%dT%H:%M:%S")
    for i in range(count):
        new = f"user_id:new{i}"
        insert(con, "identities", [identity(new)])
        insert(con, "daily_activity", [activity(new, moment)])
        insert(con, "orders", [order(new, f"n{i}", moment, "99")])
        insert(con, "daily_categories", [category(new, moment, "tea")])
    know(con, run_at(commit_seq=2), None)
    assert {anchor: profile(con, anchor) for anchor in (ANNA, BERT)} == before
