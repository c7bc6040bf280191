"""Share of each category in the forward-decayed affinities of all customers."""

from datetime import datetime

import duckdb

from pipelines.know.models.likelihood import rounded
from warehouse.artefacts import Estimate, Estimator

# Purchases of an average customer that the share of one customer is shrunk by.
_STRENGTH = 10.0

# Affinities are DECIMAL, so their sums are exact in any order.
_SHARES = """
WITH sums AS (
  SELECT category, SUM(affinity) AS affinity
  FROM know_categories
  GROUP BY category
),
totals AS (
  SELECT SUM(affinity) AS affinity
  FROM sums
)
SELECT s.category, s.affinity::DOUBLE / t.affinity::DOUBLE
FROM sums AS s
CROSS JOIN totals AS t
WHERE s.affinity > 0
ORDER BY s.category
"""


def _fit(con: duckdb.DuckDBPyConnection, as_of: datetime) -> Estimate | None:
    shares = {category: rounded(share) for category, share in con.execute(_SHARES).fetchall()}
    return Estimate({"shares": shares, "strength": _STRENGTH}, {"categories": len(shares)}) if shares else None


ESTIMATOR = Estimator(
    doc="share of each category in the affinities of all customers, and the shrinkage of lift in purchases; "
    "shipped: none is known, so lift is unknown before the first fit",
    shipped={"shares": {}, "strength": _STRENGTH},
    fit=_fit,
)
