"""Artefacts: shipped ones before the first fit, then the newest version."""

from datetime import UTC, datetime

import duckdb
import pytest

from tests.lakes import memory_lake
from warehouse.artefacts import Artefact, Estimate, Estimator, current_artefacts, store_artefact
from warehouse.run import Run
from warehouse.settings import Settings

NOW = datetime(2018, 1, 3, 12, tzinfo=UTC)
RUN = Run("batch", 4, NOW, datetime(2018, 1, 3, tzinfo=UTC), Settings())
ESTIMATOR = Estimator("doc", {"rate": 0.5}, lambda con, as_of: None, time_unit="day", window_days=90)
OTHER = Estimator("doc", {"cuts": [1, 2]}, lambda con, as_of: None)


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    return memory_lake()


def test_before_the_first_fit_the_shipped_parameters_are_version_0(con: duckdb.DuckDBPyConnection) -> None:
    found = current_artefacts(con, {"rates": ESTIMATOR, "cuts": OTHER})
    assert found == {"rates": Artefact("rates", 0, {"rate": 0.5}), "cuts": Artefact("cuts", 0, {"cuts": [1, 2]})}


def test_each_fit_is_the_next_version_and_the_newest_is_in_force(con: duckdb.DuckDBPyConnection) -> None:
    for number in range(1, 12):
        stored = store_artefact(con, RUN, "rates", ESTIMATOR, Estimate({"rate": number / 10}))
        assert stored == Artefact("rates", number, {"rate": number / 10})
    store_artefact(con, RUN, "others", OTHER, Estimate({"cuts": []}))
    found = current_artefacts(con, {"rates": ESTIMATOR, "cuts": OTHER})
    assert found["rates"] == Artefact("rates", 11, {"rate": 1.1})
    assert found["cuts"].version == 0


def test_an_artefact_is_stored_with_what_it_rests_on(con: duckdb.DuckDBPyConnection) -> None:
    store_artefact(con, RUN, "rates", ESTIMATOR, Estimate({"b": 1, "a": "\u00e9"}, {"loss": 0.25}))
    (row,) = con.execute("SELECT * FROM artefacts").fetchall()
    assert row == (
        *("rates", 1, RUN.as_of, "day", 90),
        *('{"a": "\\u00e9", "b": 1}', '{"loss": 0.25}', NOW, 4),
    )
    assert current_artefacts(con, {"rates": ESTIMATOR})["rates"].parameters == {"a": "\u00e9", "b": 1}
