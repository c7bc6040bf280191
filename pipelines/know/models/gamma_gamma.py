"""Gamma-Gamma: mean spend per purchase, shrunk towards the customer base.

Fader and Hardie (2013), "The Gamma-Gamma Model of Monetary Value". Spend on a purchase is Gamma(p, nu), and
nu is Gamma(q, v) over customers; v is in the currency of the spend. Spend does not depend on the number of
purchases.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, psi

from pipelines.know.models.likelihood import Array, Maximum, maximise, merged, weighted_sums

_SHAPE_STARTS = ((5.0, 4.0, 0.5), (1.0, 2.0, 1.0), (20.0, 10.0, 0.5))


@dataclass(frozen=True)
class GammaGamma:
    """Parameters: shape p of the spends of a customer, shape q and scale v over customers."""

    p: float
    q: float
    v: float


def log_likelihood(parameters: Array, x: Array, mean: Array, weights: Array) -> tuple[float, Array]:
    """Weighted log-likelihood of mean spends `mean` over `x` purchases each, and its gradient."""
    p, q, v = parameters
    total = x * mean
    log_sum = np.log(v + total)
    value = (
        gammaln(p * x + q) - gammaln(p * x) - gammaln(q)
        + q * np.log(v) + p * x * np.log(total) - np.log(mean) - (p * x + q) * log_sum
    )  # fmt: skip
    gradient = (
        x * (psi(p * x + q) - psi(p * x) + np.log(total) - log_sum),
        psi(p * x + q) - psi(q) + np.log(v) - log_sum,
        q / v - (p * x + q) / (v + total),
    )
    return weighted_sums(weights, value, gradient)


def fit(x: Array, mean: Array) -> tuple[GammaGamma, Maximum]:
    """Maximum likelihood over customers with `x` >= 1 purchases of `mean` > 0 each.

    Raises ValueError if there is no customer or a value is not positive.
    """
    if len(x) == 0 or np.any((x < 1) | (mean <= 0)):
        raise ValueError("Gamma-Gamma needs customers with at least one purchase and a positive mean spend")
    (x, mean), weights = merged((x, mean))
    scale = float(np.average(mean, weights=weights))
    starts = [(p, q, v * scale) for p, q, v in _SHAPE_STARTS]
    best = maximise(lambda given: log_likelihood(given, x, mean, weights), starts, float(weights.sum()))
    return GammaGamma(*(float(value) for value in best.parameters)), best


def expected_spend(model: GammaGamma, x: Array, mean: Array) -> Array:
    """Expect this spend on the next purchase, in the currency of `mean`: `p (v + x mean) / (p x + q - 1)`.

    NaN where the expectation does not exist (p x + q <= 1).
    """
    weight = model.p * x + model.q - 1
    return np.where(weight > 0, model.p * (model.v + x * mean) / np.where(weight > 0, weight, 1.0), np.nan)
