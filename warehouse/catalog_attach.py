"""Attaching a DuckLake to a session. The names under which the rest of the code knows it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from schemas.table import literal, quoted
from warehouse.errors import RapportError

CATALOG = "lake"
METADATA = f"__ducklake_metadata_{CATALOG}"


@dataclass(frozen=True)
class Publication:
    """What a reader attaches: the DuckLake's source, and a handle that keeps it until it is closed (None: nothing)."""

    source: str
    handle: int | None = None

    def release(self) -> None:
        """Let it go."""
        if self.handle is not None:
            os.close(self.handle)


def attach(con: duckdb.DuckDBPyConnection, source: str, data: Path, name: str, options: Sequence[str]) -> None:
    """Attach the DuckLake of `source` as `name` and use it; its files lie under `data`, wherever that was moved.

    Raises RapportError for a lake that is to be encrypted and is not, or the other way round.
    """
    given = ", ".join([f"DATA_PATH {literal(str(data) + '/')}", *options])
    try:
        con.execute(f"ATTACH {literal('ducklake:' + source)} AS {quoted(name)} ({given})")
    except duckdb.InvalidInputException as problem:
        if "Failed to set encryption" not in str(problem):
            raise
        raise RapportError(
            "the setting `is_encrypted` is not what this lake was made with; set it back, "
            "or make the lake anew with it: `rapport rebuild`"
        ) from problem
    con.execute(f"USE {quoted(name)}")


def attach_lake(
    con: duckdb.DuckDBPyConnection,
    catalog: Path,
    data: Path,
    name: str,
    *,
    read_only: bool,
    is_encrypted: bool | None = None,
) -> None:
    """Attach the DuckLake of the file `catalog`; one that is new is made.

    Its data are encrypted or not as `is_encrypted` says; None takes the lake as it is. Raises RapportError for a lake
    that was made otherwise.
    """
    options = ["READ_ONLY" if read_only else "DATA_INLINING_ROW_LIMIT 0"]
    # Small blocks: the catalog is many small tables, and each commit copies and syncs it (0.7 MB instead of 8 MB).
    options.append("OVERRIDE_DATA_PATH TRUE" if catalog.exists() else "META_BLOCK_SIZE 16384")
    if is_encrypted is not None:
        options.append(f"ENCRYPTED {is_encrypted}")
    attach(con, str(catalog), data, name, options)
