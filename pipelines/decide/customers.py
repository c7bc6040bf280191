"""Who is decided for, with what the score and the gates look at: temporary tables of the customers still to decide.

`decide_customers` has a row per customer, numbered; `decide_consents` per customer and purpose; `decide_bought` per
customer and category with purchases, `decide_lines` those of them that an offer is of. Where customers are few, only
their rows are read: the tables are sorted by anchor or customer, and a reader leaves out what cannot hold a value that
is named.
"""

from datetime import datetime

import duckdb

from pipelines.decide.consents import make_consents
from pipelines.decide.policy import Policy
from pipelines.decide.standing import TAKEN
from schemas.keys import key_sql
from schemas.table import literals
from warehouse.queries import number
from warehouse.run import Run

CUSTOMER_TABLES = (
    "decide_pending",
    "decide_people",
    "decide_contacts",
    "decide_complaints",
    "decide_consents",
    "decide_bought",
    "decide_lines",
    "decide_customers",
)
_KEY_FIELDS = ("customer_id", "policy_version", "seed", "as_of")
_WITHIN = "{at} >= COALESCE(p.valid_from, {at}) AND (p.valid_to IS NULL OR {at} < p.valid_to)"
_FEW = 1_000


def prepare_customers(con: duckdb.DuckDBPyConnection, run: Run, policy: Policy) -> int:
    """Make the tables and return the number of customers to decide for; needs `decide_offers`.

    Customers who have a decision of this policy, seed and as_of that stands are left out first: nothing more is read
    for them.
    """
    count = _make_pending(con, run, policy)
    if count:
        here = among(con, "customer_id", "SELECT customer_id FROM decide_pending")
        _make_people(con, here)
        anchored = among(con, "anchor", "SELECT identifier FROM decide_people")
        _make_contacts(con, run.as_of, anchored)
        _make_complaints(con, run.as_of, anchored)
        make_consents(con, run.as_of, anchored)
        _make_lines(con, here)
        _make_customers(con, here)
    return count


def among(con: duckdb.DuckDBPyConnection, column: str, values: str) -> str:
    """A predicate that `column` has one of the values of the query `values`; TRUE where these are many."""
    found = con.execute(f"{values} LIMIT {_FEW + 1}").fetchall()
    if len(found) > _FEW:
        return "TRUE"
    return f"{column} IN ({literals(value for (value,) in found)})" if found else "FALSE"


def _make_pending(con: duckdb.DuckDBPyConnection, run: Run, policy: Policy) -> int:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_pending AS
        WITH taken AS ({TAKEN}),
        keyed AS (
            SELECT
                customer_id,
                $policy_version AS policy_version,
                CAST($seed AS VARCHAR) AS seed,
                $as_of_text AS as_of,
                COALESCE(taken.revision + 1, 0) AS revision
            FROM profiles
            LEFT JOIN taken USING (customer_id)
            WHERE taken.is_standing IS NOT TRUE
        )
        SELECT
            row_number() OVER (ORDER BY customer_id) - 1 AS number,
            customer_id,
            revision,
            CASE revision
                WHEN 0 THEN {key_sql(*_KEY_FIELDS)}
                ELSE {key_sql(*_KEY_FIELDS, "CAST(revision AS VARCHAR)")}
            END AS decision_id,
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
    return number(con, "SELECT COUNT(*) FROM decide_pending")


def _make_people(con: duckdb.DuckDBPyConnection, here: str) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_people AS
        SELECT identifier, customer_id, valid_from, valid_to
        FROM identities
        SEMI JOIN decide_pending USING (customer_id)
        WHERE known_to IS NULL
            AND {here}
        """
    )


def _make_contacts(con: duckdb.DuckDBPyConnection, as_of: datetime, anchored: str) -> None:
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
            AND {anchored}
            AND (c.failed_at IS NULL OR c.delivered_at IS NOT NULL)
        GROUP BY p.customer_id
        """,
        {"as_of": as_of},
    )


def _make_complaints(con: duckdb.DuckDBPyConnection, as_of: datetime, anchored: str) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_complaints AS
        WITH complaints AS MATERIALIZED (
            SELECT anchor, event_name, last_at
            FROM daily_activity
            WHERE contains(event_name, 'compla')
                AND {anchored}
                AND day >= CAST($as_of AS DATE) - 30
                AND day < CAST($as_of AS DATE)
        ),
        recent AS (
            SELECT
                p.customer_id,
                a.last_at,
                regexp_matches(a.event_name, '(resolved|closed|settled)$') AS is_settlement
            FROM complaints a
            JOIN decide_people p ON p.identifier = a.anchor AND {_WITHIN.format(at="a.last_at")}
        )
        SELECT customer_id, MAX(last_at) FILTER (NOT is_settlement) AS open_complaint_at
        FROM recent
        GROUP BY customer_id
        HAVING MAX(last_at) FILTER (NOT is_settlement)
            > COALESCE(MAX(last_at) FILTER (is_settlement), CAST('-infinity' AS TIMESTAMPTZ))
        """,
        {"as_of": as_of},
    )


def _make_lines(con: duckdb.DuckDBPyConnection, here: str) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_bought AS
        SELECT customer_id, category, purchase_count AS line_count
        FROM interests
        SEMI JOIN decide_pending USING (customer_id)
        WHERE {here}
            AND purchase_count > 0
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE decide_lines AS
        SELECT *
        FROM decide_bought
        SEMI JOIN decide_offers USING (category)
        """
    )


def _make_customers(con: duckdb.DuckDBPyConnection, here: str) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decide_customers AS
        WITH bought AS (
            SELECT customer_id, CAST(SUM(line_count) AS BIGINT) AS line_count
            FROM decide_bought
            GROUP BY customer_id
        ),
        consents AS (
            SELECT customer_id, flatten(list(stated ORDER BY purpose)) AS consents
            FROM decide_consents
            GROUP BY customer_id
        )
        SELECT
            d.*,
            COALESCE(s.consents, []) AS consents,
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
        JOIN (SELECT * FROM profiles WHERE {here}) p ON p.customer_id = d.customer_id
        LEFT JOIN decide_contacts c ON c.customer_id = d.customer_id
        LEFT JOIN decide_complaints m ON m.customer_id = d.customer_id
        LEFT JOIN bought b ON b.customer_id = d.customer_id
        LEFT JOIN consents s ON s.customer_id = d.customer_id
        """
    )


def _uniform_sql(*fields: str) -> str:
    """Give SQL for a number in [0, 1): the first 52 bits of the fields' key, exact as a double."""
    return f"CAST('0x' || left({key_sql(*fields)}, 13) AS BIGINT) / 4503599627370496.0"
