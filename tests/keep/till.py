"""A till's rows, made by hand, and homes that they are ingested into."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flows.ingest import IngestReport, ingest_paths
from tests.laws.worlds import Load, Record
from warehouse.home import Home
from warehouse.lake import open_writer

COLUMNS = (
    "id", "event", "channel", "at", "received", "version", "amount", "currency", "quantity", "category",
    "order", "contact", "offer", "machine", "user", "email",
)  # fmt: skip
HEAD = ",".join(COLUMNS)
MAPPING = """
[columns]
event_id = "id"
event_name = "event"
channel = "channel"
occurred_at = "at"
received_at = "received"
source_version = "version"
amount = "amount"
currency = "currency"
quantity = "quantity"
category = "category"
order_id = "order"
contact_id = "contact"
offer_id = "offer"
is_machine = "machine"

[identifiers]
user_id = "user"
email = "email"
"""
_DEFAULTS = {"event": "order_completed", "channel": "pos", "at": "2025-03-01T10:00:00Z", "user": "u1"}


def row(id: str, **said: Any) -> Record:
    """A row of the till; what is not said is an order line of one customer."""
    cells = {**_DEFAULTS, "id": id, **said}
    return "till", ",".join(str(cells.get(column, "")) for column in COLUMNS)


def till(*records: Record) -> Load:
    """Rows as a load for the inbox."""
    return Load(records, {"till": HEAD}, {"till": MAPPING})


def ingest(home: Home, *runs: Iterable[Record]) -> list[IngestReport]:
    """Ingest each of `runs` by itself, one file and one commit, with one writer for all."""
    with open_writer(home) as lake:
        paths = [written(home, [text for _, text in records]) for records in runs]
        return [ingest_paths(lake, "table", [path], "till", home.root / "till.toml") for path in paths]


def written(home: Home, texts: list[str]) -> Path:
    """A new file with these rows, and the mapping beside it."""
    folder = home.root / "given"
    folder.mkdir(exist_ok=True)
    (home.root / "till.toml").write_text(MAPPING, encoding="utf-8")
    path = folder / f"{len(list(folder.iterdir()))}.csv"
    path.write_text("\n".join([HEAD, *texts, ""]), encoding="utf-8")
    return path
