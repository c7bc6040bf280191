"""The Beam transform that parses: a split of landed files becomes staged Parquet files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam

from pipelines.collect.part_notes import note_part
from pipelines.collect.stage_split import Split, stage_split
from warehouse.settings import Settings
from warehouse.suppression import SuppressionList


class _Stage(beam.DoFn):
    def __init__(
        self, staging: Path, temporary: Path, settings: Settings, suppressions: SuppressionList | None
    ) -> None:
        super().__init__()
        self._staging, self._temporary, self._settings = staging, temporary, settings
        self._suppressions = suppressions

    def process(self, split: Split) -> Iterator[tuple[int, str]]:
        for part in stage_split(split, self._staging, self._settings, self._temporary, self._suppressions):
            note_part(self._staging, part)
            if part.interactions:
                yield part.number, part.interactions


@dataclass
class ParseInteractions(beam.PTransform):
    """Splits -> (part number, path of its staged file); each part also leaves a note in the staging folder."""

    staging: Path
    temporary: Path
    settings: Settings
    suppressions: SuppressionList | None = None

    def expand(self, splits: Any) -> Any:
        """Spread the splits over the workers and stage each."""
        stage = _Stage(self.staging, self.temporary, self.settings, self.suppressions)
        return (
            splits
            | "Spread the splits" >> beam.Reshuffle()
            | "Parse and validate each split" >> beam.ParDo(stage).with_output_types(tuple[int, str])
        )
