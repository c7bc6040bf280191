"""The embedded catalog: a DuckDB file with one writer, whose copies are published to readers."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path

import duckdb

from schemas.table import quoted
from warehouse.catalog_attach import CATALOG, METADATA, Publication, attach_lake
from warehouse.catalog_data import MARKER, claim, new_id
from warehouse.durable import sync
from warehouse.errors import RapportError
from warehouse.extensions import load_ducklake
from warehouse.home import Home
from warehouse.lock import writer_lock
from warehouse.published import lease, leased_files, pointed, publish
from warehouse.queries import number
from warehouse.settings import Settings


class EmbeddedCatalog:
    """The catalog in `home.catalog`. The writer holds the home's lock, readers hold copies."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings

    def load(self, con: duckdb.DuckDBPyConnection) -> None:
        """Load the extensions that the catalog needs."""
        load_ducklake(con)

    def exclude(self, wait_seconds: float, tell: Callable[[str], None]) -> AbstractContextManager[None]:
        """Keep other writers out. Raises RapportError if one does not end within `wait_seconds`."""
        return writer_lock(self._home.root / "lake" / "writer.lock", wait_seconds, tell)

    def attach_writer(self, con: duckdb.DuckDBPyConnection) -> None:
        """Attach the catalog for writing; one that is missing is made. Raises RapportError if it cannot be."""
        catalog = self._home.catalog.resolve()
        if self._settings.data_path:
            self._claim_data()
        data, is_encrypted = self._home.data.resolve(), self._settings.is_encrypted
        try:
            attach_lake(con, catalog, data, CATALOG, read_only=False, is_encrypted=is_encrypted)
        except duckdb.IOException as problem:
            raise _clearer(problem) from problem
        sync(catalog.parent)

    def _claim_data(self) -> None:
        """Files outside the home may be another's."""
        note = self._home.root / "lake" / MARKER
        is_noted = note.exists()
        lake_id = note.read_text(encoding="utf-8") if is_noted else new_id()
        claim(self._home, lake_id, is_new=not (is_noted or self._home.catalog.exists()))
        if not is_noted:
            note.write_text(lake_id, encoding="utf-8")

    def committing(self) -> AbstractContextManager[None]:
        """Nothing to add: DuckDB's own errors say it."""
        return nullcontext()

    def publish(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make the last commit durable and visible to readers, unless they see it already."""
        con.execute(f"CHECKPOINT {quoted(METADATA)}")
        snapshot = number(con, f"SELECT MAX(snapshot_id) FROM {quoted(METADATA)}.ducklake_snapshot")
        publish(self._home.catalog, self._home.published, snapshot)

    def newest(self) -> str | None:
        """The source of the newest publication, None before the first."""
        copy = pointed(self._home.published)
        return str(copy.resolve()) if copy else None

    def lease(self) -> Publication:
        """The newest publication, held until its handle is closed. Raises RapportError if there is none."""
        copy, handle = lease(self._home.published)
        return Publication(str(copy.resolve()), handle)

    def attach_reader(self, con: duckdb.DuckDBPyConnection, publication: Publication, name: str) -> None:
        """Attach what `lease` gave, read-only."""
        attach_lake(con, Path(publication.source), self._home.data.resolve(), name, read_only=True)

    def in_use(self, con: duckdb.DuckDBPyConnection, grace_seconds: float) -> set[Path]:
        """The files that a published copy names; the grace is not needed, as readers hold their copy."""
        return leased_files(self._home.published, self._home.data.resolve())

    def take_over(self, finished: Path) -> None:
        """Put the catalog in the file `finished` in this one's place, by one rename."""
        catalog = self._home.catalog.resolve()
        finished.replace(catalog)
        sync(catalog.parent)

    def surest_commit(self) -> int | None:
        """No other home has this catalog."""
        return None

    def note_commit(self, newest: int) -> None:
        """Nothing, for the same reason."""

    def confirm(self) -> datetime | None:
        """The time before which files of no commit are nobody's; None: all are, as there is no other writer."""
        return None


def _clearer(problem: duckdb.IOException) -> Exception:
    """DuckDB locks the file too, so even a writer that our lock does not stop cannot open it."""
    holder = re.search(r"Conflicting lock is held in .*?\(PID (\d+)\)", str(problem))
    if holder is None:
        return problem
    return RapportError(f"process {holder[1]} has this home's catalog open; wait until it is done and try again")
