"""The lake: a DuckLake catalog with Parquet data, opened by its one writer. All of DuckLake is behind this module."""

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from schemas.table import Table, literal, quoted
from schemas.tables import tables
from warehouse.catalog import Catalog, catalog_of
from warehouse.catalog_attach import CATALOG, METADATA, attach_lake
from warehouse.catalog_tables import declare
from warehouse.durable import sync, sync_files
from warehouse.errors import RapportError
from warehouse.extensions import session, sweep_spills
from warehouse.home import Home
from warehouse.key_index import mend, segments
from warehouse.run import Run, next_midnight
from warehouse.settings import Settings, load_settings
from warehouse.views import VIEWS

__all__ = ["CATALOG", "METADATA", "Lake", "attach_lake", "open_writer"]


@dataclass
class Lake:
    """The writer's side: a connection in which the tables are visible by name, commits and publication."""

    home: Home
    settings: Settings
    con: duckdb.DuckDBPyConnection
    catalog: Catalog
    _synced: set[str] = field(init=False)
    _is_clean: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        self._synced = self._data_files()

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
        """Commit the run, publish it to readers, clear its staging folder. Raises RapportError if it cannot commit."""
        self.make_durable()
        with self.catalog.committing():
            self.con.execute("COMMIT")
        self.publish()
        shutil.rmtree(self.home.staging / run.batch_id, ignore_errors=True)

    def abandon(self, run: Run) -> None:
        """Take back what the run wrote; the files that it moved into the lake go too."""
        with suppress(duckdb.Error):  # a COMMIT, also one that failed, has ended the transaction
            self.con.execute("ROLLBACK")
        try:
            self._is_clean &= self.drop_orphans()
        except (RapportError, duckdb.Error):  # another writer came, or the catalog is away: the next start sweeps
            self._is_clean = False
        shutil.rmtree(self.home.staging / run.batch_id, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what killed runs left: staged and spilled files, and files in the lake that no commit knows.

        The latter are looked for only after an unclean stop, as that lists every file.
        """
        for folder in self.home.staging.iterdir():
            shutil.rmtree(folder)
        sweep_spills(self.home.temporary)
        if self.home.dirty.exists():
            self._is_clean = self.drop_orphans()
        else:
            self.home.dirty.touch()
            sync(self.home.dirty.parent)

    def forget_keys(self) -> None:
        """Drop the key index of commits that another home may have made in place of this one's; it is made anew."""
        sure = self.catalog.surest_commit()
        for segment in segments(self.home.index):
            if sure is not None and segment.last > sure:
                segment.remove()
        self.catalog.note_commit(self._next_commit() - 1)

    def close(self) -> None:
        """Note that nothing is left to sweep, but for files that readers hold."""
        if self._is_clean:
            self.home.dirty.unlink(missing_ok=True)

    def drop_orphans(self) -> bool:
        """Delete data files that neither the catalog nor a leased publication names; gives whether all are gone.

        Files that await their clean-up the catalog does name. Raises RapportError if this is not the writer any more.
        """
        confirmed = self.catalog.confirm()
        which = f"older_than => {literal(confirmed.isoformat())}::TIMESTAMPTZ" if confirmed else "cleanup_all => TRUE"
        orphans = {
            Path(path)
            for (path,) in self.con.execute(
                f"CALL ducklake_delete_orphaned_files({literal(CATALOG)}, dry_run => TRUE, {which})"
            ).fetchall()
        }
        in_use = self.catalog.in_use(self.con, 0) if orphans else set()
        for path in orphans - in_use:
            path.unlink(missing_ok=True)
        return not orphans & in_use

    def make_durable(self) -> None:
        """Wait until the lake's new files are on the disk: DuckDB syncs its catalog, but not Parquet files.

        To be called before each COMMIT, as `finish` does.
        """
        found = self._data_files()
        new = [Path(path) for path in found - self._synced]
        sync_files(new)
        for folder in {parent for path in new for parent in list(path.parents)[1:3]}:  # a table's folder may be new
            sync(folder)
        self._synced = found

    def _data_files(self) -> set[str]:
        """The files of all tables, `<data>/<schema>/<table>/<file>`."""
        folders = [table for schema in _entries(self.home.data.resolve()) for table in _entries(schema)]
        return {path for folder in folders for path in _entries(folder) if path.endswith(".parquet")}

    def _next_commit(self) -> int:
        row = self.con.execute("SELECT COALESCE(MAX(commit_seq), 0) + 1 FROM batches").fetchone()
        return int(row[0]) if row else 1

    def publish(self) -> None:
        """Make the last commit visible to readers, unless they see it already."""
        self.catalog.publish(self.con)

    def add_files(self, run: Run, table: Table, staged: Sequence[Path]) -> list[Path]:
        """Move staged Parquet files, final and sorted, into the table's folder and register them in this commit.

        Gives their new paths. An encrypted lake takes the rows over instead, as staged files are plain: then none.
        """
        if self.settings.is_encrypted:
            self._insert_files(table, staged)
            return []
        folder = (self.home.data / table.storage_path).resolve()  # else the catalog keeps it as an outside path
        folder.mkdir(parents=True, exist_ok=True)
        added = []
        for number, path in enumerate(staged):
            target = folder / f"{run.batch_id}-{number:05d}.parquet"
            _move(path, target)
            self.con.execute(
                f"CALL ducklake_add_data_files({literal(CATALOG)}, {literal(table.name)}, {literal(str(target))})"
            )
            added.append(target)
        return added

    def _insert_files(self, table: Table, staged: Sequence[Path]) -> None:
        for path in staged:
            self.con.execute(
                f"INSERT INTO {quoted(table.name)} BY NAME SELECT * FROM read_parquet({literal(str(path))})"
            )
            path.unlink()

    def staging(self, run: Run) -> Path:
        """The folder for this run's staged files."""
        folder = self.home.staging / run.batch_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _entries(folder: str | Path) -> list[str]:
    """The paths in a folder; none if it is a file. Of many files no more than their names are asked."""
    try:
        with os.scandir(folder) as found:
            return [entry.path for entry in found]
    except NotADirectoryError:
        return []


def _move(source: Path, target: Path) -> None:
    """Rename, or copy where the lake's files lie on another disk: a draft first, so that no half file has the name."""
    try:
        source.replace(target)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        draft = target.with_suffix(".draft.parquet")
        shutil.copyfile(source, draft)
        draft.replace(target)
        source.unlink()


@contextmanager
def open_writer(
    home: Home, wait_seconds: float = 600.0, tell: Callable[[str], None] = lambda _: None
) -> Iterator[Lake]:
    """The home's lake for its one writer: made if missing, swept, republished if a crash left readers behind."""
    home.prepare()
    settings = load_settings(home.settings_file)
    catalog = catalog_of(home, settings)
    with catalog.exclude(wait_seconds, tell):
        con = session(settings, home.temporary)
        # Else every file ever read stays in memory up to its limit; the system keeps what is read often anyway.
        con.execute("SET enable_external_file_cache = FALSE")
        try:
            catalog.load(con)
            catalog.attach_writer(con)
            declare(con, tables(), {name: query for name, (_, query) in VIEWS.items()})
            lake = Lake(home, settings, con, catalog)
            lake.sweep()
            lake.forget_keys()
            mend(con, home.index)
            lake.publish()
            yield lake
            lake.close()
        finally:
            con.close()
