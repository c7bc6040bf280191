"""Keep: staged parts become `interactions`, each event once; rollups follow exactly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from pipelines.keep.copies import saved_keys
from pipelines.keep.rollup import update
from pipelines.keep.rollups import rollups
from pipelines.keep.winners import rank_copies, retract, store_staged_losers
from schemas.tables import tables
from warehouse.key_index import write_segment
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
    lake: Lake, run: Run, parts: Mapping[int, str], losers: Sequence[str], candidates: Sequence[Path]
) -> KeepReport:
    """Add the staged `parts` (number -> path) to `interactions` and its rollups, inside the caller's commit.

    `losers` are files of copies that lost against another of their part. `candidates` are files of rows whose key
    may have been seen before; parts without such rows are published as they are.
    """
    con = lake.con
    retracted = 0
    if candidates:
        rank_copies(con, parts, candidates)
        retracted = retract(con, run, parts)
    if losers:  # after those of history, which are noted as having won
        store_staged_losers(con, run, losers)
    if candidates:
        parts = _with_winners(con, parts)
    loaded = {}
    if parts:
        lake.add_files(run, tables()["interactions"], [Path(path) for path in parts.values()])
        if candidates:
            _drop_losers(con, run)
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW keep_fresh AS SELECT * FROM interactions WHERE commit_seq = {run.commit_seq}"
        )
        loaded = _loaded(con, is_ranked=bool(candidates))
        _index(lake, run, parts)
        for name, rollup in rollups().items():
            update(con, run, name, rollup, retracts=retracted > 0)
    duplicates = _duplicates(con) if candidates else {}
    _drop_temporary(con)
    return KeepReport(loaded, duplicates, retracted)


def _with_winners(con: duckdb.DuckDBPyConnection, parts: Mapping[int, str]) -> dict[int, str]:
    """The parts without those of which every row lost."""
    lost = dict(
        con.execute(
            "SELECT part, COUNT(*) FROM keep_ranked WHERE part IS NOT NULL AND place > 1 GROUP BY part"
        ).fetchall()
    )
    return {number: path for number, path in parts.items() if lost.get(number) != _row_count(path)}


def _row_count(path: str) -> int:
    return int(pq.read_metadata(path).num_rows)


def _drop_losers(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Take losing copies out of the files just added: the lake marks them as deleted, no file is written again."""
    con.execute(f"""
        DELETE FROM interactions
        WHERE commit_seq = {run.commit_seq} AND (file_id, row_number, element) IN (
            SELECT (file_id, row_number, element) FROM keep_ranked WHERE part IS NOT NULL AND place > 1
        )
    """)


def _loaded(con: duckdb.DuckDBPyConnection, *, is_ranked: bool) -> dict[str, int]:
    """Per landing file, the rows whose key is new: a winner over an earlier copy is a correction, not a new key."""
    known = "WHERE interaction_id NOT IN (SELECT interaction_id FROM keep_ranked WHERE is_known)" if is_ranked else ""
    return dict(con.execute(f"SELECT file_id, COUNT(*) FROM keep_fresh {known} GROUP BY file_id").fetchall())


def _duplicates(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Per landing file, the staged rows that lost, or whose key history has."""
    return dict(
        con.execute(
            "SELECT file_id, COUNT(*) FROM keep_ranked "
            "WHERE part IS NOT NULL AND (place > 1 OR is_known) GROUP BY file_id"
        ).fetchall()
    )


def _index(lake: Lake, run: Run, parts: Iterable[int]) -> None:
    """Note the new keys; a segment whose commit never comes is dropped when the next writer starts."""
    keys, days = saved_keys(lake.staging(run), parts)
    write_segment(lake.home.index, run.commit_seq, run.commit_seq, keys, days)


def _drop_temporary(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DROP VIEW IF EXISTS temp.keep_fresh")
    for name in (
        "retracted",
        "delta",
        "old",
        "stale",
        "candidates",
        "parts",
        "copies",
        "ranked",
        "losers",
        "drops",
    ):
        con.execute(f"DROP TABLE IF EXISTS temp.keep_{name}")
