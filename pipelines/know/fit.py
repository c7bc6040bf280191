"""Fit: everything that is estimated across customers, then everyone scored again."""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from pipelines.know.estimators import estimators
from pipelines.know.inputs import prepare_inputs
from pipelines.know.know import NOTHING_ROLLED, KnowReport, know
from pipelines.know.rolled import RolledTable
from pipelines.know.scope import scope_customers
from warehouse.artefacts import Artefact, Estimate, current_artefacts, store_artefact
from warehouse.run import Run


@dataclass(frozen=True)
class FitReport:
    """Artefacts with a new version, those left equal, those with too little data, and the rescore."""

    stored: dict[str, Artefact]
    unchanged: tuple[str, ...]
    insufficient: tuple[str, ...]
    know: KnowReport


def fit(con: duckdb.DuckDBPyConnection, run: Run, rolled: Mapping[str, RolledTable] = NOTHING_ROLLED) -> FitReport:
    """Fit every estimator on what is known before `run.as_of`, store what changed, and rescore everyone.

    `rolled` is what `know` takes. Runs inside the caller's transaction.
    """
    current = current_artefacts(con, estimators())
    scope_customers(con, run, None)
    prepare_inputs(con, run, rolled)
    found = {name: estimator.fit(con, run.as_of) for name, estimator in estimators().items()}
    changed = {
        name: estimate
        for name, estimate in found.items()
        if estimate is not None and estimate.parameters != dict(current[name].parameters)
    }
    stored = {name: store_artefact(con, run, name, estimators()[name], estimate) for name, estimate in changed.items()}
    return FitReport(stored, _unchanged(found, stored), _insufficient(found), know(con, run, None, rolled))


def _unchanged(found: dict[str, Estimate | None], stored: dict[str, Artefact]) -> tuple[str, ...]:
    return tuple(name for name, estimate in found.items() if estimate is not None and name not in stored)


def _insufficient(found: dict[str, Estimate | None]) -> tuple[str, ...]:
    return tuple(name for name, estimate in found.items() if estimate is None)
