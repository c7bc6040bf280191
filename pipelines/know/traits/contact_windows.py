"""Contacts by the company in the last 30, 90 and 365 days."""

from pipelines.know.trait import CONTACTS_EVIDENCE, Trait
from schemas.table import LONG, Column

_DAYS = (30, 90, 365)

TRAIT = Trait(
    doc="messages, calls and letters of the company, sent or delivered and not refused, before as_of",
    unit="contacts",
    columns=tuple(
        Column(f"contact_{days}d_count", LONG, f"contacts in the {days} days before as_of") for days in _DAYS
    ),
    sql=f"""
SELECT c.customer_id,
  {
        ", ".join(
            f"COUNT(t.contacted_at) FILTER (WHERE t.contacted_on >= k.as_of_day - {days}) AS contact_{days}d_count"
            for days in _DAYS
        )
    }
FROM know_customers AS c
CROSS JOIN know_clock AS k
LEFT JOIN know_contacts AS t USING (customer_id)
GROUP BY c.customer_id
""",
    evidence=f"{CONTACTS_EVIDENCE} WHERE contacted_on >= (SELECT as_of_day FROM know_clock) - {max(_DAYS)}",
    freshness="time",
    source="contacts",
)
