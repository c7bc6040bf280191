"""Logistic regression with ridge, by a trust-region Newton method on the exact curvature."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from pipelines.decide.features import Floats


def logistic_regression(matrix: Floats, outcome: Floats, ridge: float) -> list[float]:
    """Maximise the likelihood less `ridge / 2 * sum(slope^2)`; returns the intercept, then the slopes.

    `matrix` is rows x features, `outcome` 0 or 1 with both present.
    """
    design = np.column_stack([np.ones(len(matrix)), matrix])
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 0.0

    def loss(beta: Floats) -> tuple[float, Floats]:
        eta = design @ beta
        value = np.logaddexp(0.0, eta).sum() - outcome @ eta + 0.5 * (penalty @ beta**2)
        return float(value), design.T @ (expit(eta) - outcome) + penalty * beta

    def curvature(beta: Floats) -> Floats:
        share = expit(design @ beta)
        return np.asarray((design * (share * (1.0 - share))[:, None]).T @ design + np.diag(penalty))

    start = np.zeros(design.shape[1])
    start[0] = logit(outcome.mean())
    found = minimize(loss, start, jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-8})
    return [float(value) for value in found.x]
