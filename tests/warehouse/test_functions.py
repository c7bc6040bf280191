"""The SQL functions that every session has."""

import duckdb
import numpy as np
import pytest
from scipy.stats import beta

from warehouse.functions import add_functions


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect(config={"threads": 1})
    add_functions(made)
    return made


def test_quantiles_hold_their_share(con: duckdb.DuckDBPyConnection) -> None:
    ((low, high),) = con.execute("SELECT beta_quantile(0.05, 3, 27), beta_quantile(0.95, 3, 27)").fetchall()
    assert beta.cdf(high, 3, 27) - beta.cdf(low, 3, 27) == pytest.approx(0.9)


def test_the_probability_to_exceed_agrees_with_draws(con: duckdb.DuckDBPyConnection) -> None:
    draw = np.random.default_rng(3)
    simulated = np.mean(draw.beta(9, 30, 200_000) > draw.beta(3, 27, 200_000) + 0.02)
    ((found,),) = con.execute("SELECT beta_exceeds(9, 30, 3, 27, 0.02)").fetchall()
    assert found == pytest.approx(simulated, abs=0.005)


def test_what_is_unknown_stays_unknown(con: duckdb.DuckDBPyConnection) -> None:
    rows = "(VALUES (0.5, 3.0), (NULL, 3.0), (0.5, NULL)) AS given(p, a)"
    found = con.execute(f"SELECT beta_quantile(p, a, 3), beta_exceeds(a, 3, a, 3, p - 0.5) FROM {rows}").fetchall()
    assert found[0] == (pytest.approx(0.5), pytest.approx(0.5, abs=0.005))
    assert found[1:] == [(None, None), (None, None)]
