"""Artefacts: all that is estimated across customers, versioned, made only by `fit`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from warehouse.run import Run


@dataclass(frozen=True)
class Estimate:
    """What an estimator found: parameters for scoring, and how well they fit. Plain JSON values."""

    parameters: dict[str, Any]
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimator:
    """One artefact: its meaning and source, the parameters shipped for the first run, and how it is fitted.

    `fit(con, as_of)` sees the tables of the lake and the temporary tables of the know stage; it reads its input
    in a canonical order and returns None where the data do not suffice (the current version then stays).
    """

    doc: str
    shipped: Mapping[str, Any]
    fit: Callable[[duckdb.DuckDBPyConnection, datetime], Estimate | None]
    time_unit: str | None = None
    window_days: int | None = None


@dataclass(frozen=True)
class Artefact:
    """The artefact in force: version 0 is the shipped one."""

    name: str
    version: int
    parameters: Mapping[str, Any]


def current_artefacts(con: duckdb.DuckDBPyConnection, estimators: Mapping[str, Estimator]) -> dict[str, Artefact]:
    """The newest stored artefact of each estimator, else the shipped one."""
    rows = con.execute("SELECT name, MAX(version), MAX_BY(parameters, version) FROM artefacts GROUP BY name").fetchall()
    stored = {name: Artefact(name, version, json.loads(parameters)) for name, version, parameters in rows}
    return {
        name: stored.get(name, Artefact(name, 0, dict(estimator.shipped))) for name, estimator in estimators.items()
    }


def store_artefact(
    con: duckdb.DuckDBPyConnection, run: Run, name: str, estimator: Estimator, estimate: Estimate
) -> Artefact:
    """Append the next version of artefact `name`, fitted on data up to `run.as_of`."""
    row = con.execute("SELECT COALESCE(MAX(version), 0) FROM artefacts WHERE name = ?", [name]).fetchone()
    version = int(row[0]) + 1 if row else 1
    con.execute(
        "INSERT INTO artefacts BY NAME SELECT ? AS name, ? AS version, ? AS as_of, ? AS time_unit, "
        "? AS window_days, ?::JSON AS parameters, ?::JSON AS metrics, ? AS fitted_at, ? AS commit_seq",
        [
            name,
            version,
            run.as_of,
            estimator.time_unit,
            estimator.window_days,
            json.dumps(estimate.parameters, sort_keys=True),
            json.dumps(estimate.metrics, sort_keys=True),
            run.started_at,
            run.commit_seq,
        ],
    )
    return Artefact(name, version, estimate.parameters)
