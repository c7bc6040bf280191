"""Interactions in all and on each channel."""

from pipelines.know.trait import ACTIVITY_EVIDENCE, Trait
from schemas.table import JSON, LONG, Column

TRAIT = Trait(
    doc="interactions of people in all and by channel; those of machines do not count",
    unit="interactions",
    columns=(
        Column("interaction_count", LONG, "interactions, machines left out"),
        Column("channel_counts", JSON, "object of channel: interactions, machines left out"),
    ),
    sql="""
WITH counts AS (
  SELECT customer_id, channel, SUM(human_count)::BIGINT AS interaction_count
  FROM know_activity
  GROUP BY customer_id, channel
)
SELECT customer_id,
  SUM(interaction_count) AS interaction_count,
  to_json(
    map(
      COALESCE(LIST(channel ORDER BY channel) FILTER (WHERE interaction_count > 0), []),
      COALESCE(LIST(interaction_count ORDER BY channel) FILTER (WHERE interaction_count > 0), [])
    )
  ) AS channel_counts
FROM counts
GROUP BY customer_id
""",
    evidence=ACTIVITY_EVIDENCE,
    freshness="event",
    source="daily_activity",
)
