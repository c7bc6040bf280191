"""Fit: artefacts from the data, reproducible, and everyone rescored."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from pipelines.know.estimators import estimators
from pipelines.know.fit import fit
from pipelines.know.inputs import prepare_inputs
from pipelines.know.know import know
from pipelines.know.models import mbg_nbd
from pipelines.know.models.gamma_gamma import GammaGamma, expected_spend
from pipelines.know.scope import scope_customers
from tests.know.worlds import (
    activity,
    at,
    category,
    cdnow_lake,
    contact,
    identity,
    insert,
    lake_of,
    numbers,
    one,
    order,
    profile,
    run_at,
)
from tests.lakes import memory_lake
from warehouse.artefacts import current_artefacts

CALIBRATED = at("1997-10-01")


def answers(con: Any, customers: int) -> None:
    """Customers with ten e-mails each at 8 and at 18 o'clock; the evening is answered more, by some."""
    draw = np.random.default_rng(5)
    for i in range(customers):
        anchor = f"user_id:{i:03}"
        rate = draw.beta(2, 6)
        insert(con, "identities", [identity(anchor)])
        insert(con, "daily_activity", [activity(anchor, "2017-12-01")])
        sent = [f"2017-12-{day:02}T{8 + 10 * (day % 2):02}:00:00" for day in range(1, 21)]
        insert(con, "contacts", [
            contact(
                anchor, f"{i} {j}", moment,
                responded_at=at("2017-12-30") if draw.random() < rate * (0.5 + j % 2 / 2) else None,
            )
            for j, moment in enumerate(sent)
        ])  # fmt: skip


def test_orders_give_the_published_triples_and_parameters_in_days() -> None:
    con = cdnow_lake()
    report = fit(con, run_at(CALIBRATED))
    found = dict(report.stored["mbg_nbd"].parameters)
    assert [round(found[n], 3) for n in ("r", "a", "b")] == [0.525, 0.891, 1.614]
    assert round(found["alpha"] / 7, 3) == 6.183
    assert report.know.total == 2357


def test_sql_scores_equal_the_models() -> None:
    con = cdnow_lake()
    report = fit(con, run_at(CALIBRATED))
    model = mbg_nbd.MbgNbd(**report.stored["mbg_nbd"].parameters)
    spend = GammaGamma(**report.stored["gamma_gamma"].parameters)
    scope_customers(con, run_at(CALIBRATED), None)
    prepare_inputs(con, run_at(CALIBRATED), {})
    x, t_x, t, count, mean, alive, soon, value = numbers(
        con,
        "SELECT x, t_x, t, paid_count, paid_mean, p_alive, p_purchase_30d, expected_order_value "
        "FROM know_buyers JOIN profiles USING (customer_id) WHERE paid_count > 0 ORDER BY customer_id",
    )
    assert alive == pytest.approx(mbg_nbd.p_alive(model, x, t_x, t), rel=1e-9)
    assert soon == pytest.approx(mbg_nbd.p_purchase_within(model, x, t_x, t, 30), rel=1e-9)
    assert value == pytest.approx(expected_spend(spend, count, mean), rel=1e-9)


def test_a_second_fit_on_the_same_data_stores_nothing() -> None:
    con = cdnow_lake()
    first = fit(con, run_at(CALIBRATED))
    second = fit(con, run_at(CALIBRATED, 2))
    assert set(first.stored) == {"mbg_nbd", "gamma_gamma", "rfm_cuts"}
    assert (dict(second.stored), second.know.changed) == ({}, 0)
    assert second.unchanged == tuple(sorted(first.stored))
    assert second.insufficient == ("category_popularity", "channel_priors", "hour_priors")


def test_a_fit_is_the_same_for_any_order_of_the_rows() -> None:
    straight, shuffled = cdnow_lake(), cdnow_lake()
    shuffled.execute("CREATE TEMP TABLE copy AS SELECT * FROM orders ORDER BY sha256(order_id)")
    shuffled.execute("DELETE FROM orders")
    shuffled.execute("INSERT INTO orders SELECT * FROM copy")
    assert fit(straight, run_at(CALIBRATED)).stored == fit(shuffled, run_at(CALIBRATED)).stored


def test_too_little_data_keep_the_shipped_artefacts() -> None:
    con = memory_lake()
    report = fit(con, run_at())
    assert report.stored == {}
    assert report.insufficient == tuple(estimators())
    assert {a.version for a in current_artefacts(con, estimators()).values()} == {0}


def test_equal_values_share_a_quintile() -> None:
    con = cdnow_lake()
    fit(con, run_at(at("1998-07-01")))
    spans = con.execute(
        "SELECT order_count, COUNT(DISTINCT frequency_quintile), MIN(frequency_quintile) FROM profiles "
        "GROUP BY order_count ORDER BY order_count"
    ).fetchall()
    assert {count for _, count, _ in spans} == {1}
    assert [lowest for *_, lowest in spans] == sorted(lowest for *_, lowest in spans)
    recency = con.execute(
        "SELECT recency_quintile, MIN(recency_days), MAX(recency_days), COUNT(*) FROM profiles "
        "GROUP BY recency_quintile ORDER BY recency_quintile DESC"
    ).fetchall()
    assert [row[0] for row in recency] == [5, 4, 3, 2, 1]
    assert all(left[2] < right[1] for left, right in pairwise(recency))
    assert all(2357 / 5 * 0.9 < row[3] < 2357 / 5 * 1.1 for row in recency)


def test_the_shipped_cut_points_of_spend_are_those_of_cdnow() -> None:
    con = cdnow_lake()
    stored = fit(con, run_at(at("1998-07-01"))).stored["rfm_cuts"].parameters
    shipped = estimators()["rfm_cuts"].shipped
    assert (stored["frequency"], stored["monetary"]) == (shipped["frequency"], shipped["monetary"])


def test_channel_and_hour_priors_come_from_contacts() -> None:
    con = memory_lake()
    answers(con, 60)
    report = fit(con, run_at())
    priors = report.stored["channel_priors"].parameters
    row = one(con, "SELECT COUNT(responded_at) / COUNT(*) AS rate FROM contacts")
    mean = priors["channels"]["email"]["a"] / sum(priors["channels"]["email"].values())
    assert mean == pytest.approx(row["rate"], rel=0.15)
    assert priors["fallback"] == priors["channels"]["email"]
    hours = report.stored["hour_priors"].parameters
    assert len(hours["channels"]["email"]) == 24
    assert hours["fallback"] == pytest.approx(row["rate"], rel=1e-5)
    assert len(set(hours["channels"]["email"])) == 3


def test_a_channel_that_nobody_answers_has_a_low_but_positive_rate() -> None:
    con = memory_lake()
    for i in range(50):
        insert(con, "identities", [identity(f"user_id:{i}")])
        insert(con, "contacts", [contact(f"user_id:{i}", str(i), "2017-12-01", "post")])
    prior = fit(con, run_at()).stored["channel_priors"].parameters["channels"]["post"]
    assert 0 < prior["a"] / (prior["a"] + prior["b"]) < 0.02


def test_lift_is_unknown_before_the_first_fit_and_average_is_one() -> None:
    anna, bert = "user_id:a", "user_id:b"
    con = lake_of(
        {
            "identities": [identity(anna), identity(bert)],
            "daily_activity": [activity(anna, "2017-12-01"), activity(bert, "2017-12-01")],
            "daily_categories": [
                category(anna, "2017-12-01", "tea", interaction_count=3),
                category(bert, "2017-12-01", "tea"),
                category(bert, "2017-12-01", "books", interaction_count=2),
                category(bert, "2017-12-01", "returns", event_name="order_refunded"),
            ],
        }
    )
    know(con, run_at(), None)
    assert con.execute("SELECT DISTINCT lift FROM interests").fetchall() == [(None,)]
    shares = fit(con, run_at(commit_seq=2)).stored["category_popularity"].parameters["shares"]
    assert shares == pytest.approx({"books": 1 / 3, "tea": 2 / 3}, rel=1e-5)
    rows = con.execute("SELECT category, share, lift, rank FROM interests ORDER BY rank, category").fetchall()
    assert [(row[0], row[3]) for row in rows] == [("books", 1), ("tea", 1), ("tea", 2)]
    lifts = {(row[0], row[3]): row[2] for row in rows}
    assert lifts["books", 1] > 1
    assert lifts["tea", 1] > 1 > lifts["tea", 2]


def test_fitting_rescores_everyone() -> None:
    con = cdnow_lake()
    insert(con, "identities", [identity("user_id:x")])
    insert(con, "daily_activity", [activity("user_id:x", "1997-02-01")])
    insert(con, "orders", [order("user_id:x", "x", "1997-02-01", "100")])
    know(con, run_at(CALIBRATED), None)
    assert profile(con, "user_id:x")["expected_order_value"] == 100
    fit(con, run_at(CALIBRATED, 2))
    assert 30 < profile(con, "user_id:x")["expected_order_value"] < 95
