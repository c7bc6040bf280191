"""Monetary: what the customer spent."""

from pipelines.know.trait import ORDERS_EVIDENCE, Trait
from schemas.table import INTEGER, SUM, Column

TRAIT = Trait(
    doc="spend over all orders, net of refunds, its mean per order, and the quintile of the total",
    unit="base currency; quintile 1 to 5, 5 is the highest",
    columns=(
        Column("monetary_total", SUM, "sum of orders net of refunds, base currency; NULL if no amount is known"),
        Column("monetary_mean", SUM, "mean of the orders whose amount is known, base currency"),
        Column("monetary_quintile", INTEGER, "5 is the highest total; NULL if no amount is known"),
    ),
    sql="""
SELECT customer_id, monetary_total, monetary_mean,
  1 + len(
    list_filter((parameters -> 'monetary')::VARCHAR[]::DECIMAL(38,4)[], lambda cut: cut < monetary_total)
  ) AS monetary_quintile
FROM know_buyers
JOIN know_artefacts ON name = 'rfm_cuts'
WHERE monetary_total IS NOT NULL
""",
    evidence=f"{ORDERS_EVIDENCE} WHERE amount IS NOT NULL",
    freshness="event",
    source="RFM (Hughes 1994), on stored cut points (artefact rfm_cuts)",
)
