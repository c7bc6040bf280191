"""What differs between catalogs: how the lake is attached, published, read, and kept to one writer at a time."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

import duckdb

from warehouse.catalog_attach import Publication
from warehouse.catalog_embedded import EmbeddedCatalog
from warehouse.home import Home
from warehouse.settings import Settings


class Catalog(Protocol):
    """Where the lake's metadata live. The implementations say how; all else is the same for both."""

    def load(self, con: duckdb.DuckDBPyConnection) -> None:
        """Load the extensions that the catalog needs."""

    def exclude(self, wait_seconds: float, tell: Callable[[str], None]) -> AbstractContextManager[None]:
        """Keep other writers out. Raises RapportError if one does not end within `wait_seconds`."""

    def attach_writer(self, con: duckdb.DuckDBPyConnection) -> None:
        """Attach the catalog as `lake` for writing; one that is missing is made."""

    def committing(self) -> AbstractContextManager[None]:
        """Around each COMMIT: says what its failure means. Raises RapportError."""

    def publish(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make the last commit durable and visible to readers, unless they see it already."""

    def newest(self) -> str | None:
        """The source of the newest publication, None before the first; what a reader compares its own with."""

    def lease(self) -> Publication:
        """The newest publication, kept for the caller until its handle is closed. Raises RapportError."""

    def attach_reader(self, con: duckdb.DuckDBPyConnection, publication: Publication, name: str) -> None:
        """Attach what `lease` gave as `name`, read-only."""

    def in_use(self, con: duckdb.DuckDBPyConnection, grace_seconds: float) -> set[Path]:
        """The files in the data path that readers may still open, though no commit needs them any more.

        Where readers hold no lease: those that were needed within the last `grace_seconds`.
        """

    def take_over(self, finished: Path) -> None:
        """Put the catalog in the file `finished` in this one's place, at once; both have the same data path.

        To be called by who keeps other writers out. Raises RapportError if it cannot be; then nothing has changed.
        """

    def surest_commit(self) -> int | None:
        """The last commit that this home's own files can be sure of, as another home has written since; None: all."""

    def note_commit(self, newest: int) -> None:
        """Note that this home's own files agree with the lake up to commit `newest`."""

    def confirm(self) -> datetime | None:
        """The time before which files of no commit are nobody's; None: all are. Raises RapportError if not writer."""


def catalog_of(home: Home, settings: Settings) -> Catalog:
    """The catalog that the settings name: PostgreSQL, else the file in the home."""
    if not settings.catalog:
        return EmbeddedCatalog(home, settings)
    from warehouse.catalog_postgres import PostgresCatalog

    return PostgresCatalog(home, settings)
