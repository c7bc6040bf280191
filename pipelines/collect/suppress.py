"""Keeps out what was erased: records of erased events, and records that carry an erased person's identifier."""

from pathlib import Path

import duckdb

from pipelines.collect.erased import ERASED, SUPPRESSED
from schemas.identifiers import identifier_sql
from schemas.table import literal
from warehouse.suppression import SuppressionList, digest_sql, read_key

_DIGEST = digest_sql("{value}", "$secret")
# Telephone numbers also as they were spelled: a person may have been erased before their region was set.
_NAMED = "list_concat(identifiers, spelled)"


def keep_out(con: duckdb.DuckDBPyConnection, suppressions: SuppressionList) -> None:
    """Mark the records of `checked` (seen through `whole`) that `suppressions` keep out, also those refused already.

    A record without a time that can be read counts as one from before the erasure. Identifiers repeat, so each is
    digested once; about 1.2 microseconds an event on one core. The key is bound, so that no text of a query has it.
    """
    secret = {"secret": read_key(suppressions.key)}
    listed = f"read_parquet({literal(str(suppressions.digests))})"
    con.execute(f"CREATE OR REPLACE TEMP VIEW suppressions AS SELECT * FROM {listed}")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE erased_identifiers AS
        WITH said AS (
            SELECT DISTINCT {identifier_sql("i.kind", "i.value")} AS identifier
            FROM (SELECT unnest({_NAMED}) AS i FROM whole)
        )
        SELECT identifier, CASE WHEN bool_or(until_at IS NULL) THEN NULL ELSE MAX(until_at) END AS until_at
        FROM said
        JOIN suppressions ON digest = {_DIGEST.format(value="identifier")}
        WHERE suppressions.kind = 'identifier'
        GROUP BY identifier
        """,
        secret,
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE kept_out AS
        WITH named AS (
            SELECT place, occurred_at, until_at
            FROM (SELECT place, occurred_at, unnest({_NAMED}) AS i FROM whole)
            JOIN erased_identifiers ON identifier = {identifier_sql("i.kind", "i.value")}
        ),
        known AS (
            SELECT place, occurred_at, until_at
            FROM whole
            JOIN suppressions ON digest = {_DIGEST.format(value="interaction_id")}
            WHERE suppressions.kind = 'interaction'
        )
        SELECT DISTINCT place
        FROM (FROM named UNION ALL FROM known)
        WHERE COALESCE(occurred_at <= until_at, TRUE)
        """,
        secret,
    )
    con.execute(
        f"UPDATE checked SET reason_code = '{SUPPRESSED}' "
        f"WHERE rowid IN (SELECT place FROM kept_out) AND reason_code IS DISTINCT FROM '{ERASED}'"
    )


def write_kept_out(con: duckdb.DuckDBPyConnection, target: Path) -> bool:
    """Write the places (file_id, row_number, element) of the records that were kept out now; gives whether any was."""
    written = con.execute(f"""
        COPY (
            SELECT file_id, row_number, element
            FROM checked
            WHERE reason_code = '{SUPPRESSED}'
            ORDER BY ALL
        ) TO {literal(str(target))} (FORMAT parquet)
    """).fetchone()
    return bool(written and written[0])
