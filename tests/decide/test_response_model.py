import json
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pytest

from pipelines.decide.estimators.response_model import ESTIMATOR, fit_response_model, predict
from pipelines.decide.features import FEATURES, Floats
from pipelines.decide.fit import estimators, fit
from pipelines.decide.logistic import logistic_regression
from pipelines.decide.policy import policy_in_force
from pipelines.decide.response_sample import read_sample
from tests.decide.worlds import AS_OF, add_person, catalogue, contact, run, world
from tests.lakes import insert

DAY = timedelta(days=1)


def synthetic(rows: int, seed: int = 5) -> dict[str, Floats]:
    """Contacts of a world that answers by the shipped coefficients."""
    random = np.random.default_rng(seed)
    contacts = random.integers(0, 30, rows).astype(np.float64)
    lines = random.integers(0, 40, rows).astype(np.float64)
    sample = {
        "contact_count": contacts,
        "response_count": np.floor(contacts * random.random(rows) * 0.5),
        "contact_30d_count": random.integers(0, 9, rows).astype(np.float64),
        "recency_days": np.where(random.random(rows) < 0.1, np.nan, random.integers(0, 200, rows)),
        "order_90d_count": random.integers(0, 9, rows).astype(np.float64),
        "line_count": lines,
        "category_line_count": np.floor(lines * random.random(rows)),
    }
    sample["responded"] = (random.random(rows) < predict(sample, TRUE)).astype(np.float64)
    return sample


TRUE = {**ESTIMATOR.shipped, "intercept": -1.5}


def test_logistic_regression_recovers_known_coefficients() -> None:
    random = np.random.default_rng(3)
    matrix = random.normal(size=(20_000, 3))
    probability = 1 / (1 + np.exp(-(-1.0 + matrix @ np.array([0.8, -0.5, 0.0]))))
    outcome = (random.random(20_000) < probability).astype(np.float64)
    found = logistic_regression(matrix, outcome, 1.0)
    assert found == pytest.approx([-1.0, 0.8, -0.5, 0.0], abs=0.06)
    predicted = 1 / (1 + np.exp(-(found[0] + matrix @ np.array(found[1:]))))
    assert predicted.mean() == pytest.approx(outcome.mean(), abs=1e-9)


def test_ridge_shrinks_the_slopes_and_not_the_intercept() -> None:
    matrix = np.array([[1.0], [1.0], [-1.0], [-1.0]] * 50)
    outcome = np.array([1.0, 1.0, 1.0, 0.0] * 50)
    loose, tight = logistic_regression(matrix, outcome, 0.01), logistic_regression(matrix, outcome, 1e6)
    assert abs(tight[1]) < 1e-3 < abs(loose[1])
    assert tight[0] == pytest.approx(np.log(3), abs=1e-4)


def test_the_response_model_is_calibrated_and_finds_the_strong_features() -> None:
    sample = synthetic(20_000)
    found = fit_response_model(sample)
    assert found is not None
    assert predict(sample, found.parameters).mean() == pytest.approx(sample["responded"].mean(), abs=1e-8)
    truth = TRUE["coefficients"]
    for name in FEATURES[1:]:
        assert found.parameters["coefficients"][name] == pytest.approx(truth[name], abs=0.35)
    metrics = found.metrics
    assert metrics["holdout_brier"] < metrics["holdout_brier_of_constant_rate"]
    assert sum(part["contacts"] for part in metrics["bins"]) == metrics["contacts"] == 20_000
    for part in metrics["bins"]:
        assert part["observed"] == pytest.approx(part["predicted"], abs=0.05)
    assert json.loads(json.dumps(found.parameters)) == found.parameters


def test_too_few_contacts_or_answers_leave_the_model_as_it_is() -> None:
    few = {name: values[:150] for name, values in synthetic(1000).items()}
    silent = {**synthetic(1000), "responded": np.zeros(1000)}
    assert fit_response_model(few) is None
    assert fit_response_model(silent) is None


def test_a_holdout_is_reported_only_where_the_first_contacts_have_answers() -> None:
    sample = synthetic(1000)
    sample["responded"] = np.r_[np.zeros(900), np.ones(100)]
    found = fit_response_model(sample)
    assert found is not None
    assert "holdout_brier" not in found.metrics


def order(con: duckdb.DuckDBPyConnection, at: datetime, number: int) -> None:
    insert(
        con,
        "orders",
        source="till",
        order_id=str(number),
        ordered_at=at,
        completed_at=at,
        first_at=at,
        last_at=at,
        line_count=1,
        unconverted_count=0,
        anchor="user_id:0",
        channel="pos",
    )


def line(con: duckdb.DuckDBPyConnection, day: datetime, category: str, count: int) -> None:
    insert(
        con,
        "daily_categories",
        anchor="user_id:0",
        day=day.date(),
        category=category,
        event_name="order_completed",
        interaction_count=count,
        unconverted_count=0,
    )


def test_the_sample_knows_only_what_was_known_when_the_contact_went_out() -> None:
    con = world()
    insert(con, "offers", **_offer_row("tea_offer", "TEA"))
    sent = AS_OF - 60 * DAY
    contact(con, sent - 40 * DAY, 1, responded_at=sent - DAY, campaign_id="x")
    contact(con, sent - 10 * DAY, 2, responded_at=sent + DAY)
    contact(con, sent - 5 * DAY, 3, failed_at=sent)
    contact(con, sent, 4, responded_at=sent + 2 * DAY, offer_id="tea_offer")
    contact(con, AS_OF - 10 * DAY, 5, offer_id="tea_offer")
    for number, days in enumerate((100, 50, 7, 0, -3)):
        order(con, sent - days * DAY, number)
    line(con, sent - 50 * DAY, "TEA", 3)
    line(con, sent - 50 * DAY, "JAM", 4)
    line(con, sent, "TEA", 90)
    found = read_sample(con, AS_OF)
    rows = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
    assert len(rows) == 2
    assert rows[1] == {
        "contact_count": 2.0,
        "response_count": 1.0,
        "contact_30d_count": 1.0,
        "recency_days": 7.0,
        "order_90d_count": 2.0,
        "line_count": 7.0,
        "category_line_count": 3.0,
        "responded": 1.0,
    }
    assert rows[0]["contact_count"] == 0.0
    assert (rows[0]["category_line_count"], rows[0]["responded"]) == (3.0, 0.0)


def _offer_row(offer_id: str, category: str) -> dict[str, object]:
    money = dict.fromkeys(
        ("value_customer", "value_company", "cost", "contact_cost_customer", "contact_cost_company"), 1
    )
    return {
        "offer_id": offer_id,
        "name": offer_id,
        "kind": "offer",
        "benefit": "b",
        "purpose": "marketing",
        **money,
        "category": category,
        "campaign_id": "x",
        "channels": "[]",
        "rules": "{}",
        "catalogue_sha256": "c",
    }


def test_a_campaign_gives_the_category_if_all_its_offers_share_it() -> None:
    con = world()
    insert(con, "offers", **_offer_row("one", "TEA"))
    contact(con, AS_OF - 60 * DAY, campaign_id="x")
    line(con, AS_OF - 70 * DAY, "TEA", 2)
    assert read_sample(con, AS_OF)["category_line_count"].tolist() == [2.0]
    insert(con, "offers", **_offer_row("two", "JAM"))
    assert np.isnan(read_sample(con, AS_OF)["category_line_count"][0])


def test_fit_stores_a_version_that_the_policy_then_uses() -> None:
    con = world(0)
    assert fit(con, run()) == []
    before = policy_in_force(con, run(), catalogue())
    for number in range(60):
        add_person(con, f"person_{number}", f"user_id:{number}")
        for week in range(4):
            sent = AS_OF - (40 + 30 * week) * DAY
            answer = {"responded_at": sent + DAY} if number % 3 == 0 else {}
            contact(con, sent, 10 * number + week, anchor=f"user_id:{number}", campaign_id="x", **answer)
    (stored,) = fit(con, run())
    assert (stored.name, stored.version) == ("response_model", 1)
    assert stored.parameters["coefficients"]["past_response"] > 1.0
    after = policy_in_force(con, run(), catalogue())
    assert after.artefact_versions == {"response_model": 1}
    assert after.version != before.version


def test_the_shipped_model_names_every_feature() -> None:
    shipped = estimators()["response_model"].shipped
    assert set(shipped["coefficients"]) == set(shipped["centres"]) == set(FEATURES)
