"""MBG/NBD over the purchase days of all customers; see `pipelines.know.models.mbg_nbd`."""

from datetime import datetime

import duckdb
import numpy as np

from pipelines.know.models.likelihood import rounded
from pipelines.know.models.mbg_nbd import fit as fit_mbg_nbd
from warehouse.artefacts import Estimate, Estimator

# Fewer customers than this who came back say too little about four parameters.
_MINIMUM_REPEATERS = 50


def _fit(con: duckdb.DuckDBPyConnection, as_of: datetime) -> Estimate | None:
    found = con.execute("SELECT x, t_x, t FROM know_buyers ORDER BY x, t_x, t").fetchnumpy()
    x, t_x, t = (np.asarray(found[name], dtype=np.float64) for name in ("x", "t_x", "t"))
    if np.count_nonzero(x) < _MINIMUM_REPEATERS:
        return None
    model, best = fit_mbg_nbd(x, t_x, t)
    if not best.is_inside:
        return None
    return Estimate(
        {name: rounded(getattr(model, name)) for name in ("r", "alpha", "a", "b")},
        {"customers": len(x), "log_likelihood": rounded(best.log_likelihood)},
    )


ESTIMATOR = Estimator(
    doc="purchase rate and dropout (MBG/NBD, Batislam et al. 2007); shipped: the fit on 39 weeks of CDNOW",
    shipped={"r": 0.5248, "alpha": 43.28, "a": 0.8914, "b": 1.614},
    fit=_fit,
    time_unit="day",
)
