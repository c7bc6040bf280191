"""MBG/NBD: repeat purchases of customers who may leave unseen, right after the first purchase too.

Batislam, Denizel and Filiztekin (2007), "Empirical validation and comparison of models for customer base
analysis", International Journal of Research in Marketing 24. While alive a customer buys as a Poisson process
whose rate is Gamma(r, alpha) over customers; after each purchase, the first included, the customer leaves
with a probability that is Beta(a, b) over customers. Unlike BG/NBD it does not call one-time buyers alive.

A customer is (x, t_x, T): repeat purchases, time of the last one and time observed, both since the first
purchase, in one time unit; alpha is in that unit, the rest is free of it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, expit, gammaln, psi

from pipelines.know.models.likelihood import Array, Maximum, maximise, merged, weighted_sums

_SHAPE_STARTS = ((0.5, 1.0, 1.0, 2.5), (1.0, 2.0, 0.5, 0.5), (0.2, 0.5, 2.0, 5.0))


@dataclass(frozen=True)
class MbgNbd:
    """Parameters: purchase rate Gamma(r, alpha), probability of leaving Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float


def log_likelihood(parameters: Array, x: Array, t_x: Array, t: Array, weights: Array) -> tuple[float, Array]:
    """Weighted log-likelihood of the triples under (r, alpha, a, b), and its gradient.

    Everything stays in logarithms, so that thousands of purchases neither overflow nor give NaN.
    """
    r, alpha, a, b = parameters
    log_last, log_end = np.log(alpha + t_x), np.log(alpha + t)
    alive = betaln(a, b + x + 1) - (r + x) * log_end
    gone = betaln(a + 1, b + x) - (r + x) * log_last
    rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    value = rate + np.logaddexp(alive, gone)
    p, q = expit(alive - gone), expit(gone - alive)
    total = psi(a + b + x + 1)
    gradient = (
        psi(r + x) - psi(r) + np.log(alpha) - p * log_end - q * log_last,
        r / alpha - (r + x) * (p / (alpha + t) + q / (alpha + t_x)),
        p * psi(a) + q * psi(a + 1) - total - psi(a) + psi(a + b),
        p * psi(b + x + 1) + q * psi(b + x) - total - psi(b) + psi(a + b),
    )
    return weighted_sums(weights, value, gradient)


def fit(x: Array, t_x: Array, t: Array) -> tuple[MbgNbd, Maximum]:
    """Maximum likelihood over customers (equally long arrays; 0 <= t_x <= T in one time unit).

    Raises ValueError if there is no customer or a triple is impossible.
    """
    if len(x) == 0 or np.any((x < 0) | (t_x < 0) | (t_x > t)):
        raise ValueError("MBG/NBD needs customers with x >= 0 and 0 <= t_x <= T")
    (x, t_x, t), weights = merged((x, t_x, t))
    scale = max(float(np.average(t, weights=weights)) / 4, 1e-6)
    starts = [(r, alpha * scale, a, b) for r, alpha, a, b in _SHAPE_STARTS]
    best = maximise(lambda p: log_likelihood(p, x, t_x, t, weights), starts, float(weights.sum()))
    return MbgNbd(*(float(value) for value in best.parameters)), best


def p_alive(model: MbgNbd, x: Array, t_x: Array, t: Array) -> Array:
    """Probability that a customer (x, t_x, T) has not left by T.

    `1 / (1 + a / (b + x) * ((alpha + T) / (alpha + t_x)) ** (r + x))`, through the logarithm of the odds.
    """
    growth = np.log1p((t - t_x) / (model.alpha + t_x))
    return np.asarray(expit(-(np.log(model.a / (model.b + x)) + (model.r + x) * growth)))


def p_purchase_within(model: MbgNbd, x: Array, t_x: Array, t: Array, horizon: float) -> Array:
    """Probability of at least one purchase in the next `horizon` time units.

    Given that a customer is alive the rate is Gamma(r + x, alpha + T), so no purchase has probability
    `((alpha + T) / (alpha + T + horizon)) ** (r + x)`.
    """
    silence = (model.r + x) * np.log1p(horizon / (model.alpha + t))
    return p_alive(model, x, t_x, t) * -np.expm1(-silence)
