"""Drift of a source's schema: a field that it has not sent before is noted, and told once."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.collect.landing import LandedFile
from pipelines.collect.write_part import StagedPart
from warehouse.lake import Lake
from warehouse.run import Run

# Of a source that makes names of values no end would be seen.
MOST_FIELDS = 2_000


@dataclass(frozen=True)
class NewField:
    """A field that a source has begun to send; its records keep it in `properties`."""

    source: str
    field_name: str


def note_fields(lake: Lake, run: Run, files: Sequence[LandedFile], parts: Sequence[StagedPart]) -> list[NewField]:
    """Note the fields that the parts have and no earlier ones of their source had; gives those of known sources.

    Of a source that comes for the first time all fields are noted, and none is new.
    """
    source_of = {file.file_id: file.source for file in files}
    seen = sorted({(source_of[count.file_id], name) for part in parts for count in part.counts for name in part.fields})
    if not seen:
        return []
    known: dict[str, set[str]] = {}
    for source, name in lake.con.execute("SELECT source, field_name FROM source_fields").fetchall():
        known.setdefault(source, set()).add(name)
    room = {source: MOST_FIELDS - len(known.get(source, ())) for source, _ in seen}
    is_told = {source: _has_come_before(lake, source) for source in room}
    fresh: list[tuple[str, str, bool]] = []
    for source, name in seen:
        if name not in known.get(source, set()) and room[source] > 0:
            room[source] -= 1
            fresh.append((source, name, is_told[source]))
    _write(lake, run, fresh)
    return [NewField(source, name) for source, name, is_told in fresh if is_told]


def _has_come_before(lake: Lake, source: str) -> bool:
    return lake.con.execute("SELECT 1 FROM landing_files WHERE source = ? LIMIT 1", [source]).fetchone() is not None


def _write(lake: Lake, run: Run, fresh: Sequence[tuple[str, str, bool]]) -> None:
    if fresh:
        places = ", ".join(["(?, ?, ?, ?, ?)"] * len(fresh))
        values = [value for row in fresh for value in (*row, run.started_at, run.commit_seq)]
        lake.con.execute(f"INSERT INTO source_fields VALUES {places}", values)
