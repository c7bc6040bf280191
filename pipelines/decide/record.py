"""Writes the rows of `decisions` of one scored chunk, every term in JSON that round-trips to the bit."""

import json
from dataclasses import asdict

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.decide.catalogue import NOTHING
from pipelines.decide.policy import Policy
from pipelines.decide.reason import reason_sql
from pipelines.decide.score import SCORE_VERSION
from schemas.table import literal
from warehouse.run import Run

_CANDIDATE = """
    SELECT CAST(
        to_json({
            'offer_id': j.offer_id,
            'name': j.name,
            'kind': j.kind,
            'category': j.category,
            'purpose': j.purpose,
            'channels': j.channels,
            'channel': j.channel,
            'score': j.score,
            'propensity': p.propensity,
            'p1': j.p1,
            'p0': j.p0,
            'value_customer': j.value_customer,
            'value_company': j.value_company,
            'worth_customer': j.worth_customer,
            'worth_company': j.worth_company,
            'cost': j.cost,
            'contact_cost_customer': j.contact_cost_customer,
            'contact_cost_company': j.contact_cost_company,
            'category_line_count': j.category_line_count
        }) AS VARCHAR
    )
    FROM decide_judged j
    JOIN decide_propensities p ON p.row_number = j.row_number
    WHERE j.dropped IS NULL
    ORDER BY j.row_number
"""
_DROPPED = """
    SELECT CAST(
        to_json({'offer_id': offer_id, 'name': name, 'gate': dropped.gate, 'reason': dropped.reason})
        AS VARCHAR
    )
    FROM decide_judged
    WHERE dropped IS NOT NULL
    ORDER BY row_number
"""
_NOTHING = f"""CAST(
    to_json({{
        'offer_id': {literal(NOTHING)},
        'score': CAST(0 AS DOUBLE),
        'propensity': h.nothing_propensity
    }})
    AS VARCHAR
)"""
_FACTS = """{
    'contact_count': c.contact_count,
    'response_count': c.response_count,
    'contact_30d_count': c.contact_30d_count,
    'recency_days': c.recency_days,
    'order_90d_count': c.order_90d_count,
    'line_count': c.line_count,
    'p_purchase_30d': c.p_purchase_30d,
    'p_alive': c.p_alive,
    'frequency_quintile': c.frequency_quintile,
    'monetary_quintile': c.monetary_quintile,
    'preferred_channel': c.preferred_channel
}"""


def write_decisions(
    con: duckdb.DuckDBPyConnection, run: Run, policy: Policy, span: range, passed: NDArray[np.bool_]
) -> None:
    """Append a decision per customer of `span`, whose candidates `passed` or not (customers x offers)."""
    lists = {
        "customer_number": np.arange(span.start, span.stop),
        "survivors": _lists(con, _CANDIDATE, passed.sum(axis=1)),
        "closed": _lists(con, _DROPPED, (~passed).sum(axis=1)),
    }
    con.register("decide_lists", pa.table(lists))
    con.execute(
        f"""
        INSERT INTO decisions BY NAME
        SELECT
            c.decision_id,
            c.revision,
            c.customer_id,
            ? AS decided_as_of,
            COALESCE(j.offer_id, {literal(NOTHING)}) AS offer_id,
            j.channel,
            {reason_sql(policy.currency, passed.shape[1])} AS reason,
            COALESCE(j.score, 0.0) AS score,
            h.propensity,
            COALESCE(j.value_customer, 0.0) AS value_customer,
            COALESCE(j.value_company, 0.0) AS value_company,
            COALESCE(j.p1, 0.0) AS p1,
            COALESCE(j.p0, 0.0) AS p0,
            to_json({{
                'policy': CAST(? AS JSON),
                'facts': {_FACTS},
                'consents': c.consents,
                'lever': h.lever,
                'uniform': c.uniform,
                'is_held_out': h.is_held_out,
                'best_offer_id': COALESCE(b.offer_id, {literal(NOTHING)})
            }}) AS terms,
            {_json_list(f"list_prepend({_NOTHING}, l.survivors)")} AS candidates,
            {_json_list("l.closed")} AS gates,
            ? AS policy_version,
            ? AS seed,
            ? AS commit_seq
        FROM decide_choices h
        JOIN decide_customers c ON c.number = h.customer_number
        JOIN decide_lists l ON l.customer_number = h.customer_number
        LEFT JOIN decide_judged j ON j.row_number = h.chosen_row
        LEFT JOIN decide_judged b ON b.row_number = h.best_row
        ORDER BY c.customer_id
        """,
        [run.as_of, _policy_json(policy), policy.version, policy.seed, run.commit_seq],
    )
    con.unregister("decide_lists")


def _json_list(texts: str) -> str:
    return f"CAST('[' || array_to_string({texts}, ',') || ']' AS JSON)"


def _lists(con: duckdb.DuckDBPyConnection, query: str, lengths: NDArray[np.int64]) -> pa.ListArray:
    """Cut the query's texts into consecutive lists of the given lengths."""
    texts = con.execute(query).to_arrow_table().column(0).combine_chunks()
    ends = np.concatenate([[0], np.cumsum(lengths)])
    return pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), texts)


def _policy_json(policy: Policy) -> str:
    stated = {
        "score_version": SCORE_VERSION,
        "weights": asdict(policy.weights),
        "artefacts": dict(policy.artefact_versions),
        "response_model": dict(policy.model),
        "opt_in": list(policy.opt_in),
    }
    return json.dumps(stated, sort_keys=True)
