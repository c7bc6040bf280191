"""Between the tables and the arrays: scores a chunk of candidates, asks the gates, draws the choices."""

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.decide.features import CUSTOMER_FACTS, Floats
from pipelines.decide.policy import Policy
from pipelines.decide.rule import first_gate_sql
from pipelines.decide.score import LOYALTY_FACTS, OFFER_TERMS, Scores, choose, score_offers

CHUNK_TABLES = ("decide_judged", "decide_choices", "decide_propensities")
_SCORED = ("p1", "p0", "value_customer", "value_company", "score", "strongest")


def judge_chunk(con: duckdb.DuckDBPyConnection, policy: Policy, span: range, offer_count: int) -> Scores:
    """Score `decide_candidates`; makes `decide_judged`: with score, channel and the gate that drops each."""
    facts = _customer_columns(con, (*CUSTOMER_FACTS, *LOYALTY_FACTS), span)
    facts |= _columns(con, f"SELECT {_doubles(OFFER_TERMS)} FROM decide_offers ORDER BY number", (1, offer_count))
    query = f"SELECT {_doubles(('category_line_count',))} FROM decide_candidates ORDER BY row_number"
    facts |= _columns(con, query, (len(span), offer_count))
    scores = score_offers(facts, policy.model, policy.weights)
    columns = {name: np.ascontiguousarray(getattr(scores, name)).ravel() for name in _SCORED}
    con.register("decide_scored", pa.table({"row_number": np.arange(len(span) * offer_count), **columns}))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_judged AS
        SELECT
            *,
            CASE
                WHEN list_contains(open_channels, preferred_channel) THEN preferred_channel
                ELSE open_channels[1]
            END AS channel,
            {first_gate_sql()} AS dropped
        FROM decide_candidates
        JOIN decide_scored USING (row_number)
        """
    )
    con.unregister("decide_scored")
    return scores


def choose_chunk(con: duckdb.DuckDBPyConnection, policy: Policy, span: range, scores: Scores) -> NDArray[np.bool_]:
    """Draw for each customer of `span` and return which candidates passed the gates, customers x offers.

    Makes `decide_choices`, a row per customer, and `decide_propensities`, a row per candidate.
    """
    shape = scores.score.shape
    query = "SELECT CAST(dropped IS NULL AS DOUBLE) AS passed FROM decide_judged ORDER BY row_number"
    passed = _columns(con, query, shape)["passed"] > 0.0
    drawn = _customer_columns(con, ("uniform", "holdout_uniform"), span)
    held_out = drawn["holdout_uniform"][:, 0] < policy.weights.holdout_share
    choice = choose(scores.score, passed, drawn["uniform"][:, 0], held_out, policy.weights)
    rows = np.arange(len(span))
    choices = {
        "customer_number": rows + span.start,
        "chosen": choice.chosen,
        "best": choice.best,
        "chosen_row": _row(rows, choice.chosen, shape[1]),
        "best_row": _row(rows, choice.best, shape[1]),
        "propensity": choice.propensity[rows, choice.chosen],
        "nothing_propensity": choice.propensity[:, 0],
        "is_held_out": held_out,
        "lever": scores.lever[:, 0],
    }
    propensities = {
        "row_number": np.arange(shape[0] * shape[1]),
        "propensity": np.ascontiguousarray(choice.propensity[:, 1:]).ravel(),
    }
    _keep(con, "decide_choices", choices)
    _keep(con, "decide_propensities", propensities)
    return passed


def _row(rows: NDArray[np.int64], column: NDArray[np.int64], offer_count: int) -> pa.Array:
    """Give the candidate's row number in the chunk; NULL for nothing."""
    return pa.array(rows * offer_count + column - 1, mask=column == 0)


def _customer_columns(con: duckdb.DuckDBPyConnection, names: tuple[str, ...], span: range) -> dict[str, Floats]:
    query = f"""
        SELECT {_doubles(names)}
        FROM decide_customers
        WHERE number >= {span.start}
            AND number < {span.stop}
        ORDER BY number
    """
    return _columns(con, query, (len(span), 1))


def _columns(con: duckdb.DuckDBPyConnection, query: str, shape: tuple[int, ...]) -> dict[str, Floats]:
    """Read the query's columns as float64 arrays of `shape`, NULL as NaN."""
    found = con.execute(query).to_arrow_table()
    return {name: found[name].to_numpy().reshape(shape) for name in found.column_names}


def _keep(con: duckdb.DuckDBPyConnection, table: str, columns: dict[str, Any]) -> None:
    con.register("decide_arrays", pa.table(columns))
    con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM decide_arrays")
    con.unregister("decide_arrays")


def _doubles(names: tuple[str, ...]) -> str:
    return ", ".join(f"CAST({name} AS DOUBLE) AS {name}" for name in names)
