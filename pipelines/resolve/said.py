"""What people and models say about identity: the acts that count, and the proposals that are links.

Acts are few, so all are looked at; of proposals only those on identifiers that are decided anew.
"""

import duckdb

from warehouse.settings import IdentitySettings

# Of several acts on a pair, or on one identifier, the latest counts.
_ACTS = """
    CREATE OR REPLACE TEMP TABLE resolve_acts AS
    WITH latest AS (
        SELECT *
        FROM identity_acts
        QUALIFY ROW_NUMBER() OVER (
            PARTITION BY left_identifier, COALESCE(right_identifier, '')
            ORDER BY acted_at DESC, act_id DESC
        ) = 1
    )
    SELECT
        act,
        left_identifier,
        right_identifier,
        valid_from,
        valid_to,
        valid_from IS NOT NULL OR valid_to IS NOT NULL AS is_bounded,
        acted_at,
        act_id,
        commit_seq > $since AS is_new
    FROM latest
"""
# All that were scored anew, also where the score fell.
_SCORED = """
    CREATE OR REPLACE TEMP TABLE resolve_scored AS
    SELECT left_identifier, right_identifier
    FROM identity_proposals
    WHERE commit_seq > $since
"""


def gather_said(con: duckdb.DuckDBPyConnection, since: int) -> None:
    """Fill `resolve_acts` with the acts that count, and `resolve_scored` with the pairs scored after commit `since`."""
    con.execute(_ACTS, {"since": since})
    con.execute(_SCORED, {"since": since})


def accepted_sql(settings: IdentitySettings, among: str) -> str:
    """The proposals that are links, on pairs with an end in the query `among`; of several the latest model's counts."""
    return f"""
        SELECT proposal_id, left_identifier, right_identifier, probability
        FROM (
            SELECT *
            FROM identity_proposals
            WHERE left_identifier IN ({among})
                OR right_identifier IN ({among})
            QUALIFY ROW_NUMBER() OVER (
                PARTITION BY left_identifier, right_identifier
                ORDER BY TRY_CAST(model_version AS BIGINT) DESC, model_version DESC, proposed_at DESC, proposal_id
            ) = 1
        )
        WHERE probability >= {settings.accept!r}::DOUBLE
    """
