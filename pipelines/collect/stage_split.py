"""One split of landed files becomes a staged Parquet file of interactions and one of rejections, in DuckDB alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from expectations.suites.interactions import SUITE
from pipelines.collect.compose import Batch, constant_columns, interactions_sql, reason_sentences
from pipelines.collect.connector import Plan
from pipelines.collect.connectors import connectors
from pipelines.collect.erased import ERASED, KEPT_OUT, is_erased_file
from pipelines.collect.parts import parts
from pipelines.collect.suppress import keep_out, write_kept_out
from schemas.copies import content_sql, winner_order_sql
from schemas.keys import key_sql
from schemas.table import literal, quoted
from schemas.tables import tables
from warehouse.extensions import session
from warehouse.settings import Settings
from warehouse.suppression import SuppressionList

MAX_PARTS = 100_000  # of one split: parts are numbered without gaps between workers
ROW_GROUP = 100_000
_PARQUET = f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {ROW_GROUP})"


@dataclass(frozen=True)
class SplitFile:
    """A landed file within a split."""

    file_id: str
    path: str


@dataclass(frozen=True)
class Split:
    """Landed files that are parsed together: one connector, source and mapping."""

    number: int
    batch: Batch
    mapping: str | None
    files: tuple[SplitFile, ...]


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

    `interactions` are sorted by time; `losers` are copies that lost against another copy of the part; `kept_out` are
    the places of records that suppressions name.
    """

    number: int
    interactions: str | None
    losers: str | None
    rejections: str | None
    kept_out: str | None
    counts: tuple[FileCount, ...]


def stage_split(
    split: Split, staging: Path, settings: Settings, temporary: Path, suppressions: SuppressionList | None = None
) -> Iterator[StagedPart]:
    """Parse, validate and stage `split`, in parts of bounded size; what cannot be read becomes rejections.

    What `suppressions` name is neither staged nor rejected.

    Raises UsageError where a mapping does not fit its file, RapportError where the session cannot be opened.
    """
    con = session(settings, temporary)
    try:
        _register_files(con, split)
        for number, plan in enumerate(_parts(con, split), start=split.number * MAX_PARTS):
            if plan is None:
                sentences = _all_unreadable(con, split)
            else:
                _check(con, plan, split.batch, settings)
                if suppressions:
                    keep_out(con, suppressions)
                sentences = reason_sentences(plan, SUITE.rules)
            yield _write(con, split.batch, number, staging, sentences)
    finally:
        con.close()


def _check(con: duckdb.DuckDBPyConnection, plan: Plan, batch: Batch, settings: Settings) -> None:
    """Make `checked`, the part's records without the constant columns, and `whole`, the same with them and `place`."""
    if not plan.whole_records or _must_divide(con, plan, batch, settings):
        _parse(con, plan, batch, settings)
    constant = constant_columns(plan, batch)
    columns = ", ".join(
        f"{constant.get(name, quoted(name))} AS {quoted(name)}" for name in tables()["interactions"].column_names
    )
    con.execute(f"CREATE OR REPLACE TEMP VIEW whole AS SELECT {columns}, reason_code, rowid AS place FROM checked")
    con.execute(
        "CREATE OR REPLACE TEMP VIEW accepted AS "
        f"SELECT {columns} FROM (SELECT * FROM checked WHERE reason_code IS NULL ORDER BY occurred_at)"
    )


def _must_divide(con: duckdb.DuckDBPyConnection, plan: Plan, batch: Batch, settings: Settings) -> bool:
    """Parse with the cheaper query; whether some payload turns out to hold several records, so that it will not do."""
    _parse(con, replace(plan, records=plan.whole_records, device=""), batch, settings)
    doubts = ", ".join(literal(code) for code in plan.doubts)
    if con.execute(f"SELECT 1 FROM checked WHERE reason_code IN ({doubts}) LIMIT 1").fetchone() is None:
        return False
    return con.execute(f"SELECT 1 FROM input WHERE {plan.may_divide} LIMIT 1").fetchone() is not None


def _parse(con: duckdb.DuckDBPyConnection, plan: Plan, batch: Batch, settings: Settings) -> None:
    sql = interactions_sql(plan, batch, settings.identity, SUITE.rules)
    con.execute(f"CREATE OR REPLACE TEMP TABLE checked AS {sql}")


def _register_files(con: duckdb.DuckDBPyConnection, split: Split) -> None:
    ids = [file.file_id for file in split.files]
    numbers = pa.array(range(len(ids)), pa.int32())
    con.register("files", pa.table({"file_no": numbers, "file_id": pa.array(ids, pa.string())}))


def _parts(con: duckdb.DuckDBPyConnection, split: Split) -> Iterator[Plan | None]:
    paths = [Path(file.path) for file in split.files]
    return parts(con, connectors()[split.batch.connector], split.mapping or "", paths)


def _all_unreadable(con: duckdb.DuckDBPyConnection, split: Split) -> dict[str, str]:
    """Bytes that cannot be divided count as one record, refused; or as a blank, if they are one."""
    code = ERASED if is_erased_file(Path(split.files[0].path)) else "unreadable_file"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE checked AS "
        f"SELECT file_id, 0::BIGINT AS row_number, 0 AS element, '{code}' AS reason_code FROM files"
    )
    return reason_sentences(Plan(records="", fields={}), ())


def _write(
    con: duckdb.DuckDBPyConnection, batch: Batch, number: int, staging: Path, sentences: dict[str, str]
) -> StagedPart:
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
    has_losers = bool(accepted) and _take_losers(con, lost)
    if accepted:
        beaten = dict(con.execute("SELECT file_id, COUNT(*) FROM beaten GROUP BY file_id").fetchall())
        counts = tuple(replace(count, repeated=beaten.get(count.file_id, 0)) for count in counts)
    if accepted:
        con.execute(f"COPY (SELECT * FROM accepted) TO {literal(str(good))} {_PARQUET}")
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


def _take_losers(con: duckdb.DuckDBPyConnection, target: Path) -> bool:
    """Leave one copy of each event in `checked`; the others, where they say something else, go to `target`.

    Most retries stand near each other, so nearly all copies are found here, while their rows are at hand. A copy
    that loses against another of its part loses against all copies. Gives whether `target` was written.
    """
    con.execute("""
        CREATE OR REPLACE TEMP TABLE repeated AS
        SELECT *
        FROM whole
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
        SELECT * EXCLUDE (reason_code),
            content <> first(content) OVER copies AS is_different,
            row_number() OVER (PARTITION BY source, event_id, content ORDER BY place) = 1 AS is_first
        FROM (SELECT *, {content_sql()} AS content FROM repeated)
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


def plan_splits(files: Sequence[tuple[SplitFile, Batch, str | None, int]], limit_bytes: int) -> list[Split]:
    """Group landed files (file, batch, mapping, size) into splits of one connector, source and mapping.

    JSON files share a split up to `limit_bytes`; files of columns stand alone, as each has a header of its own.
    """
    splits: list[Split] = []
    size = 0
    for file, batch, mapping, size_bytes in files:
        last = splits[-1] if splits else None
        joins = (
            last is not None
            and connectors()[batch.connector].framing == "json"
            and (last.batch, last.mapping) == (batch, mapping)
            and size + size_bytes <= limit_bytes
        )
        if joins and last is not None:
            splits[-1] = Split(last.number, batch, mapping, (*last.files, file))
            size += size_bytes
        else:
            splits.append(Split(len(splits), batch, mapping, (file,)))
            size = size_bytes
    return splits
