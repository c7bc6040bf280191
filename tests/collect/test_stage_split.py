import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations.suites.interactions import SUITE
from pipelines.collect import parts as module
from pipelines.collect.compose import Batch
from pipelines.collect.stage_split import MAX_PARTS, Split, SplitFile, plan_splits, stage_split
from schemas.keys import key
from schemas.tables import tables
from tests.collect.segment_calls import Call, lines, track
from tests.collect.staged import INGESTED_AT, stage
from warehouse.errors import UsageError
from warehouse.settings import IdentitySettings, Settings

BATCH = Batch("batch-1", 7, INGESTED_AT, "shop", "segment")
MAPPING = """
[constants]
channel = "pos"
event_name = "visited"
[columns]
occurred_at = "at"
"""


def calls(count: int, **fields: object) -> list[Call]:
    return [track(timestamp=f"2020-01-{31 - n % 30:02d}T00:00:00Z", **fields) for n in range(count)]


def test_staged_interactions_have_exactly_the_columns_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text(lines(*calls(3), "broken"))
    split = Split(3, BATCH, None, (SplitFile("f0", str(path)),))
    (part,) = stage_split(split, tmp_path, Settings(threads=1), tmp_path)
    assert part.number == 3 * MAX_PARTS
    assert part.interactions is not None
    assert part.rejections is not None
    assert tuple(pq.read_schema(part.interactions).names) == tables()["interactions"].column_names
    assert tuple(pq.read_schema(part.rejections).names) == tables()["rejections"].column_names
    times = pq.read_table(part.interactions).column("occurred_at").to_pylist()
    assert times == sorted(times)


def test_a_rejection_says_what_where_and_when() -> None:
    (rejection,) = stage("segment", lines(track(), "broken")).rejections
    assert rejection == {
        "rejection_id": key("f0", "2", "0", "bad_json"),
        "connector": "segment",
        "source": "shop",
        "reason_code": "bad_json",
        "reason": "the line is not valid JSON, or was cut off; send it again",
        "stage": "collect",
        "file_id": "f0",
        "row_number": 2,
        "element": 0,
        "rejected_at": INGESTED_AT,
        "batch_id": "batch-1",
        "commit_seq": 7,
    }


def test_a_rule_refuses_in_the_name_of_validate() -> None:
    (rejection,) = stage("segment", lines(track(timestamp="1950-01-01"))).rejections
    assert (rejection["reason_code"], rejection["stage"]) == ("occurred_at_out_of_range", "validate")
    assert rejection["reason"] == {rule.code: rule.reason for rule in SUITE.rules}["occurred_at_out_of_range"]


def test_no_reason_repeats_what_the_record_said() -> None:
    sender_text = "geheim-4711"
    payloads = [
        sender_text,
        json.dumps(sender_text),
        track(type=sender_text),
        track(timestamp=sender_text),
        track(properties={"revenue": sender_text}),
        track(properties={"revenue": 1, "currency": sender_text}),
        track(properties={"products": [{"price": sender_text}]}),
        track(context={"channel": sender_text}),
        track(messageId=sender_text * 100),
    ]
    staged = stage("segment", lines(*payloads))
    assert len(staged.rejections) == len(payloads)
    assert not any(sender_text in str(value) for row in staged.rejections for value in row.values())


def test_files_of_one_split_are_told_apart() -> None:
    staged = stage("segment", lines(track(messageId="a"), "x"), "", lines("x", track(messageId="b"), "x"))
    assert staged.counts == {"f0": (2, 1), "f2": (3, 1)}
    assert staged.rows("file_id", "row_number", "event_id") == [("f0", 1, "a"), ("f2", 2, "b")]
    assert [(row["file_id"], row["row_number"]) for row in staged.rejections] == [("f0", 2), ("f2", 1), ("f2", 3)]


def test_files_without_records_give_no_files() -> None:
    staged = stage("segment", "", "\n \n")
    assert [(part.interactions, part.rejections, part.counts) for part in staged.parts] in ([], [(None, None, ())])


def test_large_splits_are_staged_in_parts_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 1)
    contents = [lines(*calls(20), "broken") for _ in range(3)]
    staged = stage("segment", *contents)
    assert [part.number for part in staged.parts] == [0, 1, 2]
    assert staged.counts == {f"f{number}": (21, 20) for number in range(3)}
    assert len(staged.interactions) == 60
    assert [row["row_number"] for row in staged.rejections] == [21] * 3


def test_large_parquet_is_staged_in_parts_with_its_own_row_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_ROWS", 10)
    ids = [str(number) for number in range(1, 26)]
    pq.write_table(pa.table({"id": ids, "at": ["2020-01-01"] * 24 + ["x"]}), tmp_path / "input.parquet")
    content = (tmp_path / "input.parquet").read_bytes()
    with_id = MAPPING + 'event_id = "id"\n'
    staged = stage("table", content, mapping=with_id, names=["input.parquet"])
    assert len(staged.parts) == 3
    assert staged.rows("row_number", "event_id") == [(number, str(number)) for number in range(1, 25)]
    assert staged.codes() == [(25, "wrong_type_occurred_at")]
    without_id = stage("table", content, mapping=MAPPING, names=["input.parquet"])
    assert len(without_id.parts) == 1


def test_a_file_that_cannot_be_divided_is_one_rejection_about_the_whole() -> None:
    (rejection,) = stage("table", b"", mapping=MAPPING).rejections
    assert (rejection["row_number"], rejection["reason_code"]) == (0, "unreadable_file")
    assert rejection["reason"].startswith("the file cannot be read in the format that its name and connector say")


def test_equal_copies_within_a_part_are_kept_once() -> None:
    call = track(messageId="m")
    staged = stage("segment", lines(call, track(messageId="n"), call), lines(call))
    assert staged.counts == {"f0": (3, 3), "f1": (1, 1)}
    assert sorted(row["event_id"] for row in staged.interactions) == ["m", "n"]
    assert staged.losers == []


def test_of_copies_that_differ_the_one_received_first_wins_wherever_it_stands() -> None:
    first = track("First", messageId="m", receivedAt="2020-07-01T10:00:00Z")
    second = track("Second", messageId="m", receivedAt="2020-07-01T11:00:00Z")
    for copies in ([first, second, second], [second, first, second]):
        staged = stage("segment", lines(*copies))
        assert staged.rows("event_name") == [("first",)]
        assert [row["event_name"] for row in staged.losers] == ["second"]
        assert staged.counts == {"f0": (3, 3)}


def test_settings_say_which_values_name_nobody_and_which_kind_anchors() -> None:
    identity = IdentitySettings(priorities={"anonymous_id": 9, "user_id": 1}, blocked_values=("u1",))
    staged = stage(
        "segment",
        lines(track(anonymousId="a"), track(userId="u2", anonymousId="a"), track(userId="u1")),
        settings=replace(Settings(threads=1), identity=identity),
    )
    assert staged.rows("anchor") == [("anonymous_id:a",), ("anonymous_id:a",)]
    assert staged.codes() == [(3, "missing_identifier")]


def test_the_number_of_threads_does_not_matter() -> None:
    contents = [lines(*calls(300, properties={"revenue": 1}), "x") for _ in range(3)]
    one, two = (stage("segment", *contents, settings=Settings(threads=threads)) for threads in (1, 2))
    assert (one.interactions, one.rejections, one.counts) == (two.interactions, two.rejections, two.counts)


def planned(*files: tuple[str, str | None, int], limit: int = 100) -> list[tuple[int, tuple[str, ...]]]:
    """Splits, as (number, file ids), of files given as (connector, mapping, size)."""
    given = [
        (SplitFile(f"f{number}", f"path-{number}"), replace(BATCH, connector=connector), mapping, size)
        for number, (connector, mapping, size) in enumerate(files)
    ]
    return [(split.number, tuple(file.file_id for file in split.files)) for split in plan_splits(given, limit)]


def test_json_files_share_a_split_up_to_its_limit() -> None:
    files = [("segment", None, size) for size in (40, 60, 1, 200, 50, 50)]
    assert planned(*files) == [(0, ("f0", "f1")), (1, ("f2",)), (2, ("f3",)), (3, ("f4", "f5"))]


def test_files_of_columns_and_of_other_connectors_stand_alone() -> None:
    files = [("table", "m", 1), ("table", "m", 1), ("segment", None, 1), ("sendgrid", None, 1), ("sendgrid", None, 1)]
    assert planned(*files) == [(0, ("f0",)), (1, ("f1",)), (2, ("f2",)), (3, ("f3", "f4"))]


def test_no_files_make_no_splits() -> None:
    assert planned() == []


def test_a_usage_error_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "input.csv"
    path.write_text("id\n1\n")
    staging = tmp_path / "staging"
    staging.mkdir()
    batch = Batch("b", 1, datetime(2024, 1, 1, tzinfo=UTC), "s", "table")
    with pytest.raises(UsageError):
        list(stage_split(Split(0, batch, MAPPING, (SplitFile("f", str(path)),)), staging, Settings(), tmp_path))
    assert list(staging.iterdir()) == []
