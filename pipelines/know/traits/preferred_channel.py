"""The channel by which the customer likes to be reached."""

from pipelines.know.trait import CONTACTS_EVIDENCE, Trait
from schemas.table import TEXT, Column

TRAIT = Trait(
    doc="objected channels are out; then the stated one; then the best answered if its lower bound (90 %) "
    "beats the runner-up, or for a lone channel the rate of all customers on it; else ask",
    unit="channel, or ask; NULL is unknown",
    columns=(
        Column("preferred_channel", TEXT, "a channel, ask (contacts do not tell), or NULL: unknown"),
        Column(
            "preferred_channel_basis",
            TEXT,
            "ask beside a channel: it is the stated one, but another is answered clearly better, so ask",
            nullable=False,
            values=("stated", "inferred", "ask", "unknown"),
        ),
    ),
    sql="""
WITH open_channels AS (
  SELECT *
  FROM know_channels
  WHERE NOT is_opted_out
),
stated AS (
  SELECT customer_id, channel
  FROM open_channels
  WHERE is_stated
),
doubted AS (
  SELECT customer_id
  FROM open_channels
  GROUP BY customer_id
  HAVING MAX(p_beats_stated) > 0.95
),
ranked AS (
  SELECT customer_id, channel, rate_low,
    COALESCE(LEAD(response_rate) OVER best_first, prior_rate) AS rate_to_beat,
    ROW_NUMBER() OVER best_first AS place
  FROM open_channels
  WHERE contact_count > 0
  WINDOW best_first AS (PARTITION BY customer_id ORDER BY response_rate DESC, channel)
),
best AS (
  SELECT customer_id, channel, rate_low > rate_to_beat AS is_clear
  FROM ranked
  WHERE place = 1
)
SELECT c.customer_id,
  CASE
    WHEN s.channel IS NOT NULL THEN s.channel
    WHEN b.is_clear THEN b.channel
    WHEN b.channel IS NOT NULL THEN 'ask'
  END AS preferred_channel,
  CASE
    WHEN s.channel IS NOT NULL AND d.customer_id IS NOT NULL THEN 'ask'
    WHEN s.channel IS NOT NULL THEN 'stated'
    WHEN b.is_clear THEN 'inferred'
    WHEN b.channel IS NOT NULL THEN 'ask'
    ELSE 'unknown'
  END AS preferred_channel_basis
FROM know_customers AS c
LEFT JOIN stated AS s USING (customer_id)
LEFT JOIN doubted AS d USING (customer_id)
LEFT JOIN best AS b USING (customer_id)
""",
    evidence=f"""
SELECT 'interactions' AS table_name, interaction_id AS row_key, stated_at AS seen_at, channel AS detail
FROM know_statements
UNION ALL
SELECT 'consents', consent_id, stated_at, channel || ' ' || status
FROM know_consents
UNION ALL
{CONTACTS_EVIDENCE}
WHERE is_measured
""",
    freshness="time",
    source="Beta-Binomial response rates with forward decay (artefact channel_priors)",
)
