"""Each customer still to decide for beside each offer: the temporary tables that scores and gates look at.

`decide_offers` has a row per offer; `decide_candidates` holds one chunk of customers x offers, complete, numbered by
customer and offer.
"""

from collections.abc import Mapping, Sequence

import duckdb

from pipelines.decide.catalogue import Catalogue, offers_table
from pipelines.decide.conditions import Condition, unmet_sql
from pipelines.decide.consents import DENIED_SINCE, OPEN_CHANNELS
from pipelines.decide.customers import CUSTOMER_TABLES, among, prepare_customers
from pipelines.decide.policy import Policy
from warehouse.run import Run

TABLES = ("decide_offers", *CUSTOMER_TABLES, "decide_candidates")


def prepare(con: duckdb.DuckDBPyConnection, run: Run, catalogue: Catalogue, policy: Policy) -> int:
    """Make all temporary tables but the candidates and return the number of customers to decide for."""
    _make_offers(con, catalogue, policy)
    return prepare_customers(con, run, policy)


def make_candidates(
    con: duckdb.DuckDBPyConnection,
    run: Run,
    policy: Policy,
    conditions: Mapping[str, Sequence[Condition]],
    span: range,
) -> None:
    """Make `decide_candidates` for the customers whose numbers lie in `span`."""
    unmet, parameters = unmet_sql(conditions)
    chunk = f"c.number >= {span.start} AND c.number < {span.stop}"
    here = among(con, "customer_id", f"SELECT customer_id FROM decide_customers c WHERE {chunk}")
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
            {OPEN_CHANNELS} AS open_channels,
            {DENIED_SINCE} AS denied_since,
            {unmet} AS unmet,
            ? AS as_of,
            ? AS contacts_per_week
        FROM decide_customers c
        JOIN (SELECT * FROM profiles WHERE {here}) p ON p.customer_id = c.customer_id
        CROSS JOIN decide_offers o
        CROSS JOIN width w
        LEFT JOIN decide_consents d ON d.customer_id = c.customer_id AND d.purpose = o.purpose
        LEFT JOIN decide_lines l ON l.customer_id = c.customer_id AND l.category = o.category
        WHERE {chunk}
        """,
        [*parameters, run.as_of, policy.contacts_per_week],
    )


def _make_offers(con: duckdb.DuckDBPyConnection, catalogue: Catalogue, policy: Policy) -> None:
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
            list_contains(?::VARCHAR[], purpose) AS needs_grant,
            valid_from,
            valid_to,
            CAST(kind = 'offer' AS DOUBLE) AS is_sale,
            CAST(value_customer AS DOUBLE) AS worth_customer,
            CAST(value_company AS DOUBLE) AS worth_company,
            CAST(cost AS DOUBLE) AS cost,
            CAST(contact_cost_customer AS DOUBLE) AS contact_cost_customer,
            CAST(contact_cost_company AS DOUBLE) AS contact_cost_company
        FROM decide_catalogue
        """,
        [list(policy.opt_in)],
    )
    con.unregister("decide_catalogue")
