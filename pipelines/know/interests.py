"""What a customer cares for: temporary table know_interests, the rows of `interests`.

The affinity with a category is a forward-decayed sum. Lift compares the customer's share with the category's
share over all customers (artefact category_popularity), shrunk by k = `strength` purchases of an average one:
`(affinity + k pop) / (total + k) / pop`. It is NULL where the popularity of a category is not known.
An interest that has decayed to nothing is no longer one.
"""

import duckdb

_INTERESTS = """
WITH popularity AS (
  SELECT p.key AS category, p.value::DOUBLE AS share
  FROM know_artefacts, json_each(parameters, '$.shares') AS p
  WHERE name = 'category_popularity'
),
shrinkage AS (
  SELECT (parameters ->> 'strength')::DOUBLE AS strength
  FROM know_artefacts
  WHERE name = 'category_popularity'
),
totals AS (
  SELECT customer_id, category, purchase_count, view_count, amount, affinity::DOUBLE AS affinity,
    (SUM(affinity) OVER (PARTITION BY customer_id))::DOUBLE AS total,
    ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY affinity DESC, category) AS rank
  FROM know_categories
  SEMI JOIN know_customers USING (customer_id)
  WHERE affinity > 0
)
SELECT t.customer_id, t.category, t.purchase_count, t.view_count, t.amount, t.affinity,
  t.affinity / t.total AS share,
  (t.affinity + s.strength * p.share) / (t.total + s.strength) / p.share AS lift,
  t.rank
FROM totals AS t
CROSS JOIN shrinkage AS s
LEFT JOIN popularity AS p USING (category)
"""

INTEREST_RELATIONS = {"know_interests": _INTERESTS}
TEMPORARY_TABLES = tuple(INTEREST_RELATIONS)


def prepare_interests(con: duckdb.DuckDBPyConnection) -> None:
    """Make know_interests out of know_categories, which goes: together they would be the peak of memory."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE know_interests AS {_INTERESTS}")
    con.execute("DROP TABLE temp.know_categories")
