"""What a contender is: three functions on its own folder; module `benchmarks.<name>` gives CONTENDER."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import duckdb


class Tables(Protocol):
    """A connection that sees the contender's tables by their bare names."""

    def execute(self, query: str, parameters: Any = None, /) -> duckdb.DuckDBPyConnection:
        """Run a query."""


@dataclass(frozen=True)
class Contender:
    """One way to ingest Segment JSON lines.

    `prepare(folder)` is set-up and not timed, `ingest(files, folder)` is timed, `connect(folder)` shows the
    result.
    """

    prepare: Callable[[Path], None]
    ingest: Callable[[Sequence[Path], Path], None]
    connect: Callable[[Path], Tables]


def contender(name: str) -> Contender:
    """Import the contender `name` and nothing else, so that its peak memory is its own."""
    found = import_module(f"benchmarks.{name}").CONTENDER
    if not isinstance(found, Contender):
        raise TypeError(f"benchmarks/{name}.py must define CONTENDER as a Contender")
    return found


def parquet_tables(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB with a view for each `<table>*.parquet` in `folder`."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for name in ("interactions", "rejections", "daily_activity", "daily_categories", "orders", "statements"):
        con.read_parquet(str(folder / f"{name}*.parquet")).create_view(name)
    return con
