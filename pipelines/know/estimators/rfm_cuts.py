"""Cut points of recency, frequency and monetary: the values at 20, 40, 60 and 80 % of those who ordered.

A quintile is counted in cut points, so equal values always share one, whoever else is there: a frequency of 1
that half of the customers have is quintile 1 for all of them, and the quintiles that it spans stay empty.
"""

from datetime import datetime
from typing import Any

import duckdb

from warehouse.artefacts import Estimate, Estimator

# Each fifth must hold somebody.
_MINIMUM_CUSTOMERS = 5

# Discrete quantiles are values that occur: exact, and the same in any order of the rows.
_CUTS = """
SELECT COUNT(*),
  QUANTILE_DISC(recency_days, [0.2, 0.4, 0.6, 0.8]),
  QUANTILE_DISC(order_count, [0.2, 0.4, 0.6, 0.8]),
  QUANTILE_DISC(monetary_total, [0.2, 0.4, 0.6, 0.8])
FROM know_buyers
"""


def _fit(con: duckdb.DuckDBPyConnection, as_of: datetime) -> Estimate | None:
    row: tuple[Any, ...] = con.execute(_CUTS).fetchone() or (0, None, None, None)
    customers, recency, frequency, monetary = row
    if customers < _MINIMUM_CUSTOMERS or monetary is None:
        return None
    # Money as text keeps every digit.
    parameters = {"recency": recency, "frequency": frequency, "monetary": [str(cut) for cut in monetary]}
    return Estimate(parameters, {"customers": customers})


ESTIMATOR = Estimator(
    doc="four cut points each of recency (days), frequency (orders) and monetary (total, base currency); "
    "shipped: a month, a quarter, half a year, a year; the others of 2,357 CDNOW customers (18 months, USD)",
    shipped={
        "recency": [30, 90, 180, 365],
        "frequency": [1, 1, 2, 4],
        "monetary": ["15.3600", "31.9500", "59.2500", "130.4900"],
    },
    fit=_fit,
    time_unit="day",
)
