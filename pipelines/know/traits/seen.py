"""When the customer first and last did something."""

from pipelines.know.trait import ACTIVITY_EVIDENCE, Trait
from schemas.table import INSTANT, Column, literal
from schemas.vocabulary import COMPANY_TURNS, FAILED_SIGNS, SENT_SIGNS, contact_events

# What only the company or its carrier does; `answered` is a delivery that the customer takes part in.
_COMPANY_EVENTS = ", ".join(
    literal(name) for name in (*contact_events((*SENT_SIGNS, *FAILED_SIGNS, "delivered")), *COMPANY_TURNS)
)
_BY_CUSTOMER = f"event_name NOT IN ({_COMPANY_EVENTS})"

TRAIT = Trait(
    doc="earliest and latest interaction that the customer took part in; neither messages sent nor machines",
    unit="instant, UTC",
    columns=(
        Column("first_seen_at", INSTANT, "earliest interaction that the customer took part in"),
        Column("last_seen_at", INSTANT, "latest interaction that the customer took part in"),
    ),
    sql=f"""
SELECT customer_id, MIN(first_at) AS first_seen_at, MAX(last_at) AS last_seen_at
FROM know_activity
WHERE {_BY_CUSTOMER}
GROUP BY customer_id
""",
    evidence=f"{ACTIVITY_EVIDENCE} AND {_BY_CUSTOMER} AND interaction_count > machine_count",
    freshness="event",
    source="daily_activity",
)
