"""The categories that the customer cares for most."""

import pyarrow as pa

from pipelines.know.trait import Trait
from schemas.table import TEXT, Column

TRAIT = Trait(
    doc="up to three categories with the greatest affinity, strongest first",
    unit="categories",
    columns=(Column("favourite_categories", pa.list_(TEXT), "up to three, strongest first; NULL if none is known"),),
    sql="""
SELECT customer_id, LIST(category ORDER BY rank) AS favourite_categories
FROM know_interests
WHERE rank <= 3
GROUP BY customer_id
""",
    evidence="""
SELECT 'daily_categories' AS table_name, concat_ws(' ', d.anchor, d.day, d.category, d.event_name) AS row_key,
  d.day::TIMESTAMPTZ AS seen_at, d.interaction_count::VARCHAR AS detail
FROM daily_categories AS d
JOIN know_identifiers AS i ON i.identifier = d.anchor
  AND (d.day::TIMESTAMPTZ >= i.valid_from) IS NOT FALSE AND (d.day::TIMESTAMPTZ < i.valid_to) IS NOT FALSE
JOIN know_interests AS n ON n.customer_id = i.customer_id AND n.category = d.category
WHERE n.rank <= 3 AND d.day < (SELECT as_of_day FROM know_clock)
""",
    freshness="time",
    source="forward-decayed affinity (Cormode et al. 2009), half-life [know] interest_half_life_days",
)
