"""The next best benefit for every customer: candidates, gates, score, draw, rows of `decisions`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from pipelines.decide.candidates import TABLES, make_candidates, prepare
from pipelines.decide.catalogue import Catalogue, bind_conditions, store_offers
from pipelines.decide.chunk import CHUNK_TABLES, choose_chunk, judge_chunk
from pipelines.decide.policy import policy_in_force
from pipelines.decide.record import write_decisions
from warehouse.queries import drop_temporary
from warehouse.run import Run

CHUNK_CANDIDATES = 100_000


@dataclass(frozen=True)
class DecideReport:
    """What one call decided: customers considered, decided now, decided before; by offer and by gate."""

    customer_count: int
    decided_count: int
    skipped_count: int
    by_offer: Mapping[str, int]
    dropped_by_gate: Mapping[str, int]


def decide(
    con: duckdb.DuckDBPyConnection, run: Run, catalogue: Catalogue, chunk_candidates: int = CHUNK_CANDIDATES
) -> DecideReport:
    """Decide for every profile without a decision of this policy, seed and as_of; a decision taken stands.

    Makes `offers` equal to the catalogue first. Works on `chunk_candidates` customer-offer pairs at a time;
    the result does not depend on it. Raises CatalogueError for a condition that the profiles cannot answer.
    """
    store_offers(con, run, catalogue)
    conditions = bind_conditions(con, catalogue)
    policy = policy_in_force(con, run, catalogue)
    count, offer_count = prepare(con, run, catalogue, policy), len(catalogue.offers)
    by_offer: Counter[str] = Counter()
    by_gate: Counter[str] = Counter()
    size = max(1, chunk_candidates // max(1, offer_count))
    for first in range(0, count, size):
        span = range(first, min(first + size, count))
        make_candidates(con, run, policy, conditions, span)
        passed = choose_chunk(con, policy, span, judge_chunk(con, policy, span, offer_count))
        write_decisions(con, run, policy, span, passed)
        by_offer.update(_counted(con, _CHOSEN))
        by_gate.update(_counted(con, _DROPPED))
    considered = int(_counted(con, "SELECT 'customers', COUNT(*) FROM profiles")["customers"])
    drop_temporary(con, (*TABLES, *CHUNK_TABLES))
    return DecideReport(considered, count, considered - count, dict(by_offer), dict(by_gate))


_CHOSEN = """
    SELECT COALESCE(o.offer_id, 'nothing'), COUNT(*)
    FROM decide_choices h
    LEFT JOIN decide_offers o ON o.number = h.chosen - 1
    GROUP BY 1
    ORDER BY 1
"""
_DROPPED = """
    SELECT dropped.gate, COUNT(*)
    FROM decide_judged
    WHERE dropped IS NOT NULL
    GROUP BY 1
    ORDER BY 1
"""


def _counted(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, int]:
    return dict(con.execute(query).fetchall())
