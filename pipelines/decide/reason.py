"""Why a decision was taken, in words: SQL over customer `c`, choice `h`, chosen `j`, best `b`, lists `l`."""

from pipelines.decide.features import FEATURES
from schemas.table import literal

_PHRASES = {
    "past_response": """
        CASE
            WHEN c.contact_count = 0 THEN 'not contacted before'
            ELSE printf('answered %d of %d earlier contacts', c.response_count, c.contact_count)
        END
    """,
    "affinity": """
        CASE
            WHEN j.category IS NULL THEN 'fits what is bought'
            ELSE printf('%d of %d lines bought are ', j.category_line_count, c.line_count) || j.category
        END
    """,
    "recency": """
        CASE
            WHEN c.recency_days IS NULL THEN 'has not ordered yet'
            WHEN c.recency_days = 1 THEN 'last order 1 day before'
            ELSE printf('last order %d days before', c.recency_days)
        END
    """,
    "orders": """
        CASE
            WHEN c.order_90d_count = 1 THEN '1 order in 90 days'
            ELSE printf('%d orders in 90 days', c.order_90d_count)
        END
    """,
    "pressure": """
        CASE
            WHEN c.contact_30d_count = 0 THEN 'not contacted in the last 30 days'
            WHEN c.contact_30d_count = 1 THEN 'contacted once in the last 30 days'
            ELSE printf('contacted %d times in the last 30 days', c.contact_30d_count)
        END
    """,
}


def reason_sql(currency: str, offer_count: int) -> str:
    """Give SQL for the reason of one decision; money is shown in `currency`."""
    nothing_left = "every benefit on offer was dropped by a gate" if offer_count else "there is no benefit on offer"
    return f"""
        CASE
            WHEN h.is_held_out THEN 'held out: left without contact to measure what contacts are worth'
            WHEN h.chosen = 0 AND len(l.survivors) = 0 THEN {literal(nothing_left)}
            WHEN h.chosen = 0 AND h.best = 0 THEN 'no benefit that passed the gates is worth a contact'
            WHEN h.chosen = 0 THEN 'left in peace to learn: '
                || b.name
                || printf(' scores %.4f more', b.score)
            WHEN h.best <> h.chosen THEN 'chosen to learn: '
                || COALESCE(b.name, 'nothing')
                || printf(' scores %.4f more; ', COALESCE(b.score, 0.0) - j.score)
                || {_worth_sql(currency)}
            ELSE {_strongest_sql()} || '; ' || {_worth_sql(currency)}
        END
    """


def _worth_sql(currency: str) -> str:
    unit = literal(f" {currency} ")
    return f"""(
        'expected worth ' || printf('%.2f', j.value_customer) || {unit} || 'to the customer and '
        || printf('%.2f', j.value_company) || {unit} || 'to the company'
    )"""


def _strongest_sql() -> str:
    branches = " ".join(f"WHEN {FEATURES.index(name)} THEN {phrase}" for name, phrase in _PHRASES.items())
    return f"CASE j.strongest {branches} ELSE printf('an answer is expected at %.1f %%', 100 * j.p1) END"
