"""Beta-Binomial: answers out of contacts, with rates that differ between customers.

Skellam (1948). A customer answers each contact with a rate that is Beta(a, b) over customers; after y answers
to n contacts, weighted or not, the rate is Beta(a + y, b + n - y).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, psi

from pipelines.know.models.likelihood import Array, Maximum, maximise, merged, weighted_sums

_START_STRENGTHS = (1.0, 10.0, 100.0)


@dataclass(frozen=True)
class BetaBinomial:
    """Parameters: mean rate a / (a + b), worth a + b contacts."""

    a: float
    b: float


def log_likelihood(parameters: Array, y: Array, n: Array, weights: Array) -> tuple[float, Array]:
    """Weighted log-likelihood of (y, n) without the binomial coefficient, and its gradient."""
    a, b = parameters
    value = betaln(a + y, b + n - y) - betaln(a, b)
    common = psi(a + b) - psi(a + b + n)
    gradient = (psi(a + y) - psi(a) + common, psi(b + n - y) - psi(b) + common)
    return weighted_sums(weights, value, gradient)


def fit(y: Array, n: Array, weights: Array | None = None) -> tuple[BetaBinomial, Maximum]:
    """Maximum likelihood over distinct (y, n) pairs, 0 <= y <= n and n >= 1, each counted `weights` times.

    Raises ValueError if there is no pair or one is impossible. Where all answer alike the strength a + b has
    no maximum and grows to the bound of the search; `Maximum.is_inside` is then false.
    """
    if len(y) == 0 or np.any((y < 0) | (y > n) | (n < 1)):
        raise ValueError("Beta-Binomial needs pairs with 0 <= y <= n and n >= 1")
    (y, n), counts = merged((y, n), weights)
    mean = float((np.sum(counts * y) + 0.5) / (np.sum(counts * n) + 1))
    starts = [(mean * strength, (1 - mean) * strength) for strength in _START_STRENGTHS]
    best = maximise(lambda p: log_likelihood(p, y, n, counts), starts, float(counts.sum()))
    return BetaBinomial(float(best.parameters[0]), float(best.parameters[1])), best
