"""Who belongs to which group: temporary table know_memberships, the rows of `memberships` of know_scope's customers.

What is stated later holds from the time on that it names, whichever identifier of the customer it was said under, so
the spans of a customer in a group do not overlap. A role holds until another is said. Of a group on which something
was stated of the customer, rules have no say.
"""

from collections.abc import Mapping

import duckdb

from pipelines.know.accounts.rule import GroupRule
from pipelines.know.inputs import THEN, input_relations
from schemas.identifiers import blocked_sql
from schemas.table import literal
from warehouse.run import Run
from warehouse.settings import Settings

STATED = "stated"
TEMPORARY_TABLES = ("know_said", "know_seen", "know_memberships")
_AS_OF = "(SELECT as_of FROM know_clock)"

_SEEN = """
SELECT identifier, MIN(first_seen_at) AS first_seen_at
FROM identities
WHERE known_to IS NULL AND identifier IN (SELECT identifier FROM know_identifiers)
GROUP BY identifier
"""

_STATED = f"""
SELECT i.customer_id, s.group_id, {literal(STATED)} AS rule, s.anchor AS identifier, s.interaction_id AS evidence,
  s.stated_at, s.valid_from AS from_at, s.valid_to AS until_at, s.is_member, s.role
FROM {{statements}} AS s
JOIN know_identifiers AS i ON i.identifier = s.anchor{THEN.format(at="s.stated_at")}
"""

_FOUND = f"""
SELECT r.customer_id, r.group_id, {{name}} AS rule, r.identifier, r.evidence,
  r.stated_at, r.stated_at AS from_at, NULL::TIMESTAMPTZ AS until_at, r.is_member, NULL::VARCHAR AS role
FROM ({{sql}}) AS r
WHERE r.stated_at < {_AS_OF}
  AND (r.customer_id, r.group_id) NOT IN (SELECT (customer_id, group_id) FROM know_stated)
"""

_SAID = f"""
CREATE OR REPLACE TEMP TABLE know_said AS
WITH know_stated AS ({_STATED})
FROM know_stated
{{found}}
"""

# A statement holds until one that was made later begins. What follows on the same footing is one span.
_MEMBERSHIPS = """
CREATE OR REPLACE TEMP TABLE know_memberships AS
WITH spelled AS (
  SELECT *,
    COUNT(*) FILTER (WHERE NOT is_member) OVER in_turn AS spell,
    MIN(from_at) OVER (in_turn ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
  FROM know_said
  WINDOW in_turn AS (PARTITION BY customer_id, group_id ORDER BY stated_at, evidence, rule, identifier)
),
bounded AS (
  SELECT * EXCLUDE (until_at) REPLACE (LAST_VALUE(role IGNORE NULLS) OVER (
      PARTITION BY customer_id, group_id, spell ORDER BY stated_at, evidence, rule, identifier
      ROWS UNBOUNDED PRECEDING
    ) AS role),
    LEAST(until_at, next_from) AS to_at
  FROM spelled
),
held AS (
  SELECT *
  FROM bounded
  WHERE is_member AND (to_at IS NULL OR from_at < to_at)
),
marked AS (
  SELECT *,
    COALESCE(LAG(to_at) OVER by_time = from_at, FALSE)
      AND LAG(role) OVER by_time IS NOT DISTINCT FROM role
      AND LAG(rule) OVER by_time = rule AS continues
  FROM held
  WINDOW by_time AS (PARTITION BY customer_id, group_id ORDER BY from_at)
),
numbered AS (
  SELECT *, COUNT(*) FILTER (WHERE NOT continues) OVER (PARTITION BY customer_id, group_id ORDER BY from_at) AS span
  FROM marked
)
SELECT customer_id, group_id, MIN(from_at) AS valid_from,
  CASE WHEN COUNT(*) = COUNT(to_at) THEN MAX(to_at) END AS valid_to,
  ANY_VALUE(role) AS role, ANY_VALUE(rule) AS rule,
  ARG_MIN(identifier, from_at) AS identifier, ARG_MIN(evidence, from_at) AS evidence,
  ARG_MIN(stated_at, from_at) AS stated_at
FROM numbered
GROUP BY customer_id, group_id, span
"""


def statements_sql(settings: Settings) -> str:
    """A relation of the statements that were made before as_of on groups whose id names one."""
    value = "substr(group_id, strpos(group_id, ':') + 1)"
    return (
        f"(SELECT s.* EXCLUDE (value) FROM (SELECT *, {value} AS value FROM group_statements) AS s "
        f"WHERE s.stated_at < {_AS_OF} AND NOT {blocked_sql('s.value', settings.identity.blocked_values)})"
    )


def prepare_memberships(con: duckdb.DuckDBPyConnection, run: Run, rules: Mapping[str, GroupRule]) -> None:
    """Make know_memberships for the customers of know_scope; needs know_clock."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE know_identifiers AS {input_relations()['know_identifiers']}")
    if rules:
        con.execute(f"CREATE OR REPLACE TEMP TABLE know_seen AS {_SEEN}")
    found = "\n".join(f"UNION ALL {_found_sql(name, rule, run.settings)}" for name, rule in rules.items())
    con.execute(_SAID.replace("{statements}", statements_sql(run.settings)).replace("{found}", found))
    con.execute(_MEMBERSHIPS)


def _found_sql(name: str, rule: GroupRule, settings: Settings) -> str:
    domains = f"[{', '.join(literal(domain.lower()) for domain in settings.groups.free_mail_domains)}]::VARCHAR[]"
    sql = rule.sql.replace("{free_mail_domains}", domains)
    return _FOUND.replace("{name}", literal(name)).replace("{sql}", sql)
