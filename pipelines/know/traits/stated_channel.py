"""The channel that the customer asked for."""

from pipelines.know.trait import Trait
from schemas.table import TEXT, Column

TRAIT = Trait(
    doc="channel that the customer last named: properties.traits.preferred_channel of an identify call",
    unit="channel",
    columns=(Column("stated_channel", TEXT, "latest stated preference; NULL if none was stated"),),
    sql="""
SELECT customer_id, channel AS stated_channel
FROM know_statements
""",
    evidence="""
SELECT 'interactions' AS table_name, interaction_id AS row_key, stated_at AS seen_at, channel AS detail
FROM know_statements
""",
    freshness="event",
    source="interactions",
)
