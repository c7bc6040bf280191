"""Past contacts that carried an offer, with what was known of the customer when each went out."""

from datetime import datetime, timedelta

import duckdb

from pipelines.decide.features import CUSTOMER_FACTS, OFFER_FACTS, Floats
from schemas.vocabulary import ORDER_EVENTS

RESPONSE_DAYS = 30

_SAMPLE = """
    WITH people AS (
        SELECT identifier, customer_id, valid_from, valid_to
        FROM identities
        WHERE known_to IS NULL
    ),
    sent AS (
        SELECT
            p.customer_id,
            c.source,
            c.contact_id,
            c.sent_at,
            c.sent_at - INTERVAL 30 DAY AS month_before,
            c.sent_at - INTERVAL 90 DAY AS quarter_before,
            CAST(c.sent_at AS DATE) AS day,
            CASE WHEN c.responded_at < $as_of THEN c.responded_at END AS responded_at,
            c.offer_id,
            c.campaign_id
        FROM contacts c
        JOIN people p
            ON p.identifier = c.anchor
            AND c.sent_at >= COALESCE(p.valid_from, c.sent_at)
            AND (p.valid_to IS NULL OR c.sent_at < p.valid_to)
        WHERE c.sent_at < $as_of
            AND (c.failed_at IS NULL OR c.delivered_at IS NOT NULL)
    ),
    contact_steps AS (
        SELECT
            customer_id,
            sent_at AS at,
            SUM(COUNT(*)) OVER (PARTITION BY customer_id ORDER BY sent_at) AS n
        FROM sent
        GROUP BY customer_id, sent_at
    ),
    response_steps AS (
        SELECT
            customer_id,
            responded_at AS at,
            SUM(COUNT(*)) OVER (PARTITION BY customer_id ORDER BY responded_at) AS n
        FROM sent
        WHERE responded_at IS NOT NULL
        GROUP BY customer_id, responded_at
    ),
    order_steps AS (
        SELECT
            p.customer_id,
            o.ordered_at AS at,
            SUM(COUNT(*)) OVER (PARTITION BY p.customer_id ORDER BY o.ordered_at) AS n
        FROM orders o
        JOIN people p
            ON p.identifier = o.anchor
            AND o.ordered_at >= COALESCE(p.valid_from, o.ordered_at)
            AND (p.valid_to IS NULL OR o.ordered_at < p.valid_to)
        GROUP BY p.customer_id, o.ordered_at
    ),
    lines AS (
        SELECT p.customer_id, d.category, d.day, SUM(d.interaction_count) AS n
        FROM daily_categories d
        JOIN people p
            ON p.identifier = d.anchor
            AND d.day >= COALESCE(CAST(p.valid_from AS DATE), d.day)
            AND (p.valid_to IS NULL OR d.day < CAST(p.valid_to AS DATE))
        WHERE list_contains($order_events, d.event_name)
        GROUP BY p.customer_id, d.category, d.day
    ),
    category_steps AS (
        SELECT
            customer_id,
            category,
            day,
            SUM(n) OVER (PARTITION BY customer_id, category ORDER BY day) AS n
        FROM lines
    ),
    line_steps AS (
        SELECT
            customer_id,
            day,
            SUM(SUM(n)) OVER (PARTITION BY customer_id ORDER BY day) AS n
        FROM lines
        GROUP BY customer_id, day
    ),
    campaigns AS (
        SELECT campaign_id, MIN(category) AS category
        FROM offers
        WHERE campaign_id IS NOT NULL
        GROUP BY campaign_id
        HAVING COUNT(category) = COUNT(*) AND COUNT(DISTINCT category) = 1
    ),
    sample AS (
        SELECT s.*, CASE WHEN o.offer_id IS NULL THEN g.category ELSE o.category END AS category
        FROM sent s
        LEFT JOIN offers o ON o.offer_id = s.offer_id
        LEFT JOIN campaigns g ON g.campaign_id = s.campaign_id
        WHERE COALESCE(s.offer_id, s.campaign_id) IS NOT NULL
            AND s.sent_at < $matured
    )
    SELECT
        CAST(COALESCE(c.n, 0) AS DOUBLE) AS contact_count,
        CAST(COALESCE(r.n, 0) AS DOUBLE) AS response_count,
        CAST(COALESCE(c.n, 0) - COALESCE(cm.n, 0) AS DOUBLE) AS contact_30d_count,
        FLOOR((epoch_us(s.sent_at) - epoch_us(o.at)) / 86400000000.0) AS recency_days,
        CAST(COALESCE(o.n, 0) - COALESCE(oq.n, 0) AS DOUBLE) AS order_90d_count,
        CAST(COALESCE(l.n, 0) AS DOUBLE) AS line_count,
        CAST(CASE WHEN s.category IS NOT NULL THEN COALESCE(k.n, 0) END AS DOUBLE) AS category_line_count,
        CAST(COALESCE(s.responded_at < s.sent_at + INTERVAL 30 DAY, FALSE) AS DOUBLE) AS responded
    FROM sample s
    ASOF LEFT JOIN contact_steps c ON c.customer_id = s.customer_id AND s.sent_at > c.at
    ASOF LEFT JOIN contact_steps cm ON cm.customer_id = s.customer_id AND s.month_before > cm.at
    ASOF LEFT JOIN response_steps r ON r.customer_id = s.customer_id AND s.sent_at > r.at
    ASOF LEFT JOIN order_steps o ON o.customer_id = s.customer_id AND s.sent_at > o.at
    ASOF LEFT JOIN order_steps oq ON oq.customer_id = s.customer_id AND s.quarter_before > oq.at
    ASOF LEFT JOIN line_steps l ON l.customer_id = s.customer_id AND s.day > l.day
    ASOF LEFT JOIN category_steps k
        ON k.customer_id = s.customer_id
        AND k.category = s.category
        AND s.day > k.day
    ORDER BY s.sent_at, s.source, s.contact_id
"""


def read_sample(con: duckdb.DuckDBPyConnection, as_of: datetime) -> dict[str, Floats]:
    """Read the contacts with an offer or campaign sent over 30 days before `as_of`, as they went out.

    Float64 columns: the facts of `pipelines.decide.features` as they stood when the contact was sent (whole
    days before it for categories), and `responded`, 1 if a person answered within 30 days.
    """
    given = {
        "as_of": as_of,
        "matured": as_of - timedelta(days=RESPONSE_DAYS),
        "order_events": list(ORDER_EVENTS),
    }
    found = con.execute(_SAMPLE, given).to_arrow_table()
    names = (*CUSTOMER_FACTS, *OFFER_FACTS, "responded")
    return {name: found[name].to_numpy() for name in names}
