import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.decide.estimators.response_model import ESTIMATOR
from pipelines.decide.features import Floats, features
from pipelines.decide.score import Choice, Weights, choose, score_offers

SHIPPED = ESTIMATOR.shipped
WEIGHTS = Weights(customer_weight=0.5, loyalty_lever=0.25, exploration_gamma=50.0, holdout_share=0.0)
FACTS = {
    "contact_count": 5.0,
    "response_count": 2.0,
    "contact_30d_count": 1.0,
    "recency_days": 10.0,
    "order_90d_count": 4.0,
    "line_count": 15.0,
    "category_line_count": 5.0,
    "p_purchase_30d": 0.4,
    "p_alive": 0.9,
    "frequency_quintile": 5.0,
    "monetary_quintile": 3.0,
    "is_sale": 1.0,
    "worth_customer": 2.0,
    "worth_company": 6.0,
    "cost": 2.0,
    "contact_cost_customer": 0.05,
    "contact_cost_company": 0.01,
}


def facts(**changes: float) -> dict[str, Floats]:
    return {name: np.array([[value]]) for name, value in {**FACTS, **changes}.items()}


def test_the_score_is_the_formula_of_the_design() -> None:
    found = score_offers(facts(), SHIPPED, WEIGHTS)
    inputs = {"past_response": 2.5 / 15, "affinity": 0.25, "recency": 0.75, "orders": 4 / 7, "pressure": 0.25}
    added = sum(SHIPPED["coefficients"][n] * (x - SHIPPED["centres"][n]) for n, x in inputs.items())
    p1 = 1 / (1 + math.exp(-SHIPPED["intercept"] - added))
    p0 = p1 * 0.4 * 0.25
    with_contact = p1 * (0.5 * (2.0 - 0.05 / p1) + 0.5 * (6.0 - 2.0 - 0.01 / p1))
    expected = (1 + 0.25 * 0.9 * 6 / 8) * (with_contact - p0 * 0.5 * 6.0)
    assert (found.p1[0, 0], found.p0[0, 0]) == pytest.approx((p1, p0), rel=1e-12)
    assert found.score[0, 0] == pytest.approx(expected, rel=1e-12)
    assert found.strongest[0, 0] == 0


@pytest.mark.parametrize("unknown", [{"p_purchase_30d": math.nan}, {"is_sale": 0.0}, {"category_line_count": 0.0}])
def test_nothing_would_have_come_by_itself_where_no_baseline_is_known(unknown: dict[str, float]) -> None:
    assert score_offers(facts(**unknown), SHIPPED, WEIGHTS).p0[0, 0] == 0.0


def test_an_offer_without_category_is_average_in_affinity_and_full_in_baseline() -> None:
    changed = facts(category_line_count=math.nan)
    assert features(changed, SHIPPED)["affinity"][0, 0] == SHIPPED["centres"]["affinity"]
    found = score_offers(changed, SHIPPED, WEIGHTS)
    assert found.p0[0, 0] == pytest.approx(0.4 * found.p1[0, 0], rel=1e-12)


def test_a_customer_without_orders_has_no_lever_and_no_recency() -> None:
    changed = facts(recency_days=math.nan, p_alive=math.nan, frequency_quintile=math.nan)
    assert features(changed, SHIPPED)["recency"][0, 0] == 0.0
    assert score_offers(changed, SHIPPED, WEIGHTS).lever[0, 0] == 1.0


def test_no_feature_is_strongest_when_none_raises_the_answer() -> None:
    changed = facts(response_count=0.0, category_line_count=0.0, recency_days=400.0, order_90d_count=0.0)
    changed["contact_30d_count"] = np.array([[20.0]])
    assert score_offers(changed, SHIPPED, WEIGHTS).strongest[0, 0] == -1


def drawn(score: list[float], uniform: float, weights: Weights = WEIGHTS, held_out: bool = False) -> Choice:
    matrix = np.array([score])
    passed = ~np.isnan(matrix)
    return choose(np.nan_to_num(matrix), passed, np.array([uniform]), np.array([held_out]), weights)


def test_nothing_is_best_when_every_score_is_negative() -> None:
    found = drawn([-0.5, -1.0], 0.0)
    assert (found.best[0], found.chosen[0]) == (0, 0)
    assert found.propensity[0, 0] > 0.9


def test_nothing_is_certain_when_every_offer_was_dropped() -> None:
    assert drawn([math.nan, math.nan], 0.9999).propensity[0].tolist() == [1.0, 0.0, 0.0]


def test_rivals_get_the_inverse_of_their_scaled_gap_and_the_best_the_rest() -> None:
    found = drawn([1.0, 0.5, math.nan], 0.5)
    rest = [1 / (3 + 50 * 3 * 1.0), 1 / (3 + 50 * 3 * 0.5)]
    assert found.propensity[0].tolist() == pytest.approx([rest[0], 1 - sum(rest), rest[1], 0.0], rel=1e-12)


def test_equal_scores_share_evenly_and_the_draw_follows_the_order_of_the_candidates() -> None:
    assert [int(drawn([0.0, 0.0, 0.0], u).chosen[0]) for u in (0.1, 0.3, 0.6, 0.8)] == [0, 1, 2, 3]


def test_the_held_out_get_nothing_and_its_propensity_holds_the_share() -> None:
    weights = Weights(0.5, 0.25, 50.0, holdout_share=0.1)
    held, free = drawn([1.0], 0.5, weights, held_out=True), drawn([1.0], 0.5, weights)
    assert (held.chosen[0], held.best[0], free.chosen[0]) == (0, 1, 1)
    assert free.propensity[0].tolist() == pytest.approx([0.1 + 0.9 / 102, 0.9 * (1 - 1 / 102)], rel=1e-12)


MATRICES = arrays(np.float64, (7, 5), elements=st.floats(-1e6, 1e6))


@settings(max_examples=60, deadline=None)
@given(
    score=MATRICES,
    passed=arrays(np.bool_, (7, 5)),
    uniform=arrays(np.float64, 7, elements=st.floats(0, 1, exclude_max=True)),
    gamma=st.floats(0, 1e6),
    holdout=st.floats(0, 1),
)
def test_propensities_sum_to_one_over_the_survivors_and_each_row_stands_alone(
    score: Floats, passed: np.ndarray, uniform: Floats, gamma: float, holdout: float
) -> None:
    weights, held_out = Weights(0.5, 0.25, gamma, holdout), np.zeros(7, dtype=np.bool_)
    found = choose(score, passed, uniform, held_out, weights)
    np.testing.assert_allclose(found.propensity.sum(axis=1), 1.0, rtol=0, atol=1e-12)
    assert (found.propensity[:, 1:][~passed] == 0.0).all()
    assert (found.propensity[:, 1:][passed] >= 0.0).all()
    chosen = found.propensity[np.arange(7), found.chosen]
    assert (chosen > 0.0).all() or holdout == 1.0
    alone = choose(score[3:4][:, passed[3]], passed[3:4][:, passed[3]], uniform[3:4], held_out[3:4], weights)
    survivors = np.concatenate([[True], passed[3]])
    assert alone.propensity[0].tobytes() == found.propensity[3][survivors].tobytes()
    assert np.flatnonzero(survivors)[alone.chosen[0]] == found.chosen[3]
