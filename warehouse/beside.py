"""A lake made beside the live one, over the same data folder, and put in its place when it is finished.

What is not finished lies in the staging folder, and its data files are files that no commit knows: if the process
dies, the next writer removes both.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from schemas.table import quoted
from schemas.tables import tables
from warehouse.catalog import Catalog, catalog_of
from warehouse.catalog_attach import CATALOG, METADATA, attach_lake
from warehouse.catalog_embedded import EmbeddedCatalog
from warehouse.catalog_tables import declare
from warehouse.durable import sync
from warehouse.errors import RapportError
from warehouse.extensions import session
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.settings import load_settings
from warehouse.views import VIEWS

LIVE = "live.main"
FRESH = f"{CATALOG}.main"


@dataclass(frozen=True)
class BesideHome(Home):
    """The same home with another catalog and index: those of the lake in the making."""

    @property
    def making(self) -> Path:
        """Where both lie until they are finished."""
        return self.staging / "rebuild"

    @property
    def catalog(self) -> Path:
        """The catalog in the making."""
        return self.making / "catalog.ducklake"

    @property
    def index(self) -> Path:
        """The key index in the making."""
        return self.making / "index"


@dataclass(frozen=True)
class Beside:
    """The lake in the making; in its connection, schema LIVE holds the tables of the live lake, read-only."""

    lake: Lake
    live: Catalog

    def take_over(self) -> None:
        """Put the finished lake in the live one's place; readers see it once a writer has published it.

        One step of the live catalog decides. The old index goes before: it may lack keys, while one that is missing is
        made anew.
        """
        beside, live = self.lake.home, Home(self.lake.home.root)
        self.lake.make_durable()
        ((newest,),) = self.lake.con.execute("SELECT MAX(commit_seq) FROM batches").fetchall()
        self.lake.con.execute(f"CHECKPOINT {quoted(METADATA)}")
        self.lake.con.close()
        sync(beside.catalog)
        shutil.rmtree(live.index)
        self.live.take_over(beside.catalog)
        beside.index.replace(live.index)
        self.live.note_commit(newest)


@contextmanager
def open_beside(home: Home, wait_seconds: float, tell: Callable[[str], None]) -> Iterator[Beside]:
    """A new, empty lake beside the live one of `home`, whose writer is kept out meanwhile.

    Its catalog is a file, wherever that of the live lake is. Raises RapportError for a home without a lake.
    """
    home.prepare()
    settings = load_settings(home.settings_file)
    if not settings.catalog and not home.catalog.exists():
        raise RapportError(f"there is no lake in {home.root}; `rapport run` makes one of what is landed")
    beside = BesideHome(home.root)
    live = catalog_of(home, settings)
    with live.exclude(wait_seconds, tell):
        if not settings.catalog:
            _settle(home)
        _clear(beside)
        con = session(settings, home.temporary)
        publication = live.lease()
        try:
            fresh = EmbeddedCatalog(beside, replace(settings, data_path=""))  # the folder is claimed by the live lake
            live.load(con)
            live.attach_reader(con, publication, LIVE.partition(".")[0])
            fresh.attach_writer(con)
            declare(con, tables(), {name: query for name, (_, query) in VIEWS.items()})
            yield Beside(Lake(beside, settings, con, fresh), live)
        finally:
            con.close()
            publication.release()


def _settle(home: Home) -> None:
    """Publish the live lake as it is committed, and leave nothing in its log: a new catalog must not meet the old log.

    What this version declares otherwise is left as it is.
    """
    settings = load_settings(home.settings_file)
    catalog, con = catalog_of(home, settings), session(settings, home.temporary)
    try:
        catalog.load(con)
        attach_lake(con, home.catalog.resolve(), home.data.resolve(), CATALOG, read_only=False)  # encrypted or not
        catalog.publish(con)
    finally:
        con.close()


def _clear(beside: BesideHome) -> None:
    """An empty folder for what is made; files of no commit that it may leave are looked for by the next writer."""
    shutil.rmtree(beside.making, ignore_errors=True)
    beside.index.mkdir(parents=True)
    beside.dirty.touch()
    sync(beside.dirty.parent)
