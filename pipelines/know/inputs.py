"""What traits and estimators read: relations over the customers of know_scope, known before as_of.

Each is a SELECT over the tables of the lake, by their bare names, and earlier relations: the stage materialises them
one by one, `pipelines.know.past` strings them together over what was known at another time.
Identifiers are joined to customers once, here. Times are UTC, money is in the base currency.

know_premises     one row: currency, rates, priorities (maps), channel_half_life_days, interest_half_life_days
know_clock        one row: as_of, as_of_day, and the half-lives
know_artefacts    name, version, parameters (JSON) of the artefacts in force
know_identifiers  identifier, kind, value, customer_id, valid_from, valid_to: the current identity map; an identifier
                  that is several customers' is each one's on whole days of their own
know_activity     customer_id, channel, event_name, interaction_count and human_count (without machines) of the days
                  before as_of, first_at and last_at of the days on which not all was done by machines
know_customers    customer_id, anchor, identifier_count: those with an interaction before as_of
know_orders       customer_id, ordered_at, ordered_on (its UTC day), amount (net of refunds; NULL unknown); for
                  evidence also source, order_id
know_buyers       one row per customer with an order: order_count, recency_days, monetary_total,
                  monetary_mean; x, t_x, t (repeat purchase days, day of the last one, days observed, both
                  from the first purchase); paid_count, paid_mean (orders with an amount above 0)
know_contacts     customer_id, channel, contacted_at, contacted_on and contacted_hour (UTC day and hour), responded_at
                  (NULL: not yet), is_measured (seen going out, so that a missing answer means something), weight
                  (forward decay); contacts that failed are not in it; for evidence also source, contact_id
know_categories   customer_id, category, purchase_count, view_count, amount, affinity (forward-decayed); for
                  estimators, traits have know_interests in its place
know_consents     customer_id and the statements of `consents` with purpose marketing, or * for all
know_statements   customer_id, channel, stated_at, interaction_id: the latest channel that the customer named

Forward decay weighs an event of day d by 2 ** ((d - L) / H) and, at the time of asking, all by
2 ** (-(as_of - L) / H) (Cormode et al. 2009). The landmark L cancels, so the two factors are taken as one,
which cannot overflow. Sums of weights are DECIMAL, so that no order of the rows changes them.
"""

import json
from collections.abc import Mapping

import duckdb

from pipelines.know.cut import TEMPORARY_TABLES as CUT_TABLES
from pipelines.know.cut import orders_and_contacts
from pipelines.know.estimators import estimators
from pipelines.know.premises import prepare_premises
from pipelines.know.rolled import RolledTable
from schemas.keys import key_sql
from schemas.table import literal, literals
from schemas.vocabulary import ORDER_EVENTS, REFUND_EVENTS
from warehouse.run import Run

# What an interaction with a category says about interest, in purchases; an own convention, to be validated.
_EVENT_WEIGHTS = {
    **dict.fromkeys(ORDER_EVENTS, 1.0),
    **dict.fromkeys(REFUND_EVENTS, 0.0),
    "product_added": 0.5,
    "product_removed": 0.0,
}
_OTHER_EVENT_WEIGHT = 0.2


def _shipped() -> str:
    return ", ".join(
        f"({literal(name)}, {literal(json.dumps(dict(estimator.shipped), sort_keys=True))}::JSON)"
        for name, estimator in sorted(estimators().items())
    )


_ARTEFACTS = f"""
WITH stored AS (
  SELECT name, MAX(version) AS version, MAX_BY(parameters, version) AS parameters
  FROM artefacts
  GROUP BY name
)
SELECT h.name, COALESCE(s.version, 0) AS version, COALESCE(s.parameters, h.parameters)::JSON AS parameters
FROM (VALUES {_shipped()}) AS h(name, parameters)
LEFT JOIN stored AS s USING (name)
"""

_IDENTIFIERS = """
SELECT identifier, kind, value, customer_id, valid_from, valid_to
FROM identities
WHERE known_to IS NULL AND customer_id IN (SELECT customer_id FROM know_scope)
"""

# On whose days something happened, where identifiers are several customers'.
THEN = " AND ({at} >= i.valid_from) IS NOT FALSE AND ({at} < i.valid_to) IS NOT FALSE"
_CONTACTED = "COALESCE(c.sent_at, c.delivered_at, c.opened_at, c.responded_at)"

_BEFORE = "d.day < (SELECT as_of_day FROM know_clock)"

# Summed while it is read: of many days of a customer only a few rows are kept.
_ACTIVITY = """
SELECT i.customer_id, d.channel, d.event_name,
  SUM(d.interaction_count)::BIGINT AS interaction_count,
  SUM(d.interaction_count - d.machine_count)::BIGINT AS human_count,
  MIN(d.first_at) FILTER (WHERE d.interaction_count > d.machine_count) AS first_at,
  MAX(d.last_at) FILTER (WHERE d.interaction_count > d.machine_count) AS last_at
FROM daily_activity AS d
JOIN know_identifiers AS i ON d.anchor = i.identifier{then}
WHERE {within}
GROUP BY i.customer_id, d.channel, d.event_name
"""

# A customer's id is the digest of the best identifier, so the anchor is found without looking at any event.
_CUSTOMERS = f"""
SELECT customer_id,
  ARG_MIN(identifier, ROW({key_sql("kind", "value")} <> customer_id, identifier)) AS anchor,
  COUNT(DISTINCT identifier) AS identifier_count
FROM know_identifiers
WHERE customer_id IN (SELECT customer_id FROM know_activity)
GROUP BY customer_id
"""

_ORDERS = """
SELECT i.customer_id, {names}o.ordered_at, o.ordered_at::DATE AS ordered_on,
  o.amount + COALESCE(o.refunded_amount, 0) AS amount
FROM {orders} AS o
JOIN know_identifiers AS i ON o.anchor = i.identifier{then}
WHERE o.ordered_at < (SELECT as_of FROM know_clock) AND o.line_count > 0
"""

# The last day that is known in full is the day before as_of: a customer of that day is observed for 0 days.
_BUYERS = """
WITH sums AS (
  SELECT customer_id,
    COUNT(*) AS order_count,
    MAX(ordered_at) AS last_order_at,
    SUM(amount) AS monetary_total,
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
  (monetary_total / NULLIF(valued_count, 0))::DECIMAL(38,4) AS monetary_mean,
  day_count - 1 AS x,
  last_day - first_day AS t_x,
  as_of_day - 1 - first_day AS t,
  paid_count,
  paid_total::DOUBLE / NULLIF(paid_count, 0) AS paid_mean
FROM sums
CROSS JOIN know_clock
"""

_CONTACTS = """
WITH known AS (
  SELECT i.customer_id, {names}c.channel,
    CASE WHEN c.sent_at < k.as_of THEN c.sent_at END AS sent_at,
    CASE WHEN c.delivered_at < k.as_of THEN c.delivered_at END AS delivered_at,
    CASE WHEN c.failed_at < k.as_of THEN c.failed_at END AS failed_at,
    CASE WHEN c.opened_at < k.as_of THEN c.opened_at END AS opened_at,
    CASE WHEN c.responded_at < k.as_of THEN c.responded_at END AS responded_at
  FROM {contacts} AS c
  JOIN know_identifiers AS i ON c.anchor = i.identifier{then}
  CROSS JOIN know_clock AS k
),
reached AS (
  SELECT * EXCLUDE (sent_at, delivered_at, failed_at, opened_at),
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


_CATEGORIES = f"""
WITH weighed AS (
  SELECT i.customer_id, d.category, d.interaction_count, d.amount,
    d.event_name IN ({literals(ORDER_EVENTS)}) AS is_purchase,
    d.event_name = 'product_viewed' AS is_view,
    d.interaction_count
      * COALESCE(map([{literals(_EVENT_WEIGHTS)}], {list(_EVENT_WEIGHTS.values())}::DOUBLE[])[d.event_name],
        {_OTHER_EVENT_WEIGHT}::DOUBLE)
      * pow(2, -(k.as_of_day - d.day) / k.interest_half_life_days) AS weight
  FROM daily_categories AS d
  JOIN know_identifiers AS i ON d.anchor = i.identifier{{then}}
  CROSS JOIN know_clock AS k
  WHERE d.day < k.as_of_day
)
SELECT customer_id, category,
  COALESCE(SUM(interaction_count) FILTER (WHERE is_purchase), 0)::BIGINT AS purchase_count,
  COALESCE(SUM(interaction_count) FILTER (WHERE is_view), 0)::BIGINT AS view_count,
  SUM(amount) FILTER (WHERE is_purchase) AS amount,
  SUM(weight::DECIMAL(38,20)) AS affinity
FROM weighed
GROUP BY customer_id, category
"""

_CONSENTS = """
SELECT i.customer_id, c.consent_id, c.anchor, c.purpose, c.channel, c.status, c.legal_basis, c.version, c.stated_at,
  c.expires_at, c.is_explicit, c.interaction_id
FROM consents AS c
JOIN know_identifiers AS i ON c.anchor = i.identifier{then}
WHERE c.purpose IN ('marketing', '*') AND c.stated_at < (SELECT as_of FROM know_clock)
"""

_STATEMENTS = """
WITH said AS (
  SELECT i.customer_id, s.stated_at, s.interaction_id, lower(trim(s.value)) AS channel
  FROM statements AS s
  JOIN know_identifiers AS i ON s.anchor = i.identifier{then}
  WHERE s.name = 'preferred_channel' AND s.stated_at < (SELECT as_of FROM know_clock)
)
SELECT customer_id, channel, stated_at, interaction_id
FROM said
WHERE channel <> ''
QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY stated_at DESC, interaction_id) = 1
"""


def input_relations(
    orders: str = "orders",
    contacts: str = "contacts",
    *,
    within: str = _BEFORE,
    has_evidence: bool = False,
    is_parted: bool = True,
) -> dict[str, str]:
    """The relations of this module but the first two, by name; `orders` and `contacts` are SQL for these tables.

    `within` holds for the rows of daily_activity before as_of. Ids of orders and contacts are dear to read; only
    `has_evidence` needs them. With `is_parted` identifiers may be several customers', each one's on days of their own.
    """
    days = THEN.format(at="d.day::TIMESTAMPTZ") if is_parted else ""
    orders_then, contacts_then, consents_then, statements_then = (
        THEN.format(at=at) if is_parted else ""
        for at in ("o.ordered_at", _CONTACTED, "COALESCE(c.heard_at, c.stated_at)", "s.stated_at")
    )
    order_names, contact_names = ("o.source, o.order_id, ", "c.source, c.contact_id, ") if has_evidence else ("", "")
    return {
        "know_artefacts": _ARTEFACTS,
        "know_identifiers": _IDENTIFIERS,
        "know_activity": _ACTIVITY.format(within=within, then=days),
        "know_customers": _CUSTOMERS,
        "know_orders": _ORDERS.format(orders=orders, names=order_names, then=orders_then),
        "know_buyers": _BUYERS,
        "know_contacts": _CONTACTS.format(contacts=contacts, names=contact_names, then=contacts_then),
        "know_categories": _CATEGORIES.format(then=days),
        "know_consents": _CONSENTS.format(then=consents_then),
        "know_statements": _STATEMENTS.format(then=statements_then),
    }


TEMPORARY_TABLES = ("know_premises", "know_clock", *input_relations(), *CUT_TABLES)


def prepare_inputs(
    con: duckdb.DuckDBPyConnection,
    run: Run,
    rolled: Mapping[str, RolledTable],
    *,
    has_evidence: bool = False,
    regrouped: str = "",
) -> None:
    """Make the temporary tables of this module for the customers of know_scope.

    With the rollups `orders` and `contacts` at hand, what goes on after as_of counts as it stood before as_of.
    `regrouped` is a SELECT that gives the rows of `{identifiers}` to others than the customers.
    """
    prepare_premises(con, run.settings, run.as_of)
    cut = orders_and_contacts(con, run.as_of, rolled)
    # Whether there are later days shows by the statistics of the files; the day of each row is dear to test.
    later = con.execute(
        "SELECT 1 FROM daily_activity WHERE day >= ?::TIMESTAMPTZ::DATE LIMIT 1", [run.as_of]
    ).fetchone()
    within = _BEFORE if later else "TRUE"
    parted = con.execute("SELECT 1 FROM identities WHERE valid_to IS NOT NULL AND known_to IS NULL LIMIT 1").fetchone()
    is_parted = parted is not None
    relations = input_relations(**cut, within=within, has_evidence=has_evidence, is_parted=is_parted)
    if regrouped:
        relations["know_identifiers"] = regrouped.format(identifiers=relations["know_identifiers"])
    for name, sql in relations.items():
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
