"""Keep: staged parts become `interactions`, each event once; rollups follow exactly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from pipelines.keep.copies import saved_keys
from pipelines.keep.rollup import roll_up
from pipelines.keep.winners import amend, rank_copies, retract, store_staged_losers
from schemas.table import quoted
from schemas.tables import tables
from warehouse.key_index import add_segment
from warehouse.lake import Lake
from warehouse.run import Run


@dataclass(frozen=True)
class KeepReport:
    """What was kept: per landing file the records whose key was first seen and the copies of keys seen before.

    A copy that wins over one of history is a correction: a duplicate too.
    """

    loaded: dict[str, int]
    duplicates: dict[str, int]
    corrected_count: int


def keep(
    lake: Lake,
    run: Run,
    parts: Mapping[int, str],
    losers: Sequence[str],
    candidates: Sequence[Path],
    *,
    first_commit: int | None = None,
) -> KeepReport:
    """Add the staged `parts` (number -> path) to `interactions` and its rollups, inside the caller's commit.

    `losers` are files of copies that lost against another of their part. `candidates` are files of rows whose key
    may have been seen before; parts without such rows are published as they are. A rebuild keeps the parts of
    several commits at once, from `first_commit` to the run's; the rollups then wait for `recompute`.
    """
    first = run.commit_seq if first_commit is None else first_commit
    con = lake.con
    retracted = 0
    if candidates:
        rank_copies(con, parts, candidates)
        retracted = retract(con, parts)
    if losers:  # after those of history, which are noted as having won
        store_staged_losers(con, losers, is_ranked=bool(candidates))
    if candidates:
        parts = _with_winners(con, parts)
    loaded = {}
    if parts:
        lake.add_files(run, tables()["interactions"], [Path(path) for path in parts.values()])
        _index(lake, run, first, parts)
    if candidates:
        _drop_losers(con, first)
        amend(con)
    if parts:
        con.execute(f"CREATE OR REPLACE TEMP VIEW keep_fresh AS SELECT * FROM interactions WHERE commit_seq >= {first}")
        loaded = _loaded(con, is_ranked=bool(candidates))
        if first_commit is None:
            roll_up(con, run, retracts=retracted > 0)
    duplicates = _duplicates(con) if candidates else {}
    _drop_temporary(con)
    return KeepReport(loaded, duplicates, retracted)


def take_back(con: duckdb.DuckDBPyConnection, run: Run, relation: str) -> None:
    """Let the rollups follow interactions that left the table `interactions` for good: those of `relation`.

    It has the columns of `interactions`. What other interactions of the same cells say is computed again.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE keep_retracted AS SELECT * FROM {relation}")
    con.execute("CREATE OR REPLACE TEMP TABLE keep_fresh AS SELECT * FROM keep_retracted LIMIT 0")
    roll_up(con, run, retracts=True)
    con.execute("DROP TABLE temp.keep_fresh")
    con.execute("DROP TABLE temp.keep_retracted")


def _with_winners(con: duckdb.DuckDBPyConnection, parts: Mapping[int, str]) -> dict[int, str]:
    """The parts without those of which every row lost."""
    lost = dict(
        con.execute(
            "SELECT part, COUNT(*) FROM keep_ranked WHERE part IS NOT NULL AND NOT is_kept GROUP BY part"
        ).fetchall()
    )
    return {number: path for number, path in parts.items() if lost.get(number) != _row_count(path)}


def _row_count(path: str) -> int:
    return int(pq.read_metadata(path).num_rows)


def _drop_losers(con: duckdb.DuckDBPyConnection, first_commit: int) -> None:
    """Take losing copies out of the files just added: the lake marks them as deleted, no file is written again."""
    con.execute(f"""
        DELETE FROM interactions
        WHERE commit_seq >= {first_commit} AND (file_id, row_number, element) IN (
            SELECT (file_id, row_number, element) FROM keep_ranked WHERE part IS NOT NULL AND NOT is_kept
        )
    """)


def _loaded(con: duckdb.DuckDBPyConnection, *, is_ranked: bool) -> dict[str, int]:
    """Per landing file, the rows whose key is new."""
    if not is_ranked:
        return dict(con.execute("SELECT file_id, COUNT(*) FROM keep_fresh GROUP BY file_id").fetchall())
    return dict(
        con.execute("""
            SELECT file_id, COUNT(*)
            FROM (
                SELECT file_id FROM keep_fresh WHERE interaction_id NOT IN (SELECT interaction_id FROM keep_ranked)
                UNION ALL
                SELECT file_id FROM keep_ranked WHERE is_new
            )
            GROUP BY file_id
        """).fetchall()
    )


def _duplicates(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Per landing file, the staged rows whose key another copy had first: corrections too."""
    return dict(
        con.execute(
            "SELECT file_id, COUNT(*) FROM keep_ranked WHERE part IS NOT NULL AND NOT is_new GROUP BY file_id"
        ).fetchall()
    )


def _index(lake: Lake, run: Run, first_commit: int, parts: Iterable[int]) -> None:
    """Note the new keys; a segment whose commit never comes is dropped when the next writer starts."""
    keys, days = saved_keys(lake.staging(run), parts)
    add_segment(lake.home.index, first_commit, run.commit_seq, keys, days)


def _drop_temporary(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DROP VIEW IF EXISTS temp.keep_fresh")
    found = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'temp' AND starts_with(table_name, 'keep_')"
    ).fetchall()
    for (name,) in found:
        con.execute(f"DROP TABLE temp.{quoted(name)}")
