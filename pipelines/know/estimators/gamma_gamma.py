"""Gamma-Gamma over the orders of all customers; see `pipelines.know.models.gamma_gamma`.

All orders with a positive amount count, the first included, so that customers with one order are part of the
base and can be scored by the same parameters.
"""

from datetime import datetime

import duckdb
import numpy as np

from pipelines.know.models.gamma_gamma import fit as fit_gamma_gamma
from pipelines.know.models.likelihood import rounded
from warehouse.artefacts import Estimate, Estimator

# p is identified by the spread between orders of one customer, so it needs customers with several.
_MINIMUM_REPEATERS = 50

_SPENDS = """
SELECT paid_count, paid_mean
FROM know_buyers
WHERE paid_count > 0
ORDER BY paid_count, paid_mean
"""


def _fit(con: duckdb.DuckDBPyConnection, as_of: datetime) -> Estimate | None:
    found = con.execute(_SPENDS).fetchnumpy()
    x, mean = (np.asarray(found[name], dtype=np.float64) for name in ("paid_count", "paid_mean"))
    if np.count_nonzero(x > 1) < _MINIMUM_REPEATERS:
        return None
    model, best = fit_gamma_gamma(x, mean)
    if not best.is_inside:
        return None
    return Estimate(
        {name: rounded(getattr(model, name)) for name in ("p", "q", "v")},
        {"customers": len(x), "log_likelihood": rounded(best.log_likelihood)},
    )


ESTIMATOR = Estimator(
    doc="spend per order (Gamma-Gamma, Fader and Hardie 2013); shipped: the customer's own mean, not shrunk, "
    "because v is an amount of money and no amount is right in every currency and trade",
    shipped={"p": 1.0, "q": 1.0, "v": 0.0},
    fit=_fit,
)
