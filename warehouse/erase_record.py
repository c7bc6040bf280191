"""What an erasure leaves: digests that keep the erased out, and a certificate that names nobody."""

from datetime import UTC, datetime

from schemas.identifiers import SEPARATOR, spellings, split_identifier
from schemas.keys import key_sql
from warehouse.lake import Lake
from warehouse.queries import has_rows
from warehouse.run import Run
from warehouse.suppression import digest, digest_sql, key_path, read_key, secret


def suppress(lake: Lake, run: Run) -> None:
    """Keep out the gathered events always, and events up to now with an identifier that was the persons' alone."""
    key = read_key(key_path(lake.home)) if _has_suppressions(lake) else secret(lake.home)
    identity = key_sql("$erasure_id::VARCHAR", "kind", "digest")
    lake.con.execute(
        f"""
        INSERT INTO suppressions BY NAME
        WITH digests AS (
            SELECT 'interaction' AS kind, {digest_sql("interaction_id", "$secret")} AS digest,
                NULL::TIMESTAMPTZ AS until_at
            FROM erase_interactions
            UNION ALL
            SELECT 'identifier', {digest_sql("identifier", "$secret")}, $until_at
            FROM erase_identifiers
            WHERE NOT is_shared
        )
        SELECT {identity} AS suppression_id, *, $commit_seq AS commit_seq
        FROM digests
        """,
        {
            "erasure_id": run.batch_id,
            "secret": key,
            "until_at": run.started_at,
            "commit_seq": run.commit_seq,
        },
    )


def is_erased(lake: Lake, text: str) -> bool:
    """Whether an earlier erasure has removed the identifier `KIND:VALUE`; a bare value is not recognised."""
    parts = split_identifier(text.strip())
    if parts is None or not _has_suppressions(lake):
        return False
    key, region = read_key(key_path(lake.home)), lake.settings.identity.phone_region
    found = [digest(key, parts[0] + SEPARATOR + value) for value in spellings(*parts, region)]
    query = "SELECT 1 FROM suppressions WHERE kind = 'identifier' AND digest IN (SELECT UNNEST(?)) LIMIT 1"
    return lake.con.execute(query, [found]).fetchone() is not None


def _has_suppressions(lake: Lake) -> bool:
    return has_rows(lake.con, "suppressions")


def certify(lake: Lake, run: Run, person_count: int, deleted: dict[str, int]) -> None:
    """Write the certificate, its end still open; `deleted` are the rows by table."""
    lake.con.execute(
        """
        INSERT INTO erasures BY NAME
        SELECT ? AS erasure_id, ? AS requested_at, ? AS person_count,
            (SELECT COUNT(*) FROM erase_identifiers WHERE NOT is_shared) AS identifier_count,
            ? AS erased_interaction_count, ? AS erased_row_count, 0 AS blanked_record_count, 0 AS blanked_file_count,
            0 AS scanned_file_count, 0 AS trace_count, ? AS commit_seq
        """,
        [
            run.batch_id,
            run.started_at,
            person_count,
            deleted.get("interactions", 0),
            sum(deleted.values()),
            run.commit_seq,
        ],
    )


def is_unfinished(lake: Lake, erasure_id: str) -> bool:
    """Whether the erasure was committed and its certificate has no end yet."""
    query = "SELECT 1 FROM erasures WHERE erasure_id = ? AND finished_at IS NULL"
    return lake.con.execute(query, [erasure_id]).fetchone() is not None


def end_certificate(
    lake: Lake, run: Run, erasure_id: str, *, records: int, files: int, scanned: int, traces: int
) -> None:
    """Write when all was done, with the counts of what was blanked and searched."""
    lake.con.execute(
        "UPDATE erasures SET finished_at = ?, blanked_record_count = ?, blanked_file_count = ?, "
        "scanned_file_count = ?, trace_count = ?, commit_seq = ? WHERE erasure_id = ?",
        [datetime.now(UTC), records, files, scanned, traces, run.commit_seq, erasure_id],
    )
