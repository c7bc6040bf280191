"""Recency: how long ago the customer last ordered."""

from pipelines.know.trait import ORDERS_EVIDENCE, Trait
from schemas.table import INTEGER, LONG, Column

TRAIT = Trait(
    doc="whole days since the last order, and its quintile",
    unit="days; quintile 1 to 5, 5 is the most recent",
    columns=(
        Column("recency_days", LONG, "whole days between the last order and as_of; NULL without orders"),
        Column("recency_quintile", INTEGER, "5 is the most recent; NULL without orders"),
    ),
    sql="""
SELECT customer_id, recency_days,
  1 + len(list_filter((parameters -> 'recency')::BIGINT[], lambda cut: cut >= recency_days))
    AS recency_quintile
FROM know_buyers
JOIN know_artefacts ON name = 'rfm_cuts'
""",
    evidence=f"{ORDERS_EVIDENCE} ORDER BY ordered_at DESC, row_key LIMIT 1",
    freshness="time",
    source="RFM (Hughes 1994), on stored cut points (artefact rfm_cuts)",
)
