"""Fits the artefacts of this stage; the shipped ones serve until then."""

from functools import cache

import duckdb

from pipelines.decide import estimators as folder
from schemas.discovery import discover
from warehouse.artefacts import Artefact, Estimator, store_artefact
from warehouse.run import Run


@cache
def estimators() -> dict[str, Estimator]:
    """Every estimator of this stage by artefact name."""
    return discover(folder, "ESTIMATOR", Estimator)


def fit(con: duckdb.DuckDBPyConnection, run: Run) -> list[Artefact]:
    """Fit on what was known before `run.as_of`; store what the data suffice for, the rest stays as it is."""
    fitted = []
    for name, estimator in estimators().items():
        estimate = estimator.fit(con, run.as_of)
        if estimate is not None:
            fitted.append(store_artefact(con, run, name, estimator, estimate))
    return fitted
