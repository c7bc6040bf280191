"""What the live lake has recorded of the files that it was made of: where each lies, and the commit that loaded it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb

from flows.ingest import Origin
from flows.places import Places
from pipelines.collect.landing import LandedFile
from schemas.table import literal
from warehouse.beside import LIVE
from warehouse.lake import Lake

BYTES_PER_EVENT = 500
_FILE = "f.file_id, f.connector, f.source, f.name, f.path, f.sha256, f.size_bytes"
_LOADS = f"""
    SELECT {_FILE}, f.mapping, f.landed_at, f.batch_id, f.commit_seq, FALSE AS is_replay
    FROM {LIVE}.landing_files AS f
"""
_REPLAYS = f"""
    SELECT DISTINCT {_FILE}, r.mapping, f.landed_at, r.batch_id, r.commit_seq, TRUE
    FROM {LIVE}.landing_files AS f
    JOIN {LIVE}.replays AS r USING (file_id)
"""


@dataclass(frozen=True)
class Recorded:
    """A landed file and the commit that loaded it; or one that read some of its records again (`is_replay`)."""

    file: LandedFile
    origin: Origin
    is_replay: bool = False


def recorded_files(con: duckdb.DuckDBPyConnection) -> list[Recorded]:
    """All files that the live lake was made of, in the order in which they were loaded, also in part."""
    has_replays = con.execute(
        "SELECT 1 FROM duckdb_tables() WHERE database_name || '.' || schema_name = ? AND table_name = 'replays'", [LIVE]
    ).fetchone()
    replays = f"UNION ALL {_REPLAYS}" if has_replays else ""
    rows = con.execute(f"""
        WITH loads AS ({_LOADS} {replays})
        SELECT l.* EXCLUDE (is_replay), b.started_at, l.is_replay
        FROM loads AS l
        JOIN {LIVE}.batches AS b USING (batch_id)
        ORDER BY l.commit_seq, l.connector, l.source, l.landed_at, l.file_id
    """).fetchall()
    return [Recorded(LandedFile(*(*row[:8], row[8].isoformat())), Origin(*row[9:12]), row[12]) for row in rows]


def replayed_places(lake: Lake, series: Sequence[Recorded], folder: Path) -> Places:
    """The records that each of `series` reads: a replay those that it read again, a first load all others."""
    listed = ", ".join(f"('{each.file.file_id}', {each.origin.commit_seq})" for each in series)
    written = {}
    for name, condition in (
        ("only", f"(file_id, commit_seq) IN ({listed})"),
        ("without", f"file_id IN (SELECT file_id FROM (VALUES {listed}) AS read (file_id, commit_seq))"),
    ):
        written[name] = str(folder / f"{name}.parquet")
        found = f"SELECT file_id, row_number, element FROM replays WHERE {condition}"
        lake.con.execute(f"COPY ({found}) TO {literal(written[name])} (FORMAT parquet)")
    again = {each.file.file_id for each in series if each.is_replay}
    replayed = {file_id for (file_id,) in lake.con.execute("SELECT DISTINCT file_id FROM replays").fetchall()}
    first = {each.file.file_id for each in series} & replayed - again
    return Places(dict.fromkeys(again, written["only"]), dict.fromkeys(first, written["without"]))


def in_series(files: Sequence[Recorded], max_events: int) -> Iterator[list[Recorded]]:
    """The files in series of about `max_events`, judged by size; the files of one commit stay together.

    A file stands once in a series.
    """
    series: list[Recorded] = []
    size = 0
    for _, commit in groupby(files, key=lambda each: each.origin.commit_seq):
        together = list(commit)
        added = sum(each.file.size_bytes for each in together)
        is_again = {each.file.file_id for each in series} & {each.file.file_id for each in together}
        if series and (is_again or size + added > max_events * BYTES_PER_EVENT):
            yield series
            series, size = [], 0
        series += together
        size += added
    if series:
        yield series
