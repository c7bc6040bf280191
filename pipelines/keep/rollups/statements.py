"""What people state about themselves: one row for each trait of an `identify` call."""

from pipelines.keep.definition import Rollup
from schemas.keys import key_sql

# Of a name that stands twice in one object the first counts, as in every other look into JSON.
ROLLUP = Rollup(
    doc="traits that identify calls state",
    keys=("statement_id",),
    select=f"""
        WITH calls AS (
            SELECT interaction_id, anchor, occurred_at, properties
            FROM {{rows}}
            WHERE event_name = 'identify' AND anchor IS NOT NULL AND json_type(properties, '$.traits') = 'OBJECT'
        ),
        members AS (
            SELECT calls.* EXCLUDE (properties), trait.key AS name, trait.id AS place, trait.value ->> '$' AS value
            FROM calls
            CROSS JOIN json_each(calls.properties, '$.traits') AS trait
            WHERE trait.type <> 'NULL'
        )
        SELECT {key_sql("interaction_id", "name")} AS statement_id,
            interaction_id, anchor, name, value, occurred_at AS stated_at
        FROM members
        QUALIFY row_number() OVER (PARTITION BY interaction_id, name ORDER BY place) = 1
    """,
    merge={},
    near=("anchor",),
    gate="event_name = 'identify'",
)
