"""Single records of a landed file: those that a replay reads again, and those that it has read already."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import duckdb

from schemas.table import literal, literals


class ChosenFile(Protocol):
    """A landed file of which some places are wanted, or all but some."""

    @property
    def file_id(self) -> str:
        """Its id."""

    @property
    def only(self) -> str | None:
        """The Parquet file of the places that alone are wanted."""

    @property
    def without(self) -> str | None:
        """The Parquet file of the places that are not."""


def choose_places(con: duckdb.DuckDBPyConnection, files: Sequence[ChosenFile]) -> None:
    """Take the records of `checked` out that are not wanted; nothing where all are, as nearly always."""
    for wanted, negation in (("only", "NOT "), ("without", "")):
        for path in sorted({path for file in files if (path := getattr(file, wanted))}):
            ids = literals(file.file_id for file in files if getattr(file, wanted) == path)
            con.execute(f"DELETE FROM checked WHERE file_id IN ({ids}) AND {negation}({_among(path)})")


def _among(path: str) -> str:
    """A predicate that a record is at one of the places of a Parquet file."""
    places = f"read_parquet({literal(path)})"
    return f"""
        (file_id, row_number, element) IN (
            SELECT (file_id, row_number, element) FROM {places} WHERE element IS NOT NULL
        )
        OR (file_id, row_number) IN (
            SELECT (file_id, row_number) FROM {places} WHERE element IS NULL AND row_number IS NOT NULL
        )
        OR file_id IN (SELECT file_id FROM {places} WHERE row_number IS NULL)
    """


def write_found(con: duckdb.DuckDBPyConnection, files: Sequence[ChosenFile], target: Path) -> str | None:
    """Write which of the places that alone are wanted are there, each with its reason_code; None if none is wanted."""
    if not any(file.only for file in files):
        return None
    con.execute(
        f"COPY (SELECT file_id, row_number, element, reason_code FROM checked) TO {literal(str(target))} "
        "(FORMAT parquet)"
    )
    return str(target)
