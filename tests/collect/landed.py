"""Lands a file's content in a home of its own and blanks records of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.collect.blank import Blanked, draft_blanks
from pipelines.collect.landing import LandedFile, land, place_draft
from warehouse.home import Home

NOW = datetime(2024, 6, 1, tzinfo=UTC)
Place = tuple[int, int]


def blank_records(home: Home, file: LandedFile, records: Sequence[Place], needles: Sequence[bytes] = ()) -> Blanked:
    """Draft a version without the records, and put it in the place of the landed file."""
    report = draft_blanks(home, file, records, needles)
    place_draft(home, file.path)
    return report


def blanked(
    content: bytes,
    records: Sequence[Place],
    needles: Sequence[bytes] = (),
    *,
    connector: str = "segment",
    name: str = "input",
    mapping: str | None = None,
) -> tuple[bytes, Blanked]:
    """The content of a landed file after the blanking of `records`, and what was reported."""
    with TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.prepare()
        path = Path(folder) / name
        path.write_bytes(content)
        landed = land(home, path, connector, "shop", mapping, NOW)
        report = blank_records(home, landed, records, needles)
        assert sorted(found.name for found in home.landing.iterdir()) == sorted([Path(landed.path).name, "pending"])
        return (home.root / landed.path).read_bytes(), report
