"""What the customer's next order will be worth."""

from pipelines.know.trait import ORDERS_EVIDENCE, Trait
from schemas.table import REAL, Column

TRAIT = Trait(
    doc="expected amount of the next order: the customer's mean, shrunk towards all customers",
    unit="base currency",
    columns=(Column("expected_order_value", REAL, "expected amount of the next order; NULL without paid orders"),),
    sql="""
WITH model AS (
  SELECT (parameters ->> 'p')::DOUBLE AS p, (parameters ->> 'q')::DOUBLE AS q,
    (parameters ->> 'v')::DOUBLE AS v
  FROM know_artefacts
  WHERE name = 'gamma_gamma'
)
SELECT customer_id, p * (v + paid_count * paid_mean) / (p * paid_count + q - 1) AS expected_order_value
FROM know_buyers
CROSS JOIN model
WHERE paid_count > 0 AND p * paid_count + q > 1
""",
    evidence=f"{ORDERS_EVIDENCE} WHERE amount > 0",
    freshness="event",
    source="Gamma-Gamma (Fader and Hardie 2013) on orders with a positive amount (artefact gamma_gamma)",
)
