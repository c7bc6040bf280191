"""Whether the customer still is one."""

from pipelines.know.trait import ORDERS_EVIDENCE, Trait
from schemas.table import REAL, Column

TRAIT = Trait(
    doc="probability that the customer has not silently left",
    unit="probability",
    columns=(Column("p_alive", REAL, "probability that the customer still buys; NULL without orders"),),
    sql="""
WITH model AS (
  SELECT (parameters ->> 'r')::DOUBLE AS r, (parameters ->> 'alpha')::DOUBLE AS alpha,
    (parameters ->> 'a')::DOUBLE AS a, (parameters ->> 'b')::DOUBLE AS b
  FROM know_artefacts
  WHERE name = 'mbg_nbd'
)
SELECT customer_id,
  1 / (1 + exp(ln(a / (b + x)) + (r + x) * ln((alpha + t) / (alpha + t_x)))) AS p_alive
FROM know_buyers
CROSS JOIN model
""",
    evidence=ORDERS_EVIDENCE,
    freshness="time",
    source="MBG/NBD (Batislam et al. 2007) on purchase days (artefact mbg_nbd)",
)
