"""What a part of a split becomes: Parquet files of interactions, of rejections and of copies that lost."""

from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from expectations.suites.interactions import SUITE
from pipelines.collect.compose import Batch
from pipelines.collect.erased import KEPT_OUT
from pipelines.collect.suppress import write_kept_out
from schemas.copies import content_sql, winner_order_sql
from schemas.keys import key_sql
from schemas.table import literal

ROW_GROUP = 100_000
_ORDERED_US = 3600 * 1_000_000  # how far apart two records may be and count as in order
_FEW_LATE = 0.05
# A dictionary of more values than this would be given up in the end.
_DICTIONARY = 5_000
_PARQUET = (
    f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {ROW_GROUP}, "
    f"DICTIONARY_SIZE_LIMIT {_DICTIONARY})"
)


@dataclass(frozen=True)
class FileCount:
    """Conservation of one file within a part: received = accepted + rejected + suppressed.

    `repeated` of the accepted lost against another copy there.
    """

    file_id: str
    received: int
    accepted: int
    suppressed: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class StagedPart:
    """What a part of a split became: Parquet files, None where they would be empty.

    `interactions` are sorted by time, give or take an hour; `losers` are copies that lost against another copy of the
    part; `kept_out` are the places of records that suppressions name; `found` are the places that were asked for, with
    what refuses them. `fields` are names of members of properties.
    """

    number: int
    interactions: str | None
    losers: str | None
    rejections: str | None
    kept_out: str | None
    counts: tuple[FileCount, ...]
    found: str | None = None
    fields: tuple[str, ...] = ()


def write_part(
    con: duckdb.DuckDBPyConnection, batch: Batch, number: int, staging: Path, sentences: dict[str, str], columns: str
) -> StagedPart:
    """Write what `checked` holds, of which `columns` are those of interactions, to files of part `number`.

    `sentences` are the reasons of rejections by their codes.
    """
    counted = con.execute(
        "SELECT file_id, COUNT(*), COUNT(*) FILTER (WHERE reason_code IS NULL), "
        f"COUNT(*) FILTER (WHERE reason_code IN {KEPT_OUT}) "
        "FROM checked GROUP BY file_id ORDER BY file_id"
    ).fetchall()
    counts = tuple(FileCount(*row) for row in counted)
    accepted = sum(count.accepted for count in counts)
    suppressed = sum(count.suppressed for count in counts)
    rejected = sum(count.received for count in counts) - accepted - suppressed
    kinds = ("parquet", "rejections.parquet", "lost.parquet", "kept_out.parquet")
    good, bad, lost, out = (staging / f"{number:010d}.{kind}" for kind in kinds)
    has_losers = bool(accepted) and _take_losers(con, columns, lost)
    if accepted:
        beaten = dict(con.execute("SELECT file_id, COUNT(*) FROM beaten GROUP BY file_id").fetchall())
        counts = tuple(replace(count, repeated=beaten.get(count.file_id, 0)) for count in counts)
    if accepted:
        con.execute(f"COPY (SELECT {columns} FROM ({_by_time(con)})) TO {literal(str(good))} {_PARQUET}")
    if rejected:
        _write_rejections(con, batch, sentences, bad)
    return StagedPart(
        number=number,
        interactions=str(good) if accepted else None,
        losers=str(lost) if has_losers else None,
        rejections=str(bad) if rejected else None,
        kept_out=str(out) if suppressed and write_kept_out(con, out) else None,
        counts=counts,
    )


def _by_time(con: duckdb.DuckDBPyConnection) -> str:
    """A query for the accepted records of `checked` by time, give or take an hour.

    What arrives is nearly in order, so only the few records that are late are sorted, and come first.
    """
    found = con.execute("SELECT rowid, epoch_us(occurred_at) AS at FROM checked WHERE reason_code IS NULL").fetchnumpy()
    is_late = found["at"] < np.maximum.accumulate(found["at"]) - _ORDERED_US
    if is_late.mean() > _FEW_LATE:
        return "SELECT * FROM checked WHERE reason_code IS NULL ORDER BY occurred_at"
    con.register("late", pa.table({"place": found["rowid"][is_late]}))
    return """
        FROM (SELECT * FROM checked WHERE rowid IN (SELECT place FROM late) ORDER BY occurred_at)
        UNION ALL
        (SELECT * FROM checked WHERE reason_code IS NULL AND rowid NOT IN (SELECT place FROM late))
    """


def _take_losers(con: duckdb.DuckDBPyConnection, columns: str, target: Path) -> bool:
    """Leave one copy of each event in `checked`; the others, where they say something else, go to `target`.

    Most retries stand near each other, so nearly all copies are found here, while their rows are at hand. A copy
    that loses against another of its part loses against all copies. Gives whether `target` was written.
    """
    # Only then are the constant columns added, as their keys are computed.
    con.execute("""
        CREATE OR REPLACE TEMP TABLE repeated AS
        SELECT *, rowid AS place
        FROM checked
        WHERE reason_code IS NULL AND hash(event_id) IN (
            SELECT hash(event_id) AS number
            FROM checked
            WHERE reason_code IS NULL
            GROUP BY number
            HAVING COUNT(*) > 1
        )
    """)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE beaten AS
        SELECT *,
            content <> first(content) OVER copies AS is_different,
            row_number() OVER (PARTITION BY source, event_id, content ORDER BY place) = 1 AS is_first
        FROM (SELECT *, {content_sql()} AS content FROM (SELECT {columns}, place FROM repeated))
        WINDOW copies AS (
            PARTITION BY source, event_id ORDER BY {winner_order_sql()}, file_id, row_number, element
        )
        QUALIFY row_number() OVER copies > 1
    """)
    con.execute("DELETE FROM checked WHERE rowid IN (SELECT place FROM beaten)")
    written = con.execute(f"""
        COPY (
            SELECT * EXCLUDE (place, content, is_different, is_first), content AS content_sha256
            FROM beaten
            WHERE is_different AND is_first
        ) TO {literal(str(target))} (FORMAT parquet)
    """).fetchone()
    return bool(written and written[0])


def _write_rejections(con: duckdb.DuckDBPyConnection, batch: Batch, sentences: dict[str, str], target: Path) -> None:
    con.register("sentences", _named(sentences))
    identity = key_sql("c.file_id", "c.row_number::VARCHAR", "c.element::VARCHAR", "c.reason_code")
    con.execute(f"""
        COPY (
            SELECT {identity} AS rejection_id, {literal(batch.connector)} AS connector,
                {literal(batch.source)} AS source, c.reason_code, s.reason,
                CASE WHEN s.is_rule THEN 'validate' ELSE 'collect' END AS stage,
                c.file_id, c.row_number, c.element,
                TIMESTAMPTZ {literal(batch.ingested_at.isoformat())} AS rejected_at,
                {literal(batch.batch_id)} AS batch_id, {batch.commit_seq}::BIGINT AS commit_seq
            FROM checked AS c
            JOIN sentences AS s USING (reason_code)
            WHERE c.reason_code NOT IN {KEPT_OUT}
            ORDER BY c.file_id, c.row_number, c.element
        ) TO {literal(str(target))} (FORMAT parquet)
    """)


def _named(sentences: dict[str, str]) -> pa.Table:
    rules = {rule.code for rule in SUITE.rules}
    return pa.table(
        {
            "reason_code": pa.array(list(sentences), pa.string()),
            "reason": pa.array(list(sentences.values()), pa.string()),
            "is_rule": pa.array([code in rules for code in sentences], pa.bool_()),
        }
    )
