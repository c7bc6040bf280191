"""Orders in the last 30, 90 and 365 days."""

from pipelines.know.trait import ORDERS_EVIDENCE, Trait
from schemas.table import LONG, Column

_DAYS = (30, 90, 365)

TRAIT = Trait(
    doc="orders in the 30, 90 and 365 days before as_of",
    unit="orders",
    columns=tuple(Column(f"order_{days}d_count", LONG, f"orders in the {days} days before as_of") for days in _DAYS),
    sql=f"""
SELECT c.customer_id,
  {
        ", ".join(
            f"COUNT(o.ordered_at) FILTER (WHERE o.ordered_on >= k.as_of_day - {days}) AS order_{days}d_count"
            for days in _DAYS
        )
    }
FROM know_customers AS c
CROSS JOIN know_clock AS k
LEFT JOIN know_orders AS o USING (customer_id)
GROUP BY c.customer_id
""",
    evidence=f"{ORDERS_EVIDENCE} WHERE ordered_on >= (SELECT as_of_day FROM know_clock) - {max(_DAYS)}",
    freshness="time",
    source="orders",
)
