"""SQL functions that every session has beyond DuckDB's own: how sure a rate is, and telephone numbers.

`beta_quantile(p, a, b)` is the value below which a share p of Beta(a, b) lies. `beta_exceeds(a_1, b_1, a_2, b_2,
margin)` is P(rate_1 > rate_2 + margin) of independent Beta(a_1, b_1) and Beta(a_2, b_2): the mean over equally likely
quantiles of the second, exact to about 1e-3.
`phone_number(value, region)` is the telephone number `value`, without punctuation, in the form E.164 where it is one
for sure (`schemas.phone_numbers`). All are NULL where an argument is.
"""

from collections.abc import Callable
from typing import Any

import duckdb
from duckdb.func import PythonUDFType

from schemas.phone_numbers import international

# Points of the second distribution at which `beta_exceeds` looks.
_QUANTILES = 256


def add_functions(con: duckdb.DuckDBPyConnection) -> None:
    """Register the functions of this module, once for a connection and all its cursors."""
    functions: list[tuple[str, Callable[..., Any], int]] = [
        ("beta_quantile", _quantile, 3),
        ("beta_exceeds", _exceeds, 5),
    ]
    for name, function, count in functions:
        numbers: list[Any] = ["DOUBLE"] * count
        con.create_function(name, function, numbers, "DOUBLE", type=PythonUDFType.ARROW)
    texts: list[Any] = ["VARCHAR", "VARCHAR"]
    con.create_function("phone_number", _phone_numbers, texts, "VARCHAR", type=PythonUDFType.ARROW)


def _phone_numbers(values: Any, regions: Any) -> Any:
    import pyarrow as pa

    pairs = zip(values.to_pylist(), regions.to_pylist(), strict=True)
    return pa.array([international(value, region) for value, region in pairs], pa.string())


def _quantile(p: Any, a: Any, b: Any) -> Any:
    import pyarrow as pa
    from scipy.special import betaincinv

    return pa.array(betaincinv(a.to_numpy(), b.to_numpy(), p.to_numpy()))


def _exceeds(a_1: Any, b_1: Any, a_2: Any, b_2: Any, margin: Any) -> Any:
    import numpy as np
    import pyarrow as pa
    from scipy.special import betainc, betaincinv

    shares = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    rates = betaincinv(a_2.to_numpy()[:, None], b_2.to_numpy()[:, None], shares) + margin.to_numpy()[:, None]
    below = betainc(a_1.to_numpy()[:, None], b_1.to_numpy()[:, None], np.minimum(rates, 1.0))
    return pa.array(1 - below.mean(axis=1))
