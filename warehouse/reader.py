"""Read-only access for everyone else: attaches the published copy and moves on when a newer one is published."""

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb

from schemas.table import literal, quoted
from warehouse.extensions import load_ducklake, session
from warehouse.home import Home
from warehouse.lake import attach_lake
from warehouse.published import lease, pointed
from warehouse.settings import Settings, load_settings
from warehouse.statements import require_read_only


class LakeReader:
    """A read-only DuckDB connection with the tables and views by name; every other attribute is the connection's.

    Before each `execute`, `sql` and `select` it looks at the pointer and moves to the newest publication; within one
    query nothing changes.
    """

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self.settings = settings
        self._generation = 0
        self._copy: Path | None = None
        self._leases: list[tuple[str, int]] = []
        self._is_confined = False
        self._con = session(settings, home.temporary)
        load_ducklake(self._con)
        self.refresh()

    def confine(self) -> None:
        """Refuse every file outside the lake from now on, for queries of others; stays on this publication."""
        self._is_confined = True
        folders = ", ".join(literal(f"{p.resolve()}/") for p in (self._home.data, self._home.published))
        self._con.execute(f"SET allowed_directories = [{folders}]")
        self._con.execute("SET enable_external_access = FALSE")

    def refresh(self) -> None:
        """Move to the newest publication, if there is one; the one before stays readable until the next move."""
        if self._is_confined or (self._copy and pointed(self._home.published) == self._copy):
            return
        copy, handle = lease(self._home.published)
        self._generation += 1
        name = f"lake_{self._generation}"
        attach_lake(self._con, copy.resolve(), self._home.data.resolve(), name, read_only=True)
        self._copy = copy
        self._leases.append((name, handle))
        while len(self._leases) > 2:
            old, old_handle = self._leases.pop(0)
            self._con.execute(f"DETACH {quoted(old)}")
            os.close(old_handle)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection itself, on the newest publication."""
        self.refresh()
        return self._con

    def execute(self, query: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        """Run a query on the newest publication; the same as DuckDB's `execute`."""
        self.refresh()
        return self._con.execute(query, parameters) if parameters is not None else self._con.execute(query)

    def sql(self, query: str, **options: Any) -> duckdb.DuckDBPyRelation:
        """A relation over the newest publication; the same as DuckDB's `sql`."""
        self.refresh()
        return self._con.sql(query, **options)

    def select(self, query: str) -> duckdb.DuckDBPyRelation:
        """A relation for one statement that only reads. Raises RapportError for any other statement."""
        require_read_only(self._con, query)
        return self.sql(query)

    def close(self) -> None:
        """Let go of the copies and the connection."""
        self._con.close()
        for _, handle in self._leases:
            os.close(handle)
        self._leases.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def __enter__(self) -> "LakeReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_lake(home: str | os.PathLike[str] | None = None) -> LakeReader:
    """A read-only connection to the lake of `home` (else RAPPORT_HOME, else the current folder).

    Raises RapportError if no lake is published there.
    """
    root = Path(home if home is not None else os.environ.get("RAPPORT_HOME", "."))
    found = Home(root)
    return LakeReader(found, load_settings(found.settings_file))
