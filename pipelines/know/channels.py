"""How a customer answers on each channel: temporary table know_channels, the rows of `channel_preferences`.

`channel_response_rate(c) = (a_c + S_c) / (a_c + b_c + N_c)`: N_c contacts and S_c of them answered, both with
forward decay, and the Beta(a_c, b_c) of the channel over all customers (artefact channel_priors). A channel
is listed if the company contacted the customer there, or the customer named it, consented or objected to it.

Beyond the table's columns know_channels has `prior_rate` = a_c / (a_c + b_c), `is_stated`, `p_beats_stated`:
P(rate > rate of the stated channel + margin), for the rivals of a stated channel that have enough contacts.
"""

import duckdb

from warehouse.consent_states import states_sql

COVERAGE = 0.9
# A rival is worth a question if it answers two points better, seen over at least ten contacts.
RIVAL_MARGIN = 0.02
RIVAL_CONTACTS = 10

_CONSENTS = states_sql(
    "(SELECT as_of FROM know_clock)",
    "SELECT * FROM know_consents",
    "SELECT 'marketing' AS name",
    "SELECT DISTINCT channel AS name FROM know_posteriors",
)

_POSTERIORS = """
WITH priors AS (
  SELECT p.key AS channel, (p.value ->> 'a')::DOUBLE AS a, (p.value ->> 'b')::DOUBLE AS b
  FROM know_artefacts, json_each(parameters, '$.channels') AS p
  WHERE name = 'channel_priors'
),
fallback AS (
  SELECT (parameters ->> '$.fallback.a')::DOUBLE AS a, (parameters ->> '$.fallback.b')::DOUBLE AS b
  FROM know_artefacts
  WHERE name = 'channel_priors'
),
counts AS (
  SELECT customer_id, channel,
    COUNT(*) AS contact_count,
    COUNT(responded_at) AS response_count,
    SUM(weight::DECIMAL(38,20)) AS decayed_contacts,
    SUM(weight::DECIMAL(38,20)) FILTER (WHERE responded_at IS NOT NULL) AS decayed_responses
  FROM know_contacts
  WHERE is_measured
  GROUP BY customer_id, channel
),
listed AS (
  SELECT customer_id, channel
  FROM counts
  UNION
  SELECT customer_id, channel
  FROM know_consents
  WHERE channel <> '*'
  UNION
  SELECT customer_id, channel
  FROM know_statements
),
filled AS (
  SELECT l.customer_id, l.channel,
    COALESCE(c.contact_count, 0) AS contact_count,
    COALESCE(c.response_count, 0) AS response_count,
    COALESCE(c.decayed_contacts, 0)::DOUBLE AS decayed_contacts,
    COALESCE(c.decayed_responses, 0)::DOUBLE AS decayed_responses,
    COALESCE(p.a, f.a) AS prior_a,
    COALESCE(p.b, f.b) AS prior_b
  FROM listed AS l
  SEMI JOIN know_customers USING (customer_id)
  LEFT JOIN counts AS c USING (customer_id, channel)
  LEFT JOIN priors AS p USING (channel)
  CROSS JOIN fallback AS f
)
SELECT *,
  prior_a + decayed_responses AS a,
  prior_b + (decayed_contacts - decayed_responses) AS b
FROM filled
"""

# Many customers share a posterior, and an interval is dear.
_INTERVALS = f"""
WITH pairs AS (
  SELECT DISTINCT a, b
  FROM know_posteriors
)
SELECT a, b,
  beta_quantile({(1 - COVERAGE) / 2}, a, b) AS rate_low,
  beta_quantile({(1 + COVERAGE) / 2}, a, b) AS rate_high
FROM pairs
"""

_RIVALS = f"""
WITH pairs AS (
  SELECT DISTINCT r.a AS a_1, r.b AS b_1, s.a AS a_2, s.b AS b_2
  FROM know_posteriors AS r
  JOIN know_statements AS t ON t.customer_id = r.customer_id AND t.channel <> r.channel
  JOIN know_posteriors AS s ON s.customer_id = t.customer_id AND s.channel = t.channel
  WHERE r.contact_count >= {RIVAL_CONTACTS}
)
SELECT *, beta_exceeds(a_1, b_1, a_2, b_2, {RIVAL_MARGIN}) AS p_greater
FROM pairs
"""

_OPT_OUTS = f"""
SELECT customer_id, channel
FROM ({_CONSENTS})
WHERE status = 'denied'
"""

# best_hour = the greatest (k p_pop + s_h) / (k + n_h); without an answer of the customer it is unknown.
_BEST_HOURS = """
WITH population AS (
  SELECT c.key AS channel, h.key::INTEGER AS hour, h.value::DOUBLE AS rate
  FROM know_artefacts, json_each(parameters, '$.channels') AS c, json_each(c.value) AS h
  WHERE name = 'hour_priors'
),
shrinkage AS (
  SELECT (parameters ->> 'strength')::DOUBLE AS strength, (parameters ->> 'fallback')::DOUBLE AS fallback
  FROM know_artefacts
  WHERE name = 'hour_priors'
),
counts AS (
  SELECT customer_id, channel, contacted_hour AS hour,
    COUNT(*) AS contact_count,
    COUNT(responded_at) AS response_count
  FROM know_contacts
  WHERE is_measured
  GROUP BY customer_id, channel, hour
),
rates AS (
  SELECT p.customer_id, p.channel, h.hour::INTEGER AS hour,
    (strength * COALESCE(q.rate, fallback) + COALESCE(c.response_count, 0))
      / (strength + COALESCE(c.contact_count, 0)) AS rate
  FROM know_posteriors AS p
  CROSS JOIN range(24) AS h(hour)
  CROSS JOIN shrinkage
  LEFT JOIN population AS q ON q.channel = p.channel AND q.hour = h.hour
  LEFT JOIN counts AS c ON c.customer_id = p.customer_id AND c.channel = p.channel AND c.hour = h.hour
  WHERE p.response_count > 0
)
SELECT customer_id, channel, ARG_MAX(hour, ROW(rate, -hour)) AS best_hour
FROM rates
GROUP BY customer_id, channel
"""

_CHANNELS = f"""
SELECT p.customer_id, p.channel, p.contact_count, p.response_count, p.decayed_contacts, p.decayed_responses,
  p.a / (p.a + p.b) AS response_rate,
  i.rate_low, i.rate_high,
  o.channel IS NOT NULL AS is_opted_out,
  h.best_hour,
  p.prior_a / (p.prior_a + p.prior_b) AS prior_rate,
  t.channel IS NOT DISTINCT FROM p.channel AS is_stated,
  CASE WHEN p.contact_count >= {RIVAL_CONTACTS} THEN r.p_greater END AS p_beats_stated
FROM know_posteriors AS p
JOIN know_intervals AS i ON i.a = p.a AND i.b = p.b
LEFT JOIN know_opt_outs AS o ON o.customer_id = p.customer_id AND o.channel = p.channel
LEFT JOIN know_best_hours AS h ON h.customer_id = p.customer_id AND h.channel = p.channel
LEFT JOIN know_statements AS t ON t.customer_id = p.customer_id
LEFT JOIN know_posteriors AS s ON s.customer_id = t.customer_id AND s.channel = t.channel
LEFT JOIN know_rivals AS r
  ON r.a_1 = p.a AND r.b_1 = p.b AND r.a_2 = s.a AND r.b_2 = s.b AND t.channel <> p.channel
"""

_STEPS = {
    "know_posteriors": _POSTERIORS,
    "know_intervals": _INTERVALS,
    "know_rivals": _RIVALS,
    "know_opt_outs": _OPT_OUTS,
    "know_best_hours": _BEST_HOURS,
}
CHANNEL_RELATIONS = {**_STEPS, "know_channels": _CHANNELS}
TEMPORARY_TABLES = tuple(CHANNEL_RELATIONS)


def prepare_channels(con: duckdb.DuckDBPyConnection) -> None:
    """Make know_channels from the tables of `pipelines.know.inputs`."""
    for name, sql in CHANNEL_RELATIONS.items():
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
    for name in _STEPS:
        con.execute(f"DROP TABLE temp.{name}")
