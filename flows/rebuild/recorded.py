"""What the live lake has recorded of the files that it was made of: where each lies, and the commit that loaded it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import duckdb

from flows.ingest import Origin
from flows.progress import Counts
from pipelines.collect.landing import LandedFile
from warehouse.beside import LIVE

BYTES_PER_EVENT = 500


@dataclass(frozen=True)
class Recorded:
    """A landed file, the commit that loaded it, and the five counts noted then."""

    file: LandedFile
    origin: Origin
    counts: Counts


def recorded_files(con: duckdb.DuckDBPyConnection) -> list[Recorded]:
    """All files that the live lake was made of, in the order in which they were loaded."""
    rows = con.execute(f"""
        SELECT f.file_id, f.connector, f.source, f.name, f.path, f.sha256, f.size_bytes, f.mapping, f.landed_at,
            f.batch_id, f.commit_seq, b.started_at,
            f.received_count, f.loaded_count, f.duplicate_count, f.rejected_count, f.suppressed_count
        FROM {LIVE}.landing_files AS f
        JOIN {LIVE}.batches AS b USING (batch_id)
        ORDER BY f.commit_seq, f.connector, f.source, f.landed_at, f.file_id
    """).fetchall()
    return [
        Recorded(LandedFile(*(*row[:8], row[8].isoformat())), Origin(*row[9:12]), Counts(*row[12:])) for row in rows
    ]


def in_series(files: Sequence[Recorded], max_events: int) -> Iterator[list[Recorded]]:
    """The files in series of about `max_events`, judged by size; the files of one commit stay together."""
    series: list[Recorded] = []
    size = 0
    for _, commit in groupby(files, key=lambda each: each.origin.commit_seq):
        together = list(commit)
        added = sum(each.file.size_bytes for each in together)
        if series and size + added > max_events * BYTES_PER_EVENT:
            yield series
            series, size = [], 0
        series += together
        size += added
    if series:
        yield series
