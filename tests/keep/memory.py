"""Keep without a lake: staged parts as files, interactions and rollups in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.keep.copies import CANDIDATES, NO_DAY, part_keys, save_keys
from pipelines.keep.keep import KeepReport, keep
from schemas.copies import content_sql
from schemas.table import Table, literal
from tests.keep.rows import SETTINGS, Row, run_of, stage_rows
from tests.lakes import memory_lake
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.run import Run
from warehouse.settings import Settings


@dataclass
class MemoryLake:
    """What keep needs of a lake."""

    home: Home
    settings: Settings = SETTINGS
    con: duckdb.DuckDBPyConnection = field(default_factory=memory_lake)

    def staging(self, run: Run) -> Path:
        """The folder of the run's staged files."""
        folder = self.home.root / f"staging-{run.batch_id}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def add_files(self, run: Run, table: Table, staged: Sequence[Path]) -> list[Path]:
        """Put the rows of the files into the table."""
        for path in staged:
            self.con.execute(f"INSERT INTO {table.name} BY NAME SELECT * FROM read_parquet({literal(str(path))})")
        return list(staged)

    def keep(self, commit_seq: int, parts: Sequence[Sequence[Row]], first_commit: int | None = None) -> KeepReport:
        """Keep parts of rows; every row may be a copy of any other."""
        run = run_of(commit_seq, self.settings)
        staged = {number: self._stage(run, number, rows) for number, rows in enumerate(parts)}
        candidates = self._candidates(run, staged)
        return keep(cast(Lake, self), run, staged, [], [candidates], first_commit=first_commit)

    def _stage(self, run: Run, number: int, rows: Sequence[Row]) -> str:
        path = self.staging(run) / f"{number}.parquet"
        stage_rows(self.con, rows)
        self.con.execute(f"COPY (SELECT * FROM staged_rows) TO {literal(str(path))} (FORMAT parquet)")
        save_keys(self.staging(run), number, *part_keys(path))
        return str(path)

    def _candidates(self, run: Run, staged: Mapping[int, str]) -> Path:
        known = self.con.execute(
            "SELECT MIN(occurred_at::DATE) - DATE '1970-01-01', MAX(occurred_at::DATE) - DATE '1970-01-01' "
            "FROM interactions"
        ).fetchone()
        first, last = known if known and known[0] is not None else (NO_DAY, NO_DAY)
        counts = {number: pq.read_metadata(path).num_rows for number, path in staged.items()}
        parts, rows = np.repeat(list(counts), list(counts.values())), [n for c in counts.values() for n in range(c)]
        days = [pa.array([day] * len(rows), pa.int32()) for day in (first, last)]
        path = self.staging(run) / "candidates.parquet"
        pq.write_table(pa.table([pa.array(parts, pa.int64()), pa.array(rows, pa.int64()), *days], CANDIDATES), path)
        return path


def said(con: duckdb.DuckDBPyConnection, row: Row) -> str:
    """The digest of what a row says."""
    stage_rows(con, [row])
    found = con.execute(f"SELECT {content_sql()} FROM staged_rows").fetchall()
    return str(found[0][0])
