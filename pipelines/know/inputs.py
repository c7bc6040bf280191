"""What traits and estimators read: temporary tables for the customers of know_scope, known before as_of.

Identifiers are joined to customers once, here. Times are UTC, money is in the base currency.

know_clock        one row: as_of, as_of_day, channel_half_life_days, interest_half_life_days
know_artefacts    name, version, parameters (JSON) of the artefacts in force
know_identifiers  identifier, kind, value, first_seen_at, customer_id: the current identity map
know_activity     customer_id and the columns of daily_activity, days before as_of
know_customers    customer_id, anchor, identifier_count: those with an interaction before as_of
know_orders       customer_id, source, order_id, channel, ordered_at, ordered_on (its UTC day), amount (net of
                  refunds; NULL unknown)
know_buyers       one row per customer with an order: order_count, recency_days, monetary_total,
                  monetary_mean; x, t_x, t (repeat purchase days, day of the last one, days observed, both
                  from the first purchase); paid_count, paid_mean (orders with an amount above 0)
know_contacts     customer_id, source, contact_id, channel, contacted_at, contacted_on and contacted_hour (UTC
                  day and hour), responded_at (NULL: not yet), is_measured (seen going out, so that a missing
                  answer means something), weight (forward decay); contacts that failed are not in it
know_categories   customer_id, category, purchase_count, view_count, amount, affinity (forward-decayed); for
                  estimators, traits have know_interests in its place
know_consents     customer_id, channel (* for all), status, stated_at, consent_id; purpose marketing
know_statements   customer_id, channel, stated_at, interaction_id: the latest channel that the customer named

Forward decay weighs an event of day d by 2 ** ((d - L) / H) and, at the time of asking, all by
2 ** (-(as_of - L) / H) (Cormode et al. 2009). The landmark L cancels, so the two factors are taken as one,
which cannot overflow. Sums of weights are DECIMAL, so that no order of the rows changes them.
"""

import json
from collections.abc import Mapping

import duckdb

from schemas.vocabulary import ORDER_EVENTS, REFUND_EVENTS
from warehouse.artefacts import Artefact
from warehouse.errors import RapportError
from warehouse.run import Run
from warehouse.settings import KnowSettings

# What an interaction with a category says about interest, in purchases; an own convention, to be validated.
_EVENT_WEIGHTS = {
    **dict.fromkeys(ORDER_EVENTS, 1.0),
    **dict.fromkeys(REFUND_EVENTS, 0.0),
    "product_added": 0.5,
    "product_removed": 0.0,
}
_OTHER_EVENT_WEIGHT = 0.2

_IDENTIFIERS = """
CREATE OR REPLACE TEMP TABLE know_identifiers AS
SELECT identifier, kind, value, first_seen_at, customer_id
FROM identities
WHERE known_to IS NULL AND customer_id IN (SELECT customer_id FROM know_scope)
"""

_ACTIVITY = """
CREATE OR REPLACE TEMP TABLE know_activity AS
SELECT i.customer_id, d.* EXCLUDE (commit_seq)
FROM daily_activity AS d
JOIN know_identifiers AS i ON d.anchor = i.identifier
WHERE d.day < (SELECT as_of_day FROM know_clock)
"""

_CUSTOMERS = """
CREATE OR REPLACE TEMP TABLE know_customers AS
SELECT customer_id,
  ARG_MIN(identifier, ROW(-priority, first_seen_at, value, identifier)) AS anchor,
  COUNT(*) AS identifier_count
FROM know_identifiers
JOIN know_kinds USING (kind)
WHERE customer_id IN (SELECT customer_id FROM know_activity)
GROUP BY customer_id
"""

_ORDERS = """
CREATE OR REPLACE TEMP TABLE know_orders AS
SELECT i.customer_id, o.source, o.order_id, o.channel, o.ordered_at, o.ordered_at::DATE AS ordered_on,
  (o.amount + COALESCE(o.refunded_amount, 0))::DECIMAL(18,4) AS amount
FROM orders AS o
JOIN know_identifiers AS i ON o.anchor = i.identifier
WHERE o.ordered_at < (SELECT as_of FROM know_clock) AND o.line_count > 0
"""

# The last day that is known in full is the day before as_of: a customer of that day is observed for 0 days.
_BUYERS = """
CREATE OR REPLACE TEMP TABLE know_buyers AS
WITH sums AS (
  SELECT customer_id,
    COUNT(*) AS order_count,
    MAX(ordered_at) AS last_order_at,
    SUM(amount)::DECIMAL(18,4) AS monetary_total,
    COUNT(amount) AS valued_count,
    MIN(ordered_on) AS first_day,
    MAX(ordered_on) AS last_day,
    COUNT(DISTINCT ordered_on) AS day_count,
    COUNT(*) FILTER (WHERE amount > 0) AS paid_count,
    SUM(amount) FILTER (WHERE amount > 0) AS paid_total
  FROM know_orders
  GROUP BY customer_id
)
SELECT customer_id, order_count,
  (epoch_us(as_of) - epoch_us(last_order_at)) // 86_400_000_000 AS recency_days,
  monetary_total,
  (monetary_total / NULLIF(valued_count, 0))::DECIMAL(18,4) AS monetary_mean,
  day_count - 1 AS x,
  last_day - first_day AS t_x,
  as_of_day - 1 - first_day AS t,
  paid_count,
  paid_total::DOUBLE / NULLIF(paid_count, 0) AS paid_mean
FROM sums
CROSS JOIN know_clock
"""

_CONTACTS = """
CREATE OR REPLACE TEMP TABLE know_contacts AS
WITH known AS (
  SELECT i.customer_id, c.source, c.contact_id, c.channel,
    CASE WHEN c.sent_at < k.as_of THEN c.sent_at END AS sent_at,
    CASE WHEN c.delivered_at < k.as_of THEN c.delivered_at END AS delivered_at,
    CASE WHEN c.failed_at < k.as_of THEN c.failed_at END AS failed_at,
    CASE WHEN c.opened_at < k.as_of THEN c.opened_at END AS opened_at,
    CASE WHEN c.responded_at < k.as_of THEN c.responded_at END AS responded_at
  FROM contacts AS c
  JOIN know_identifiers AS i ON c.anchor = i.identifier
  CROSS JOIN know_clock AS k
),
reached AS (
  SELECT customer_id, source, contact_id, channel, responded_at,
    COALESCE(sent_at, delivered_at, opened_at, responded_at) AS contacted_at,
    sent_at IS NOT NULL OR delivered_at IS NOT NULL AS is_measured
  FROM known
  WHERE COALESCE(delivered_at, opened_at, responded_at) IS NOT NULL
    OR (sent_at IS NOT NULL AND failed_at IS NULL)
)
SELECT r.*,
  r.contacted_at::DATE AS contacted_on,
  ((epoch_us(r.contacted_at) // 3_600_000_000) % 24)::INTEGER AS contacted_hour,
  pow(2, -(k.as_of_day - r.contacted_at::DATE) / k.channel_half_life_days) AS weight
FROM reached AS r
CROSS JOIN know_clock AS k
"""

_CATEGORIES = """
CREATE OR REPLACE TEMP TABLE know_categories AS
WITH weighed AS (
  SELECT i.customer_id, d.category, d.interaction_count, d.amount,
    d.event_name IN (SELECT UNNEST($orders::VARCHAR[])) AS is_purchase,
    d.event_name = 'product_viewed' AS is_view,
    d.interaction_count
      * COALESCE(map($events::VARCHAR[], $weights::DOUBLE[])[d.event_name], $other)
      * pow(2, -(k.as_of_day - d.day) / k.interest_half_life_days) AS weight
  FROM daily_categories AS d
  JOIN know_identifiers AS i ON d.anchor = i.identifier
  CROSS JOIN know_clock AS k
  WHERE d.day < k.as_of_day
)
SELECT customer_id, category,
  COALESCE(SUM(interaction_count) FILTER (WHERE is_purchase), 0)::BIGINT AS purchase_count,
  COALESCE(SUM(interaction_count) FILTER (WHERE is_view), 0)::BIGINT AS view_count,
  (SUM(amount) FILTER (WHERE is_purchase))::DECIMAL(18,4) AS amount,
  SUM(weight::DECIMAL(38,20)) AS affinity
FROM weighed
GROUP BY customer_id, category
"""

_CONSENTS = """
CREATE OR REPLACE TEMP TABLE know_consents AS
SELECT i.customer_id, c.channel, c.status, c.stated_at, c.consent_id
FROM consents AS c
JOIN know_identifiers AS i ON c.anchor = i.identifier
WHERE c.purpose = 'marketing' AND c.stated_at < (SELECT as_of FROM know_clock)
"""

# The rollup tells where `identify` calls are, so that an increment does not read all of history for them.
_STATEMENTS = """
CREATE OR REPLACE TEMP TABLE know_statements AS
WITH said AS (
  SELECT i.customer_id, t.occurred_at AS stated_at, t.interaction_id,
    lower(trim(json_extract_string(t.properties, '$.traits.preferred_channel'))) AS channel
  FROM interactions AS t
  JOIN know_identifiers AS i ON t.anchor = i.identifier
  WHERE t.event_name = 'identify'
    AND t.occurred_at >= (SELECT MIN(first_at) FROM know_activity WHERE event_name = 'identify')
    AND t.occurred_at < (SELECT as_of FROM know_clock)
)
SELECT customer_id, channel, stated_at, interaction_id
FROM said
WHERE channel <> ''
QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY stated_at DESC, interaction_id) = 1
"""

TEMPORARY_TABLES = (
    "know_clock",
    "know_artefacts",
    "know_identifiers",
    "know_kinds",
    "know_activity",
    "know_customers",
    "know_orders",
    "know_buyers",
    "know_contacts",
    "know_categories",
    "know_consents",
    "know_statements",
)


def prepare_inputs(con: duckdb.DuckDBPyConnection, run: Run, artefacts: Mapping[str, Artefact]) -> None:
    """Make the temporary tables of this module for the customers of know_scope."""
    _prepare_clock(con, run)
    _prepare_artefacts(con, artefacts)
    con.execute(_IDENTIFIERS)
    _prepare_kinds(con, run)
    for statement in (_ACTIVITY, _CUSTOMERS, _ORDERS, _BUYERS, _CONTACTS):
        con.execute(statement)
    con.execute(
        _CATEGORIES,
        {
            "orders": list(ORDER_EVENTS),
            "events": list(_EVENT_WEIGHTS),
            "weights": list(_EVENT_WEIGHTS.values()),
            "other": _OTHER_EVENT_WEIGHT,
        },
    )
    con.execute(_CONSENTS)
    con.execute(_STATEMENTS)


def _prepare_clock(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    know = run.settings.know
    con.execute(
        "CREATE OR REPLACE TEMP TABLE know_clock AS SELECT ?::TIMESTAMPTZ AS as_of, ?::DATE AS as_of_day, "
        "?::DOUBLE AS channel_half_life_days, ?::DOUBLE AS interest_half_life_days",
        [run.as_of, run.as_of.date(), *_half_lives(know)],
    )


def _half_lives(know: KnowSettings) -> tuple[float, float]:
    found = (know.channel_half_life_days, know.interest_half_life_days)
    if not all(days > 0 for days in found):
        raise RapportError(f"[know] half-lives must be above 0 days, not {found}; inf means no decay")
    return found


def _prepare_artefacts(con: duckdb.DuckDBPyConnection, artefacts: Mapping[str, Artefact]) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE know_artefacts (name VARCHAR, version BIGINT, parameters JSON)")
    rows = [(a.name, a.version, json.dumps(dict(a.parameters), sort_keys=True)) for a in artefacts.values()]
    con.executemany("INSERT INTO know_artefacts VALUES (?, ?, ?)", rows)


def _prepare_kinds(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    kinds = con.execute("SELECT DISTINCT kind FROM know_identifiers ORDER BY kind").fetchall()
    con.execute("CREATE OR REPLACE TEMP TABLE know_kinds (kind VARCHAR, priority INTEGER)")
    if kinds:
        rows = [(kind, run.settings.identity.priority(kind)) for (kind,) in kinds]
        con.executemany("INSERT INTO know_kinds VALUES (?, ?)", rows)
