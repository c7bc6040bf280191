"""How likely an answer to an offer is: logistic regression on what was known before it was sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from pipelines.decide.features import FEATURES, Floats, features
from pipelines.decide.logistic import logistic_regression
from pipelines.decide.response_sample import RESPONSE_DAYS, read_sample
from warehouse.artefacts import Estimate, Estimator

PRIOR_CONTACTS = 10.0
RIDGE = 1.0
FEWEST_CONTACTS = 200
FEWEST_RESPONSES = 20
_BINS = 10
_HOLDOUT_SHARE = 0.2


def fit_response_model(sample: Mapping[str, Floats]) -> Estimate | None:
    """Maximise the likelihood, ridge 1 on the slopes, none on the intercept: mean prediction = observed rate.

    Metrics: Brier score and calibration by tenths on all contacts; the Brier score on the last fifth of a
    model of the first four fifths, beside that of their constant rate. None with fewer than 200 contacts, 20
    answers or 20 silences.
    """
    responded = sample["responded"]
    count, positives = len(responded), float(responded.sum())
    if count < FEWEST_CONTACTS or min(positives, count - positives) < FEWEST_RESPONSES:
        return None
    model = _fitted(sample)
    predicted = predict(sample, model)
    metrics = {
        "contacts": count,
        "responses": int(positives),
        "brier": _brier(predicted, responded),
        "bins": _bins(predicted, responded),
        **_holdout(sample),
    }
    return Estimate(model, metrics)


def predict(sample: Mapping[str, Floats], model: Mapping[str, Any]) -> Floats:
    """P(answer) of each contact in the sample under the model's parameters."""
    found = features(sample, model)
    slopes = np.array([float(model["coefficients"][name]) for name in FEATURES])
    centres = np.array([float(model["centres"][name]) for name in FEATURES])
    matrix = np.column_stack([found[name] for name in FEATURES])
    return np.asarray(expit(float(model["intercept"]) + (matrix - centres) @ slopes))


def _fitted(sample: Mapping[str, Floats]) -> dict[str, Any]:
    responded = sample["responded"]
    model: dict[str, Any] = {
        "prior_responses": PRIOR_CONTACTS * float(responded.mean()),
        "prior_contacts": PRIOR_CONTACTS,
        "centres": {"affinity": np.nan},
    }
    found = features(sample, model)
    centres = {name: _mean_of_known(found[name]) for name in FEATURES}
    matrix = np.column_stack([np.nan_to_num(found[name] - centres[name], nan=0.0) for name in FEATURES])
    intercept, *slopes = logistic_regression(matrix, responded, RIDGE)
    return {
        **model,
        "intercept": intercept,
        "coefficients": dict(zip(FEATURES, slopes, strict=True)),
        "centres": centres,
    }


def _mean_of_known(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def _holdout(sample: Mapping[str, Floats]) -> dict[str, float]:
    cut = int(len(sample["responded"]) * (1.0 - _HOLDOUT_SHARE))
    first = {name: values[:cut] for name, values in sample.items()}
    last = {name: values[cut:] for name, values in sample.items()}
    rate = float(first["responded"].mean())
    if rate in (0.0, 1.0):
        return {}
    return {
        "holdout_brier": _brier(predict(last, _fitted(first)), last["responded"]),
        "holdout_brier_of_constant_rate": _brier(np.full(len(last["responded"]), rate), last["responded"]),
    }


def _brier(predicted: Floats, responded: Floats) -> float:
    return float(np.mean((predicted - responded) ** 2))


def _bins(predicted: Floats, responded: Floats) -> list[dict[str, float]]:
    order: NDArray[np.int64] = np.argsort(predicted, kind="stable")
    return [
        {
            "contacts": len(part),
            "predicted": float(predicted[part].mean()),
            "observed": float(responded[part].mean()),
        }
        for part in np.array_split(order, _BINS)
    ]


def _fit(con: duckdb.DuckDBPyConnection, as_of: datetime) -> Estimate | None:
    return fit_response_model(read_sample(con, as_of))


ESTIMATOR = Estimator(
    doc="probability that a person answers a contact with an offer within 30 days; ridge logistic regression "
    "on what was known when it was sent (Hastie, Tibshirani & Friedman 2009, section 4.4)",
    shipped={
        "intercept": float(logit(0.05)),
        "coefficients": {
            "past_response": 4.0,
            "affinity": 1.0,
            "recency": 0.5,
            "orders": 0.5,
            "pressure": -0.5,
        },
        "centres": {"past_response": 0.05, "affinity": 0.1, "recency": 0.4, "orders": 0.4, "pressure": 0.3},
        "prior_responses": 0.5,
        "prior_contacts": PRIOR_CONTACTS,
    },
    fit=_fit,
    time_unit="day",
    window_days=RESPONSE_DAYS,
)
