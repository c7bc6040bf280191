"""Response rate of customers per channel: Beta-Binomial; see `pipelines.know.models.beta_binomial`."""

from datetime import datetime

import duckdb
import numpy as np

from pipelines.know.models.beta_binomial import fit as fit_beta_binomial
from pipelines.know.models.likelihood import Array, rounded
from warehouse.artefacts import Estimate, Estimator

# A channel with fewer customers than this takes the fallback, which is fitted over all channels.
_MINIMUM_CUSTOMERS = 50
# Where customers hardly differ the likelihood is flat in a + b; more would drown any customer's own answers.
_GREATEST_STRENGTH = 200.0

_PAIRS = """
WITH customers AS (
  SELECT channel, customer_id, COUNT(responded_at) AS y, COUNT(*) AS n
  FROM know_contacts
  WHERE is_measured
  GROUP BY channel, customer_id
)
SELECT channel, y, n, COUNT(*) AS customers
FROM customers
GROUP BY channel, y, n
ORDER BY channel, y, n
"""


def _fit(con: duckdb.DuckDBPyConnection, as_of: datetime) -> Estimate | None:
    found = con.execute(_PAIRS).fetchnumpy()
    y, n, customers = (np.asarray(found[name], dtype=np.float64) for name in ("y", "n", "customers"))
    names = np.asarray(found["channel"], dtype=str)
    if customers.sum() < _MINIMUM_CUSTOMERS:
        return None
    counts = {str(name): float(customers[names == name].sum()) for name in np.unique(names)}
    channels = {
        name: _prior(y[names == name], n[names == name], customers[names == name])
        for name, count in counts.items()
        if count >= _MINIMUM_CUSTOMERS
    }
    return Estimate({"channels": channels, "fallback": _prior(y, n, customers)}, {"customers": counts})


def _prior(y: Array, n: Array, customers: Array) -> dict[str, float]:
    """Give a and b of one channel; where all answer alike, half an answer keeps both above 0."""
    if not 0 < y @ customers < n @ customers:
        mean = float((y @ customers + 0.5) / (n @ customers + 1))
        return {"a": rounded(mean * _GREATEST_STRENGTH), "b": rounded((1 - mean) * _GREATEST_STRENGTH)}
    model, _ = fit_beta_binomial(y, n, customers)
    shrink = min(1.0, _GREATEST_STRENGTH / (model.a + model.b))
    return {"a": rounded(model.a * shrink), "b": rounded(model.b * shrink)}


ESTIMATOR = Estimator(
    doc="Beta(a, b) of the response rate over customers, per channel, and a fallback for other channels; "
    "shipped: one answer in twenty, worth ten contacts, so that no channel is favoured before there are data",
    shipped={"channels": {}, "fallback": {"a": 0.5, "b": 9.5}},
    fit=_fit,
)
