"""Frequency: how often the customer ordered."""

from pipelines.know.trait import ORDERS_EVIDENCE, Trait
from schemas.table import INTEGER, LONG, Column

TRAIT = Trait(
    doc="distinct orders, and their quintile",
    unit="orders; quintile 1 to 5, 5 is the most frequent",
    columns=(
        Column("order_count", LONG, "distinct orders"),
        Column("frequency_quintile", INTEGER, "5 is the most frequent; NULL without orders"),
    ),
    sql="""
SELECT c.customer_id,
  COALESCE(b.order_count, 0) AS order_count,
  CASE
    WHEN b.order_count IS NOT NULL
    THEN 1 + len(list_filter((parameters -> 'frequency')::BIGINT[], lambda cut: cut < b.order_count))
  END AS frequency_quintile
FROM know_customers AS c
JOIN know_artefacts ON name = 'rfm_cuts'
LEFT JOIN know_buyers AS b USING (customer_id)
""",
    evidence=ORDERS_EVIDENCE,
    freshness="event",
    source="RFM (Hughes 1994), on stored cut points (artefact rfm_cuts)",
)
