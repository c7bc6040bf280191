"""BG/NBD (Fader, Hardie and Lee 2005): an oracle for tests only: it calls every one-time buyer alive."""

import numpy as np
from scipy.special import betaln, gammaln

from pipelines.know.models.likelihood import Array, Maximum, maximise, merged


def log_likelihood(parameters: Array, x: Array, t_x: Array, t: Array, weights: Array) -> float:
    r, alpha, a, b = parameters
    alive = betaln(a, b + x) - (r + x) * np.log(alpha + t)
    gone = betaln(a + 1, b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x)
    both = np.logaddexp(alive, np.where(x > 0, gone, -np.inf))
    value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b) + both
    return float(np.sum(weights * value))


def fit(x: Array, t_x: Array, t: Array) -> Maximum:
    (x, t_x, t), weights = merged((x, t_x, t))

    def with_gradient(parameters: Array) -> tuple[float, Array]:
        steps = np.diag(parameters * 1e-6)
        gradient = [
            log_likelihood(parameters + step, x, t_x, t, weights)
            - log_likelihood(parameters - step, x, t_x, t, weights)
            for step in steps
        ]
        return log_likelihood(parameters, x, t_x, t, weights), np.array(gradient) / (parameters * 2e-6)

    return maximise(with_gradient, [(0.5, 5.0, 1.0, 2.0)], float(weights.sum()))
