"""The lake: a DuckLake catalog with Parquet data, opened by its one writer. All of DuckLake is behind this module."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from schemas.table import Table, literal, quoted, sql_type
from schemas.tables import tables
from warehouse.extensions import load_ducklake, session, sweep_spills
from warehouse.home import Home
from warehouse.key_index import mend
from warehouse.lock import writer_lock
from warehouse.published import pointed, publish
from warehouse.run import Run, next_midnight
from warehouse.settings import Settings, load_settings
from warehouse.views import VIEWS

CATALOG = "lake"
METADATA = f"__ducklake_metadata_{CATALOG}"


def attach_lake(con: duckdb.DuckDBPyConnection, catalog: Path, data: Path, name: str, *, read_only: bool) -> None:
    """Attach the DuckLake of `catalog` as `name`; its files lie under `data`, wherever the home was moved."""
    options = [f"DATA_PATH {literal(str(data) + '/')}"]
    # Small blocks: the catalog is many small tables, and each commit copies and syncs it (0.7 MB instead of 8 MB).
    options.append("OVERRIDE_DATA_PATH TRUE" if catalog.exists() else "META_BLOCK_SIZE 16384")
    options.append("READ_ONLY" if read_only else "DATA_INLINING_ROW_LIMIT 0")
    con.execute(f"ATTACH {literal('ducklake:' + str(catalog))} AS {quoted(name)} ({', '.join(options)})")
    con.execute(f"USE {quoted(name)}")


@dataclass
class Lake:
    """The writer's side: a connection in which the tables are visible by name, commits and publication."""

    home: Home
    settings: Settings
    con: duckdb.DuckDBPyConnection

    @contextmanager
    def commit(self, as_of: datetime | None = None) -> Iterator[Run]:
        """One transaction: all that is written inside is published together, or not at all."""
        run = self.begin(as_of)
        try:
            yield run
            self.finish(run)
        except BaseException:
            self.abandon(run)
            raise

    def begin(self, as_of: datetime | None = None) -> Run:
        """Open the transaction of a run; `finish` or `abandon` ends it."""
        self.con.execute("BEGIN")
        started = datetime.now(UTC)
        return Run(uuid.uuid4().hex, self._next_commit(), started, as_of or next_midnight(started), self.settings)

    def finish(self, run: Run) -> None:
        """Commit the run, publish it to readers, clear its staging folder."""
        self.con.execute("COMMIT")
        self.publish()
        shutil.rmtree(self.home.staging / run.batch_id, ignore_errors=True)

    def abandon(self, run: Run) -> None:
        """Take back what the run wrote; the files that it moved into the lake go too."""
        with suppress(duckdb.TransactionException):  # a COMMIT, also one that failed, has ended the transaction
            self.con.execute("ROLLBACK")
        self._drop_orphans()
        shutil.rmtree(self.home.staging / run.batch_id, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what killed runs left: staged and spilled files, and files in the lake that no commit knows."""
        for folder in self.home.staging.iterdir():
            shutil.rmtree(folder)
        self._drop_orphans()
        sweep_spills(self.home.temporary)

    def _drop_orphans(self) -> None:
        """Delete data files that the catalog does not name; those that await their clean-up it does name."""
        self.con.execute(f"CALL ducklake_delete_orphaned_files({literal(CATALOG)}, cleanup_all => TRUE)")

    def _next_commit(self) -> int:
        row = self.con.execute("SELECT COALESCE(MAX(commit_seq), 0) + 1 FROM batches").fetchone()
        return int(row[0]) if row else 1

    def publish(self) -> None:
        """Make the last commit visible to readers, unless they see it already."""
        self.con.execute(f"CHECKPOINT {quoted(METADATA)}")
        row = self.con.execute(f"SELECT MAX(snapshot_id) FROM {quoted(METADATA)}.ducklake_snapshot").fetchone()
        snapshot = int(row[0]) if row else 0
        current = pointed(self.home.published)
        if current is None or current.name != f"{snapshot}.ducklake" or not current.exists():
            publish(self.home.catalog, self.home.published, snapshot)

    def add_files(self, run: Run, table: Table, staged: Sequence[Path]) -> list[Path]:
        """Move staged Parquet files, final and sorted, into the table's folder and register them in this commit.

        Gives their new paths.
        """
        folder = (self.home.data / table.storage_path).resolve()  # else the catalog keeps it as an outside path
        folder.mkdir(parents=True, exist_ok=True)
        added = []
        for number, path in enumerate(staged):
            target = folder / f"{run.batch_id}-{number:05d}.parquet"
            _durable_move(path, target)
            self.con.execute(
                f"CALL ducklake_add_data_files({literal(CATALOG)}, {literal(table.name)}, {literal(str(target))})"
            )
            added.append(target)
        return added

    def staging(self, run: Run) -> Path:
        """The folder for this run's staged files."""
        folder = self.home.staging / run.batch_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _durable_move(source: Path, target: Path) -> None:
    handle = os.open(source, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    source.replace(target)


@contextmanager
def open_writer(
    home: Home, wait_seconds: float = 600.0, tell: Callable[[str], None] = lambda _: None
) -> Iterator[Lake]:
    """The home's lake for its one writer: made if missing, swept, republished if a crash left readers behind."""
    home.prepare()
    settings = load_settings(home.settings_file)
    with writer_lock(home.root / "lake" / "writer.lock", wait_seconds, tell):
        con = session(settings, home.temporary)
        try:
            load_ducklake(con)
            attach_lake(con, home.catalog.resolve(), home.data.resolve(), CATALOG, read_only=False)
            _create(con)
            lake = Lake(home, settings, con)
            lake.sweep()
            mend(con, home.index)
            lake.publish()
            yield lake
        finally:
            con.close()


def _create(con: duckdb.DuckDBPyConnection) -> None:
    """Make what is missing: tables, their sort order, their columns, views."""
    present = _present(con)
    views = {row[0] for row in con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}
    con.execute("BEGIN")
    for table in tables().values():
        if table.name not in present:
            for statement in table.ddl(f"{CATALOG}.main"):
                con.execute(statement)
        for column in table.columns if table.name in present else ():
            if column.name not in present[table.name]:
                kind = sql_type(column.type)
                con.execute(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(column.name)} {kind}")
    for name, (_, query) in VIEWS.items():
        if name not in views:
            con.execute(f"CREATE VIEW {quoted(name)} AS {query}")
    con.execute("COMMIT")


def _present(con: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    rows = con.execute(
        "SELECT table_name, list(column_name) FROM duckdb_columns() WHERE database_name = ? GROUP BY table_name",
        [CATALOG],
    ).fetchall()
    return {name: set(columns) for name, columns in rows}
