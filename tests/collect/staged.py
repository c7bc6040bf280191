"""Drives a connector on file contents and reads back what was staged; every call asserts conservation."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq

from pipelines.collect.compose import Batch
from pipelines.collect.stage_split import Split, SplitFile, stage_split
from pipelines.collect.write_part import StagedPart
from warehouse.settings import Settings
from warehouse.suppression import SuppressionList

INGESTED_AT = datetime(2024, 6, 1, tzinfo=UTC)
Row = dict[str, Any]


@dataclass(frozen=True)
class Staged:
    """What became of the files f0, f1, …: rows kept, copies that lost, rejections, and (received, accepted) by file.

    `kept_out` are the records that suppressions name, `suppressed` their number by file, with that of blanks.
    """

    interactions: list[Row]
    losers: list[Row]
    rejections: list[Row]
    counts: Mapping[str, tuple[int, int]]
    suppressed: Mapping[str, int]
    kept_out: list[Row]
    parts: Sequence[StagedPart]

    def rows(self, *columns: str) -> list[tuple[Any, ...]]:
        """These columns of the interactions, in the order of the file."""
        return [tuple(row[name] for name in columns) for row in self.interactions]

    def codes(self) -> list[tuple[int, str]]:
        """(row number, reason code) of the rejections, in the order of the file."""
        return [(row["row_number"], row["reason_code"]) for row in self.rejections]

    def verdict(self, row_number: int, element: int = 0) -> Row | str:
        """The interaction of a row, or the code for which it was refused. Raises KeyError if it is neither."""
        place = (row_number, element)
        found = {(row["row_number"], row["element"]): row for row in self.interactions}
        return found[place] if place in found else self._refused()[place]

    def accepted(self, row_number: int = 1, element: int = 0) -> Row:
        """The interaction of a row."""
        verdict = self.verdict(row_number, element)
        assert isinstance(verdict, dict), verdict
        return verdict

    def verdicts(self) -> dict[tuple[int, int], Row]:
        """What became of each record, the interaction or the rejection, by (row number, element)."""
        return {(row["row_number"], row["element"]): row for row in [*self.interactions, *self.rejections]}

    def _refused(self) -> dict[tuple[int, int], str]:
        return {(row["row_number"], row["element"]): row["reason_code"] for row in self.rejections}


def stage(
    connector: str,
    *contents: bytes | str,
    mapping: str | None = None,
    names: Sequence[str] = (),
    settings: Settings | None = None,
    suppressions: SuppressionList | None = None,
) -> Staged:
    """Stage files with these contents as one split of source `shop`; `names` are their names, if those matter."""
    with TemporaryDirectory() as folder:
        files = [
            _written(Path(folder), number, content, names[number] if names else "input")
            for number, content in enumerate(contents)
        ]
        batch = Batch("batch-1", 7, INGESTED_AT, "shop", connector)
        split = Split(0, batch, mapping, tuple(files))
        parts = list(stage_split(split, Path(folder), settings or Settings(threads=1), Path(folder), suppressions))
        staged = Staged(
            interactions=_read([part.interactions for part in parts]),
            losers=_read([part.losers for part in parts]),
            rejections=_read([part.rejections for part in parts]),
            counts=_counted(parts),
            suppressed=_suppressed(parts),
            kept_out=_read([part.kept_out for part in parts]),
            parts=parts,
        )
    _assert_conserved(staged)
    return staged


def _written(folder: Path, number: int, content: bytes | str, name: str) -> SplitFile:
    path = folder / str(number) / name
    path.parent.mkdir()
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return SplitFile(f"f{number}", str(path))


def _read(paths: Sequence[str | None]) -> list[Row]:
    rows = [row for path in paths if path for row in pq.read_table(path).to_pylist()]
    return sorted(rows, key=lambda row: (row["file_id"], row["row_number"], row["element"]))


def _counted(parts: Sequence[StagedPart]) -> dict[str, tuple[int, int]]:
    received, accepted = Counter[str](), Counter[str]()
    for count in (count for part in parts for count in part.counts):
        received[count.file_id] += count.received
        accepted[count.file_id] += count.accepted
    return {file_id: (received[file_id], accepted[file_id]) for file_id in received}


def _suppressed(parts: Sequence[StagedPart]) -> dict[str, int]:
    found = Counter[str]()
    for count in (count for part in parts for count in part.counts):
        found[count.file_id] += count.suppressed
    return dict(found)


def _assert_conserved(staged: Staged) -> None:
    rejected = Counter(row["file_id"] for row in staged.rejections)
    kept = Counter(row["file_id"] for row in staged.interactions)
    assert {file_id: received - accepted for file_id, (received, accepted) in staged.counts.items()} == {
        file_id: rejected[file_id] + staged.suppressed[file_id] for file_id in staged.counts
    }
    assert all(kept[file_id] <= accepted for file_id, (_, accepted) in staged.counts.items())
    assert set(rejected) | set(kept) <= set(staged.counts)
    ids = [row["interaction_id"] for row in staged.interactions]
    assert len(staged.parts) != 1 or len(ids) == len(set(ids))
