"""The Beam transform that parses: a split of landed files becomes staged Parquet files."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam

from pipelines.collect.stage_split import FileCount, Split, StagedPart, stage_split
from warehouse.settings import Settings


class _Stage(beam.DoFn):
    def __init__(self, staging: Path, temporary: Path, settings: Settings) -> None:
        super().__init__()
        self._staging, self._temporary, self._settings = staging, temporary, settings

    def process(self, split: Split) -> Iterator[tuple[int, str]]:
        for part in stage_split(split, self._staging, self._settings, self._temporary):
            note_part(self._staging, part)
            if part.interactions:
                yield part.number, part.interactions


@dataclass
class ParseInteractions(beam.PTransform):
    """Splits -> (part number, path of its staged file); each part also leaves a note in the staging folder."""

    staging: Path
    temporary: Path
    settings: Settings

    def expand(self, splits: Any) -> Any:
        """Spread the splits over the workers and stage each."""
        stage = _Stage(self.staging, self.temporary, self.settings)
        return (
            splits
            | "Spread the splits" >> beam.Reshuffle()
            | "Parse and validate each split" >> beam.ParDo(stage).with_output_types(tuple[int, str])
        )


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
        found.append(StagedPart(**{**raw, "counts": tuple(FileCount(**count) for count in raw["counts"])}))
    return sorted(found, key=lambda part: part.number)
