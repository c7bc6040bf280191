"""Read-only access for everyone else: attaches the published copy and moves on when a newer one is published."""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import duckdb

from schemas.table import literal, quoted
from warehouse.answer import Answer
from warehouse.catalog import catalog_of
from warehouse.catalog_attach import Publication
from warehouse.extensions import session
from warehouse.home import Home
from warehouse.settings import Settings, load_settings
from warehouse.statements import require_read_only


class LakeReader:
    """A read-only DuckDB connection with the tables and views by name; every other attribute is the connection's.

    Before each `execute`, `sql` and `select` it looks at the pointer and moves to the newest publication; within one
    query nothing changes. An answer of these three is asked again on the newest publication when its files went before
    it gave a row; when they went later it raises RapportError, and is to be asked again.
    """

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self.settings = settings
        self._generation = 0
        self._catalog = catalog_of(home, settings)
        self._leases: list[tuple[str, Publication]] = []
        self._is_confined = False
        self._open()
        try:
            self.refresh()
        except BaseException:
            self.close()
            raise

    def confine(self) -> None:
        """Refuse every file outside the lake from now on, for queries of others; stays on this publication."""
        self._is_confined = True
        folders = ", ".join(literal(f"{p.resolve()}/") for p in (self._home.data, self._home.published))
        self._con.execute(f"SET allowed_directories = [{folders}]")
        self._con.execute("SET enable_external_access = FALSE")

    def refresh(self) -> None:
        """Move to the newest publication, if there is one; the one before stays readable until the next move.

        A confined reader moves only when its own publication was taken away.
        """
        if self._is_confined:
            if self._is_lost():
                self._reopen()
        elif not self._leases or self._leases[-1][1].source != self._catalog.newest():
            self._attach()

    def _open(self) -> None:
        self._con = session(self.settings, self._home.temporary)
        self._catalog.load(self._con)

    def _reopen(self) -> None:
        """A confined session cannot attach anything: the newest publication needs another one."""
        self.close()
        self._open()
        self._attach()
        self.confine()

    def _attach(self) -> None:
        name, publication = self._attached()
        self._leases.append((name, publication))
        while len(self._leases) > 2:
            old, old_publication = self._leases.pop(0)
            self._con.execute(f"DETACH {quoted(old)}")
            old_publication.release()

    def _attached(self) -> tuple[str, Publication]:
        """The newest publication, leased and attached under a new name."""
        while True:
            publication = self._catalog.lease()
            self._generation += 1
            name = f"lake_{self._generation}"
            try:
                self._catalog.attach_reader(self._con, publication, name)
                return name, publication
            except duckdb.Error:
                publication.release()
                if not _is_gone(publication):
                    raise  # else the lease was broken between our two looks

    def _is_lost(self) -> bool:
        return _is_gone(self._leases[-1][1])

    def _has_moved_since(self, generation: int) -> bool:
        """Whether asking again can help: a newer publication is there, or the catalog itself is asked."""
        held = self._leases[-1][1]
        is_newer = generation < self._generation or held.source != self._catalog.newest()
        return is_newer or held.handle is None or self._is_lost()

    def _answer(self, run: Callable[[], Any]) -> Any:
        asked_on = 0

        def ask() -> Any:
            nonlocal asked_on
            self.refresh()
            asked_on = self._generation
            return run()

        return Answer(ask, lambda: self._has_moved_since(asked_on))

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection itself, on the newest publication."""
        self.refresh()
        return self._con

    def execute(self, query: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        """Run a query on the newest publication; the same as DuckDB's `execute`."""
        given = () if parameters is None else (parameters,)
        return cast(duckdb.DuckDBPyConnection, self._answer(lambda: self._con.execute(query, *given)))

    def sql(self, query: str, **options: Any) -> duckdb.DuckDBPyRelation:
        """A relation over the newest publication; the same as DuckDB's `sql`."""
        return cast(duckdb.DuckDBPyRelation, self._answer(lambda: self._con.sql(query, **options)))

    def select(self, query: str) -> duckdb.DuckDBPyRelation:
        """A relation for one statement that only reads. Raises RapportError for any other statement."""
        require_read_only(self._con, query)
        return self.sql(query)

    def close(self) -> None:
        """Let go of the copies and the connection."""
        self._con.close()
        for _, publication in self._leases:
            publication.release()
        self._leases.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def __enter__(self) -> "LakeReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _is_gone(publication: Publication) -> bool:
    return publication.handle is not None and not Path(publication.source).exists()


def open_lake(home: str | os.PathLike[str] | None = None) -> LakeReader:
    """A read-only connection to the lake of `home` (else RAPPORT_HOME, else the current folder).

    Raises RapportError if no lake is published there.
    """
    root = Path(home if home is not None else os.environ.get("RAPPORT_HOME", "."))
    found = Home(root)
    return LakeReader(found, load_settings(found.settings_file))
