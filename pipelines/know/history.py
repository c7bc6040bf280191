"""What changed in the profiles of know_scope by events: the new rows of `profile_history`.

A row holds the new values of the columns that differ; the first row of a customer, or the first after the customer
was gone, holds all; so does the first of everyone in a lake that has no history yet. What time alone changes is left
out: it follows from the rest and the time that is asked for.
"""

import duckdb

from pipelines.know.traits import traits
from schemas.table import literal, quoted
from warehouse.queries import has_rows
from warehouse.run import Run


def state_columns() -> tuple[str, ...]:
    """The columns of `profiles` that only events change."""
    found = (column.name for trait in traits().values() if trait.freshness == "event" for column in trait.columns)
    return ("anchor", "identifier_count", *found)


def record_history(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Add what differs between know_profiles and `profiles`, which still is as the last run left it."""
    con.execute(_history_sql(), {"as_of": run.as_of, "started_at": run.started_at, "commit_seq": run.commit_seq})
    if has_rows(con, "know_history"):
        con.execute("INSERT INTO profile_history BY NAME FROM know_history ORDER BY customer_id")


TEMPORARY_TABLES = ("know_history",)


def _history_sql() -> str:
    columns = state_columns()
    differs = [f"(o.customer_id IS NULL OR n.{quoted(c)} IS DISTINCT FROM o.{quoted(c)})" for c in columns]
    # One list of values with NULL where nothing changed; an unknown value is JSON's null.
    values = ", ".join(
        f"CASE WHEN {differ} THEN {{'name': {literal(c)}, 'value': COALESCE(to_json(n.{quoted(c)}), 'null'::JSON)}} END"
        for c, differ in zip(columns, differs, strict=True)
    )
    return f"""
CREATE OR REPLACE TEMP TABLE know_history AS
WITH before AS (
  SELECT o.*
  FROM profiles AS o
  SEMI JOIN know_scope USING (customer_id)
  WHERE (SELECT COUNT(*) > 0 FROM profile_history)
),
changes AS (
  SELECT n.customer_id, list_filter([{values}], lambda change: change IS NOT NULL) AS changed
  FROM know_profiles AS n
  LEFT JOIN before AS o ON o.customer_id = n.customer_id
  WHERE {" OR ".join(differs)}
),
found AS (
  SELECT customer_id, FALSE AS is_gone,
    to_json(map(list_transform(changed, lambda change: change.name),
      list_transform(changed, lambda change: change.value))) AS traits
  FROM changes
  UNION ALL
  SELECT customer_id, TRUE, '{{}}'::JSON
  FROM before
  ANTI JOIN know_profiles USING (customer_id)
)
SELECT customer_id, $as_of::TIMESTAMPTZ AS valid_from, $started_at::TIMESTAMPTZ AS known_from, is_gone, traits,
  $commit_seq::BIGINT AS commit_seq
FROM found
"""
