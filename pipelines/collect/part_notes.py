"""Notes that the workers leave of staged parts, for the commit."""

import json
from dataclasses import asdict
from pathlib import Path

from pipelines.collect.write_part import FileCount, StagedPart


def note_part(staging: Path, part: StagedPart) -> None:
    """Leave the part's description for the commit, whole or not at all."""
    draft = staging / f"{part.number}.part.draft"
    draft.write_text(json.dumps(asdict(part)), encoding="utf-8")
    draft.replace(staging / f"{part.number}.part.json")


def noted_parts(staging: Path) -> list[StagedPart]:
    """The parts that were staged, in order."""
    found = []
    for note in staging.glob("*.part.json"):
        raw = json.loads(note.read_text(encoding="utf-8"))
        counts = tuple(FileCount(**count) for count in raw["counts"])
        found.append(StagedPart(**{**raw, "counts": counts, "fields": tuple(raw["fields"])}))
    return sorted(found, key=lambda part: part.number)
