from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
from apache_beam.testing import util

from pipelines.collect.compose import Batch
from pipelines.collect.parse_interactions import ParseInteractions
from pipelines.collect.part_notes import note_part, noted_parts
from pipelines.collect.stage_split import MAX_PARTS, Split, SplitFile
from pipelines.collect.write_part import FileCount, StagedPart
from tests.collect.segment_calls import lines, track
from tests.collect.staged import INGESTED_AT
from warehouse.settings import Settings

# Beam's own calls are untyped.
create: Any = beam.Create
assert_that: Any = util.assert_that

BATCH = Batch("batch-1", 7, INGESTED_AT, "shop", "segment")


def part(number: int) -> StagedPart:
    counts = (FileCount("f0", 3, 2), FileCount("f1", 1, 1))
    return StagedPart(number, interactions="a", losers=None, rejections="b", kept_out=None, counts=counts)


def test_a_noted_part_is_read_back_as_it_was(tmp_path: Path) -> None:
    note_part(tmp_path, part(5))
    assert noted_parts(tmp_path) == [part(5)]


def test_noted_parts_come_in_the_order_of_their_numbers_and_drafts_do_not_count(tmp_path: Path) -> None:
    for number in (10, 9, MAX_PARTS):
        note_part(tmp_path, part(number))
    (tmp_path / "8.part.draft").write_text("{")
    assert [found.number for found in noted_parts(tmp_path)] == [9, 10, MAX_PARTS]


def test_noting_a_part_again_replaces_its_note(tmp_path: Path) -> None:
    note_part(tmp_path, part(5))
    note_part(tmp_path, part(5))
    assert noted_parts(tmp_path) == [part(5)]


@pytest.fixture
def splits(tmp_path: Path) -> list[Split]:
    contents = [lines(track(messageId="a"), "broken"), lines("broken"), lines(track(messageId="b"))]
    found = []
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.json"
        path.write_text(content)
        found.append(Split(number, BATCH, None, (SplitFile(f"f{number}", str(path)),)))
    return found


def test_splits_are_staged_noted_and_passed_on_where_they_hold_interactions(
    tmp_path: Path, splits: list[Split]
) -> None:
    staging = tmp_path / "staging"
    staging.mkdir()

    def check(found: list[tuple[int, str]]) -> None:
        assert sorted(number for number, _ in found) == [0, 2 * MAX_PARTS]
        assert all(pq.read_metadata(path).num_rows == 1 for _, path in found)

    with beam.Pipeline("DirectRunner") as pipeline:
        parse = ParseInteractions(staging, tmp_path, Settings(threads=1))
        staged = pipeline | "Take the splits" >> create(splits) | "Parse them" >> parse
        assert_that(staged, check)
    assert [(p.number, [(c.received, c.accepted) for c in p.counts]) for p in noted_parts(staging)] == [
        (0, [(2, 1)]),
        (MAX_PARTS, [(1, 0)]),
        (2 * MAX_PARTS, [(1, 1)]),
    ]
