"""What a group is: temporary table know_groups, the rows of `groups` of the groups in know_touched."""

import duckdb

from pipelines.know.accounts.memberships import statements_sql
from warehouse.run import Run

TEMPORARY_TABLES = ("know_groups",)

# Of a trait's values the latest counts; one that was taken back (null) is none.
_GROUPS = """
CREATE OR REPLACE TEMP TABLE know_groups AS
WITH said AS (
  SELECT *
  FROM {statements}
  WHERE group_id IN (SELECT group_id FROM know_touched)
),
latest AS (
  SELECT s.group_id, t.key AS name, t.value, t.type
  FROM said AS s
  CROSS JOIN json_each(s.traits) AS t
  QUALIFY row_number() OVER (PARTITION BY s.group_id, t.key ORDER BY s.stated_at DESC, s.interaction_id, t.id) = 1
),
described AS (
  SELECT group_id,
    nullif(trim(MAX(value ->> '$') FILTER (WHERE name = 'name')), '') AS name,
    to_json(map(list(name ORDER BY name), list(value ORDER BY name))) AS traits
  FROM latest
  WHERE type <> 'NULL'
  GROUP BY group_id
),
seen AS (
  SELECT group_id, MIN(stated_at) AS first_seen_at
  FROM (
    SELECT group_id, stated_at
    FROM said
    UNION ALL
    SELECT group_id, stated_at
    FROM memberships
    WHERE group_id IN (SELECT group_id FROM know_touched)
  )
  GROUP BY group_id
)
SELECT group_id, split_part(group_id, ':', 1) AS kind, d.name, COALESCE(d.traits, '{}'::JSON) AS traits, first_seen_at
FROM seen
LEFT JOIN described AS d USING (group_id)
"""


def prepare_groups(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Make know_groups; needs know_clock and `memberships` as they are now."""
    con.execute(_GROUPS.replace("{statements}", statements_sql(run.settings)))
