"""Who is decided for, and each of them beside each offer: the temporary tables that scores and gates look at.

`decide_offers` has a row per offer, `decide_customers` per customer still to decide, `decide_denied` per
customer and purpose; `decide_candidates` holds one chunk of customers x offers, complete, numbered by
customer and offer.
"""

from collections.abc import Mapping, Sequence

import duckdb

from pipelines.decide.catalogue import Catalogue, offers_table
from pipelines.decide.conditions import Condition, unmet_sql
from pipelines.decide.policy import Policy
from schemas.keys import key_sql
from warehouse.run import Run

TABLES = (
    "decide_offers",
    "decide_pending",
    "decide_people",
    "decide_contacts",
    "decide_complaints",
    "decide_denied",
    "decide_lines",
    "decide_customers",
    "decide_candidates",
)
_KEY_FIELDS = ("customer_id", "policy_version", "seed", "as_of")
_WITHIN = "{at} >= COALESCE(p.valid_from, {at}) AND (p.valid_to IS NULL OR {at} < p.valid_to)"


def prepare(con: duckdb.DuckDBPyConnection, run: Run, catalogue: Catalogue, policy: Policy) -> int:
    """Make all temporary tables but the candidates and return the number of customers to decide for.

    Customers who have a decision of this policy, seed and as_of are left out first: nothing more is read for
    them.
    """
    _make_offers(con, catalogue)
    _make_pending(con, run, policy)
    _make_people(con)
    _make_contacts(con, run)
    _make_complaints(con, run)
    _make_denied(con, run)
    _make_lines(con)
    _make_customers(con)
    row = con.execute("SELECT COUNT(*) FROM decide_customers").fetchone()
    return int(row[0]) if row else 0


def make_candidates(
    con: duckdb.DuckDBPyConnection,
    run: Run,
    policy: Policy,
    conditions: Mapping[str, Sequence[Condition]],
    span: range,
) -> None:
    """Make `decide_candidates` for the customers whose numbers lie in `span`."""
    unmet, parameters = unmet_sql(conditions)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_candidates AS
        WITH width AS (
            SELECT COUNT(*) AS offer_count
            FROM decide_offers
        )
        SELECT
            (c.number - {span.start}) * w.offer_count + o.number AS row_number,
            c.number AS customer_number,
            o.number AS offer_number,
            c.customer_id,
            o.* EXCLUDE (number),
            c.contact_7d_count,
            c.open_complaint_at,
            c.preferred_channel,
            CASE WHEN o.category IS NOT NULL THEN COALESCE(l.line_count, 0) END AS category_line_count,
            list_filter(
                o.channels,
                lambda channel: NOT list_contains(COALESCE(d.channels, []), channel)
            ) AS open_channels,
            {unmet} AS unmet,
            ? AS as_of,
            ? AS contacts_per_week
        FROM decide_customers c
        JOIN profiles p ON p.customer_id = c.customer_id
        CROSS JOIN decide_offers o
        CROSS JOIN width w
        LEFT JOIN decide_denied d ON d.customer_id = c.customer_id AND d.purpose = o.purpose
        LEFT JOIN decide_lines l ON l.customer_id = c.customer_id AND l.category = o.category
        WHERE c.number >= {span.start}
            AND c.number < {span.stop}
        """,
        [*parameters, run.as_of, policy.contacts_per_week],
    )


def _make_offers(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> None:
    con.register("decide_catalogue", offers_table(catalogue))
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE decide_offers AS
        SELECT
            row_number() OVER (ORDER BY offer_id) - 1 AS number,
            offer_id,
            name,
            kind,
            purpose,
            category,
            CAST(CAST(channels AS JSON) AS VARCHAR[]) AS channels,
            valid_from,
            valid_to,
            CAST(kind = 'offer' AS DOUBLE) AS is_sale,
            CAST(value_customer AS DOUBLE) AS worth_customer,
            CAST(value_company AS DOUBLE) AS worth_company,
            CAST(cost AS DOUBLE) AS cost,
            CAST(contact_cost_customer AS DOUBLE) AS contact_cost_customer,
            CAST(contact_cost_company AS DOUBLE) AS contact_cost_company
        FROM decide_catalogue
        """
    )
    con.unregister("decide_catalogue")


def _make_pending(con: duckdb.DuckDBPyConnection, run: Run, policy: Policy) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_pending AS
        WITH decided AS (
            SELECT customer_id
            FROM decisions
            WHERE policy_version = $policy_version
                AND seed = $seed
                AND decided_as_of = $as_of
        ),
        keyed AS (
            SELECT
                customer_id,
                $policy_version AS policy_version,
                CAST($seed AS VARCHAR) AS seed,
                $as_of_text AS as_of
            FROM profiles
            ANTI JOIN decided USING (customer_id)
        )
        SELECT
            row_number() OVER (ORDER BY customer_id) - 1 AS number,
            customer_id,
            {key_sql(*_KEY_FIELDS)} AS decision_id,
            {_uniform_sql("'draw'", *_KEY_FIELDS)} AS uniform,
            {_uniform_sql("'holdout'", "customer_id", "seed")} AS holdout_uniform
        FROM keyed
        """,
        {
            "policy_version": policy.version,
            "seed": policy.seed,
            "as_of": run.as_of,
            "as_of_text": run.as_of.isoformat(),
        },
    )


def _make_people(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE decide_people AS
        SELECT identifier, customer_id, valid_from, valid_to
        FROM identities
        SEMI JOIN decide_pending USING (customer_id)
        WHERE known_to IS NULL
        """
    )


def _make_contacts(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_contacts AS
        SELECT
            p.customer_id,
            COUNT(*) AS contact_count,
            COUNT(*) FILTER (c.responded_at < $as_of) AS response_count,
            COUNT(*) FILTER (c.sent_at >= $as_of - INTERVAL 7 DAY) AS contact_7d_count,
            COUNT(*) FILTER (c.sent_at >= $as_of - INTERVAL 30 DAY) AS contact_30d_count
        FROM contacts c
        JOIN decide_people p ON p.identifier = c.anchor AND {_WITHIN.format(at="c.sent_at")}
        WHERE c.sent_at < $as_of
            AND (c.failed_at IS NULL OR c.delivered_at IS NOT NULL)
        GROUP BY p.customer_id
        """,
        {"as_of": run.as_of},
    )


def _make_complaints(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_complaints AS
        WITH recent AS (
            SELECT
                p.customer_id,
                a.last_at,
                regexp_matches(a.event_name, '(resolved|closed|settled)$') AS is_settlement
            FROM daily_activity a
            JOIN decide_people p ON p.identifier = a.anchor AND {_WITHIN.format(at="a.last_at")}
            WHERE contains(a.event_name, 'compla')
                AND a.day >= CAST($as_of AS DATE) - 30
                AND a.day < CAST($as_of AS DATE)
        )
        SELECT customer_id, MAX(last_at) FILTER (NOT is_settlement) AS open_complaint_at
        FROM recent
        GROUP BY customer_id
        HAVING MAX(last_at) FILTER (NOT is_settlement)
            > COALESCE(MAX(last_at) FILTER (is_settlement), CAST('-infinity' AS TIMESTAMPTZ))
        """,
        {"as_of": run.as_of},
    )


def _make_denied(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_denied AS
        WITH content AS (
            SELECT DISTINCT purpose, UNNEST(channels) AS channel
            FROM decide_offers
        ),
        stated AS (
            SELECT
                p.customer_id,
                o.purpose,
                o.channel,
                MAX(c.stated_at) FILTER (c.status = 'denied') AS denied_at,
                MAX(c.stated_at) FILTER (c.status = 'granted') AS granted_at
            FROM consents c
            JOIN decide_people p ON p.identifier = c.anchor AND {_WITHIN.format(at="c.stated_at")}
            JOIN content o ON c.purpose IN (o.purpose, '*') AND c.channel IN (o.channel, '*')
            WHERE c.stated_at < $as_of
            GROUP BY p.customer_id, o.purpose, o.channel
        )
        SELECT customer_id, purpose, list(channel ORDER BY channel) AS channels
        FROM stated
        WHERE denied_at >= COALESCE(granted_at, denied_at)
        GROUP BY customer_id, purpose
        """,
        {"as_of": run.as_of},
    )


def _make_lines(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE decide_lines AS
        SELECT i.customer_id, i.category, i.purchase_count AS line_count
        FROM interests i
        SEMI JOIN decide_pending d ON d.customer_id = i.customer_id
        SEMI JOIN decide_offers o ON o.category = i.category
        """
    )


def _make_customers(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE decide_customers AS
        WITH bought AS (
            SELECT customer_id, CAST(SUM(purchase_count) AS BIGINT) AS line_count
            FROM interests
            SEMI JOIN decide_pending USING (customer_id)
            GROUP BY customer_id
        )
        SELECT
            d.*,
            COALESCE(c.contact_count, 0) AS contact_count,
            COALESCE(c.response_count, 0) AS response_count,
            COALESCE(c.contact_7d_count, 0) AS contact_7d_count,
            COALESCE(c.contact_30d_count, 0) AS contact_30d_count,
            p.recency_days,
            COALESCE(p.order_90d_count, 0) AS order_90d_count,
            COALESCE(b.line_count, 0) AS line_count,
            p.p_purchase_30d,
            p.p_alive,
            p.frequency_quintile,
            p.monetary_quintile,
            p.preferred_channel,
            m.open_complaint_at
        FROM decide_pending d
        JOIN profiles p ON p.customer_id = d.customer_id
        LEFT JOIN decide_contacts c ON c.customer_id = d.customer_id
        LEFT JOIN decide_complaints m ON m.customer_id = d.customer_id
        LEFT JOIN bought b ON b.customer_id = d.customer_id
        """
    )


def _uniform_sql(*fields: str) -> str:
    """Give SQL for a number in [0, 1): the first 52 bits of the fields' key, exact as a double."""
    return f"CAST('0x' || left({key_sql(*fields)}, 13) AS BIGINT) / 4503599627370496.0"
