"""Whether the customer will buy in the next 30 and 90 days."""

from pipelines.know.trait import ORDERS_EVIDENCE, Trait
from schemas.table import REAL, Column

_HORIZONS = (30, 90)

TRAIT = Trait(
    doc="probability of at least one purchase in the 30 and 90 days after as_of",
    unit="probability",
    columns=tuple(
        Column(f"p_purchase_{days}d", REAL, f"probability of a purchase within {days} days; NULL without orders")
        for days in _HORIZONS
    ),
    sql=f"""
WITH model AS (
  SELECT (parameters ->> 'r')::DOUBLE AS r, (parameters ->> 'alpha')::DOUBLE AS alpha,
    (parameters ->> 'a')::DOUBLE AS a, (parameters ->> 'b')::DOUBLE AS b
  FROM know_artefacts
  WHERE name = 'mbg_nbd'
),
alive AS (
  SELECT customer_id, r, alpha, x, t,
    1 / (1 + exp(ln(a / (b + x)) + (r + x) * ln((alpha + t) / (alpha + t_x)))) AS p_alive
  FROM know_buyers
  CROSS JOIN model
)
SELECT customer_id,
  {
        ", ".join(
            f"p_alive * (1 - exp((r + x) * ln((alpha + t) / (alpha + t + {days})))) AS p_purchase_{days}d"
            for days in _HORIZONS
        )
    }
FROM alive
""",
    evidence=ORDERS_EVIDENCE,
    freshness="time",
    source="MBG/NBD (Batislam et al. 2007) on purchase days (artefact mbg_nbd)",
)
