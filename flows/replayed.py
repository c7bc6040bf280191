"""What a replay writes: which rejections go, which stay or change, and the counts of files and batches with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import duckdb
import pyarrow as pa

from flows.progress import Counts
from pipelines.collect.landing import LandedFile
from pipelines.collect.write_part import StagedPart
from schemas.table import literals, quoted
from warehouse.lake import Lake
from warehouse.queries import drop_temporary
from warehouse.run import Run

_NAMES = tuple(f"{field.name}_count" for field in fields(Counts))
_TEMPORARY = ("replay_found", "replay_old", "replay_new", "replay_gone", "replay_counts", "replay_taken")


@dataclass(frozen=True)
class Outcome:
    """What became of the rejections that were looked at: the five counts of each file's records, read again.

    `changed` are records that are rejected for another reason now, `is_idle` whether nothing turned out otherwise.
    """

    looked_at: int
    counts: Mapping[str, Counts]
    changed: int
    is_idle: bool


def find_outcome(
    con: duckdb.DuckDBPyConnection, chosen: str, files: Sequence[LandedFile], parts: Sequence[StagedPart]
) -> None:
    """Make the tables of what was found, of the rejections whose record was found, and of those of today.

    A rejection stands for its record, its row or its file, whichever could be told apart; what is not found at all
    stays as it was.
    """
    found = literals(part.found for part in parts if part.found)
    con.register("replay_files", _mappings(files))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE replay_found AS SELECT f.*, m.mapping "
        f"FROM read_parquet([{found}]) AS f JOIN replay_files AS m USING (file_id)"
    )
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE replay_old AS
        SELECT r.*
        FROM rejections AS r
        WHERE {chosen} AND file_id IN (SELECT file_id FROM replay_files) AND (
            (file_id, row_number) IN (SELECT file_id, row_number FROM replay_found)
            OR (row_number = 0 AND file_id IN (SELECT file_id FROM replay_found))
        )
    """)
    refused = literals(part.rejections for part in parts if part.rejections)
    source = f"read_parquet([{refused}])" if refused else "rejections LIMIT 0"
    con.execute(f"CREATE OR REPLACE TEMP TABLE replay_new AS SELECT * FROM {source}")
    con.unregister("replay_files")


def write_outcome(lake: Lake, run: Run, counts: Mapping[str, Counts]) -> Outcome:
    """Let rejections, counts and `replays` follow; nothing is written where all records are rejected as they were."""
    con = lake.con
    con.execute(
        "CREATE OR REPLACE TEMP TABLE replay_gone AS "
        "SELECT * FROM replay_old WHERE rejection_id NOT IN (SELECT rejection_id FROM replay_new)"
    )
    (looked_at, gone), (added,) = (
        con.execute("SELECT (SELECT COUNT(*) FROM replay_old), (SELECT COUNT(*) FROM replay_gone)").fetchall()[0],
        con.execute(
            "SELECT COUNT(*) FROM replay_new WHERE rejection_id NOT IN (SELECT rejection_id FROM replay_old)"
        ).fetchall()[0],
    )
    if gone or added:
        _write_rejections(con)
        _write_replays(con, run)
        _write_counts(con, counts)
    return Outcome(looked_at, counts, added, not (gone or added))


def forget_outcome(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the temporary tables."""
    drop_temporary(con, _TEMPORARY)


def _write_rejections(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DELETE FROM rejections WHERE rejection_id IN (SELECT rejection_id FROM replay_gone)")
    con.execute(
        "INSERT INTO rejections BY NAME "
        "SELECT * FROM replay_new WHERE rejection_id NOT IN (SELECT rejection_id FROM replay_old)"
    )


def _write_replays(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Note the records that count as they were read now, and what stood for them before."""
    con.execute("""
        CREATE OR REPLACE TEMP TABLE replay_taken AS
        SELECT DISTINCT file_id, row_number, element, mapping
        FROM (
            SELECT f.file_id, f.row_number, f.element, f.mapping
            FROM replay_found AS f
            WHERE (file_id, row_number, element) NOT IN (
                SELECT file_id, row_number, element
                FROM replay_old
                WHERE rejection_id NOT IN (SELECT rejection_id FROM replay_gone)
            )
            UNION ALL
            SELECT g.file_id, g.row_number, g.element, m.mapping
            FROM replay_gone AS g
            JOIN (SELECT DISTINCT file_id, mapping FROM replay_found) AS m USING (file_id)
        )
    """)
    con.execute("""
        DELETE FROM replays
        WHERE (file_id, row_number, element) IN (SELECT file_id, row_number, element FROM replay_taken)
    """)
    con.execute(
        "INSERT INTO replays BY NAME SELECT *, ? AS batch_id, ?::BIGINT AS commit_seq FROM replay_taken",
        [run.batch_id, run.commit_seq],
    )


def _write_counts(con: duckdb.DuckDBPyConnection, counts: Mapping[str, Counts]) -> None:
    """Add what the records are now to the counts of their files and of the batches that loaded them first.

    What they were is taken away, one rejected record for each rejection.
    """
    before = dict(con.execute("SELECT file_id, COUNT(*) FROM replay_old GROUP BY file_id").fetchall())
    table = {file_id: found + Counts(received=-before.get(file_id, 0), rejected=-before.get(file_id, 0))
             for file_id, found in counts.items()}  # fmt: skip
    changed = {file_id: found for file_id, found in table.items() if any(found.values)}
    numbers = zip(*(found.values for found in changed.values()), strict=True) if changed else ((),) * len(_NAMES)
    columns = {name: pa.array(column, pa.int64()) for name, column in zip(_NAMES, numbers, strict=True)}
    con.register("replay_numbers", pa.table({"file_id": pa.array(changed, pa.string()), **columns}))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE replay_counts AS "
        "SELECT f.batch_id, n.* FROM replay_numbers AS n JOIN landing_files AS f USING (file_id)"
    )
    con.unregister("replay_numbers")
    for name, key in (("landing_files", "file_id"), ("batches", "batch_id")):
        _add(con, name, key)


def _add(con: duckdb.DuckDBPyConnection, name: str, key: str) -> None:
    """Add the counts of `replay_counts` to the rows of table `name` with their key."""
    sums = ", ".join(f"SUM({count})::BIGINT AS {count}" for count in _NAMES)
    added = ", ".join(f"t.{count} + c.{count} AS {count}" for count in _NAMES)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE replay_taken AS
        SELECT t.* REPLACE ({added})
        FROM {quoted(name)} AS t
        JOIN (SELECT {key}, {sums} FROM replay_counts GROUP BY {key}) AS c USING ({key})
    """)
    con.execute(f"DELETE FROM {quoted(name)} WHERE {key} IN (SELECT {key} FROM replay_taken)")
    con.execute(f"INSERT INTO {quoted(name)} BY NAME SELECT * FROM replay_taken")


def _mappings(files: Sequence[LandedFile]) -> pa.Table:
    """The mapping that reads each file again."""
    return pa.table(
        {
            "file_id": pa.array([file.file_id for file in files], pa.string()),
            "mapping": pa.array([file.mapping for file in files], pa.string()),
        }
    )
