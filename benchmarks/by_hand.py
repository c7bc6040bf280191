"""The peer: one DuckDB script written by hand, `by_hand.sql`, on all cores with DuckDB's defaults."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import phonenumbers
from duckdb.sqltypes import VARCHAR

from benchmarks.contender import Contender, parquet_tables
from warehouse.settings import Settings

SCRIPT = Path(__file__).with_suffix(".sql")


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True)


def _ingest(files: Sequence[Path], folder: Path) -> None:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.create_function("international", _international, [VARCHAR], VARCHAR)
        variables = {
            "files": [str(file) for file in files],
            "folder": str(folder),
            "started_at": datetime.now(UTC),
            "currency": Settings().currency,
        }
        for name, value in variables.items():
            con.execute(f"SET VARIABLE {name} = ?", [value])
        con.execute(SCRIPT.read_text(encoding="utf-8"))


def _international(number: str) -> str:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    if not phonenumbers.is_valid_number(parsed):
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


CONTENDER = Contender(_prepare, _ingest, parquet_tables)
