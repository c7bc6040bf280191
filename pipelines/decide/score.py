"""The score and the choice, as pure functions on arrays of customers x candidates.

Every operation works element by element in a fixed order, so that a decision computes to the same bits alone,
in any chunk and under any number of threads.

    value_customer = p1 * worth_customer - contact_cost_customer
    value_company  = p1 * (worth_company - cost) - contact_cost_company - p0 * worth_company
    score          = lever * (w * value_customer + (1 - w) * value_company)

This is `p1 (w V_c1 + (1-w) V_f1) - p0 (w V_c0 + (1-w) V_f0)` with V_c1 = worth_customer -
contact_cost_customer / p1 and V_f1 likewise (a contact costs whether or not it is answered), V_c0 = 0 (the
benefit is not received) and V_f0 = worth_company (the same purchase without the incentive).

p0 = p1 * baseline: of those who would answer, the share who would have bought within 30 days anyway.
`baseline` is P(purchase in 30 days), times the category's share of the lines bought where the offer has one.
It is 0 without orders, and for every kind but `offer`: no other benefit reaches a customer by itself.

lever = 1 + loyalty_lever * loyalty, loyalty = P(alive) * (frequency quintile + monetary quintile - 2) / 8: a
loyal customer's gains come first, and their losses weigh more.

Propensities: inverse-gap weighting (Abe & Long 1999; Foster & Rakhlin 2020), 1 / (K + gamma * gap) per rival
and the rest to the best of K. Scores are scaled first to [0, K] between the worst and the best candidate, so
that exploration depends neither on the currency nor on the size of the catalogue. A holdout share h goes to
`nothing` on top.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from pipelines.decide.features import Floats, category_share, contributions, features

SCORE_VERSION = 1
LOYALTY_FACTS = ("p_purchase_30d", "p_alive", "frequency_quintile", "monetary_quintile")
OFFER_TERMS = (
    "is_sale",
    "worth_customer",
    "worth_company",
    "cost",
    "contact_cost_customer",
    "contact_cost_company",
)


@dataclass(frozen=True)
class Weights:
    """The policy's numbers: w, loyalty lever, exploration gamma, holdout share."""

    customer_weight: float
    loyalty_lever: float
    exploration_gamma: float
    holdout_share: float


@dataclass(frozen=True)
class Scores:
    """Score and its terms, customers x offers.

    `strongest` is the index in FEATURES of what raises p1 most above the average contact, -1 if nothing does.
    """

    p1: Floats
    p0: Floats
    lever: Floats
    value_customer: Floats
    value_company: Floats
    score: Floats
    strongest: NDArray[np.int64]


@dataclass(frozen=True)
class Choice:
    """Per customer the column drawn and the best one (0 is nothing, 1 the first offer); all propensities."""

    chosen: NDArray[np.int64]
    best: NDArray[np.int64]
    propensity: Floats


def score_offers(facts: Mapping[str, Floats], model: Mapping[str, Any], weights: Weights) -> Scores:
    """Score every candidate from CUSTOMER_FACTS, OFFER_FACTS, LOYALTY_FACTS and OFFER_TERMS.

    Customer columns have the shape (customers, 1), offer columns (1, offers), `category_line_count` both; NaN
    is unknown.
    """
    added = contributions(features(facts, model), model)
    log_odds = np.full(added[1].shape, float(model["intercept"]))
    for part in added:
        log_odds = log_odds + part
    p1 = expit(log_odds)
    p0 = p1 * _baseline(facts)
    lever = 1.0 + weights.loyalty_lever * _loyalty(facts)
    customer = p1 * facts["worth_customer"] - facts["contact_cost_customer"]
    margin = p1 * (facts["worth_company"] - facts["cost"])
    company = margin - facts["contact_cost_company"] - p0 * facts["worth_company"]
    both = weights.customer_weight * customer + (1.0 - weights.customer_weight) * company
    return Scores(p1, p0, lever, customer, company, lever * both, _strongest(added))


def choose(
    score: Floats, passed: NDArray[np.bool_], uniform: Floats, held_out: NDArray[np.bool_], weights: Weights
) -> Choice:
    """Draw one candidate per customer from `score` and `passed` (customers x offers) and `uniform` in [0, 1).

    Nothing stands before the first offer with score 0 and always passes; ties go to the earlier column.
    """
    every = np.concatenate([np.zeros((len(score), 1)), score], axis=1)
    alive = np.concatenate([np.ones((len(score), 1), dtype=np.bool_), passed], axis=1)
    best = np.argmax(np.where(alive, every, -np.inf), axis=1)
    propensity = _propensities(every, alive, best, weights)
    drawn = np.where(held_out, 0, _draw(propensity, alive, uniform))
    mixed = (1.0 - weights.holdout_share) * propensity
    mixed[:, 0] = weights.holdout_share + mixed[:, 0]
    return Choice(drawn, best, mixed)


def _strongest(added: list[Floats]) -> NDArray[np.int64]:
    every = np.stack(np.broadcast_arrays(*added))
    return np.where(every.max(axis=0) > 0.0, np.argmax(every, axis=0), -1)


def _baseline(facts: Mapping[str, Floats]) -> Floats:
    share = category_share(facts)
    buys = np.nan_to_num(facts["p_purchase_30d"], nan=0.0)
    return facts["is_sale"] * (buys * np.where(np.isnan(share), 1.0, share))


def _loyalty(facts: Mapping[str, Floats]) -> Floats:
    quintiles = facts["frequency_quintile"] + facts["monetary_quintile"]
    return np.nan_to_num(facts["p_alive"] * ((quintiles - 2.0) / 8.0), nan=0.0)


def _propensities(score: Floats, alive: NDArray[np.bool_], best: NDArray[np.int64], weights: Weights) -> Floats:
    rows = np.arange(len(score))
    gap = np.where(alive, score[rows, best][:, None] - score, 0.0)
    span = gap.max(axis=1)[:, None]
    count = alive.sum(axis=1).astype(np.float64)[:, None]
    scaled = count * (gap / np.where(span > 0.0, span, 1.0))
    share = np.where(alive, 1.0 / (count + weights.exploration_gamma * scaled), 0.0)
    share[rows, best] = 0.0
    share[rows, best] = 1.0 - _running(share)[:, -1]
    return share


def _draw(propensity: Floats, alive: NDArray[np.bool_], uniform: Floats) -> NDArray[np.int64]:
    below = alive & (uniform[:, None] < _running(propensity))
    last = alive.shape[1] - 1 - np.argmax(alive[:, ::-1], axis=1)
    drawn: NDArray[np.int64] = np.where(below.any(axis=1), np.argmax(below, axis=1), last)
    return drawn


def _running(values: Floats) -> Floats:
    total, sums = np.zeros(len(values)), np.empty_like(values)
    for column in range(values.shape[1]):
        total = total + values[:, column]
        sums[:, column] = total
    return sums
