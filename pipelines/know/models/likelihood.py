"""Maximum likelihood for models whose parameters are all positive."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

Array = npt.NDArray[np.float64]
# Positive parameters -> (sum of log-likelihoods, its gradient).
LogLikelihood = Callable[[Array], tuple[float, Array]]

# exp(-12) .. exp(18): wide enough for parameters in any currency and time unit, and far from overflow.
LOG_BOUNDS = (-12.0, 18.0)


@dataclass(frozen=True)
class Maximum:
    """The parameters at the greatest log-likelihood found, and that log-likelihood.

    `is_inside` is false where a parameter ran to the bound of the search: the data do not hold it.
    """

    parameters: Array
    log_likelihood: float
    is_inside: bool


def maximise(log_likelihood: LogLikelihood, starts: Sequence[Sequence[float]], size: float) -> Maximum:
    """Find the best maximum over all `starts`, in the logarithms of the parameters (BFGS).

    `size` is the number of observations: the search sees the mean log-likelihood, so that its tolerances
    mean the same for small and large data. Equal input gives equal output.
    """

    def descent(logs: Array) -> tuple[float, Array]:
        inside = np.clip(logs, *LOG_BOUNDS)
        parameters = np.exp(inside)
        value, gradient = log_likelihood(parameters)
        return -value / size, np.where(inside == logs, -gradient * parameters / size, 0.0)

    # scipy's L-BFGS-B took fifty times as long on four parameters, waiting for threads of BLAS.
    searches = [
        minimize(descent, np.log(start), jac=True, method="BFGS", options={"gtol": 1e-8, "maxiter": 500})
        for start in starts
    ]
    best = min(searches, key=lambda search: float(search.fun))
    is_inside = bool(np.all((best.x > LOG_BOUNDS[0]) & (best.x < LOG_BOUNDS[1])))
    parameters = np.exp(np.clip(best.x, *LOG_BOUNDS))
    return Maximum(parameters, -float(best.fun) * size, is_inside)


def merged(columns: Sequence[Array], weights: Array | None = None) -> tuple[list[Array], Array]:
    """Distinct rows of equally long `columns`, ascending, and the sum of their `weights` (1 each if None).

    Fitting on distinct rows with weights costs less and makes the result independent of the rows' order.
    """
    rows, places = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
    return [np.ascontiguousarray(column) for column in rows.T], np.bincount(places, weights).astype(np.float64)


def rounded(value: float) -> float:
    """`value` to seven significant digits: what a search can tell, without the noise of its last steps."""
    return float(f"{value:.7g}")


def weighted_sums(weights: Array, value: Array, gradient: Sequence[Array]) -> tuple[float, Array]:
    """Weighted sums of a log-likelihood and of the parts of its gradient.

    Not as a product of BLAS, whose threads would decide the order of the sum.
    """
    return float(np.sum(weights * value)), np.array([np.sum(weights * part) for part in gradient])
