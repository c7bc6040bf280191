import json
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pipelines.collect.erased import RECORD
from pipelines.collect.requests import joined_envelope, opened, split_envelope
from tests.collect.landed import blanked
from tests.collect.segment_calls import track
from tests.collect.staged import stage

REQUEST = {"received_at": "2024-03-01T10:00:00.123Z", "headers": {"x-topic": "orders", "body": '},"body":5'}}


def enveloped(body: object, request: object = REQUEST) -> str:
    return json.dumps({"rapport_request": request, "body": body}, separators=(",", ":"))


def read(*lines: str | None) -> Sequence[tuple[Any, ...]]:
    table = pa.table({"row_number": range(len(lines)), "payload": pa.array(lines, pa.string())})
    with duckdb.connect() as con:
        found = opened(con, table)
    return [tuple(row.values())[1:] for row in found.to_pylist()]


def test_lines_without_an_envelope_stay_as_they_are() -> None:
    plain = ['{"a":1}', "", "no json", None, '{"a":{"rapport_request":1}}', ' {"rapport_request":{}}']
    assert read(*plain) == [(text, None, None) for text in plain]


def test_an_envelope_is_taken_off_and_says_its_request_and_its_neighbours_stay() -> None:
    headers = json.dumps(REQUEST["headers"], separators=(",", ":"))
    said = (REQUEST["received_at"], headers)
    assert read(enveloped({"a": 1}), '{"b":2}', enveloped([1, {"c": 3}]), None) == [
        ('{"a":1}', *said),
        ('{"b":2}', None, None),
        ('[1,{"c":3}]', *said),
        (None, None, None),
    ]


@pytest.mark.parametrize("line", ['{"rapport_request":', '{"rapport_request":5}', '{"rapport_request":{},"body":null}'])
def test_a_broken_envelope_is_refused_as_a_record(line: str) -> None:
    assert [code for _, code in stage("segment", line).codes()] in (["bad_json"], ["not_an_object"])


def test_enveloped_records_are_the_same_interactions_as_plain_ones() -> None:
    calls = [track(messageId=f"m{number}") for number in range(4)]
    plain = stage("segment", "\n".join(json.dumps(call) for call in calls))
    other = stage("segment", "\n".join([enveloped(calls[0]), json.dumps(calls[1]), enveloped(calls[2:])]))
    assert {row["event_id"] for row in other.interactions} == {f"m{number}" for number in range(4)}
    assert [row["properties"] for row in other.interactions] == [row["properties"] for row in plain.interactions]
    assert other.counts == {"f0": (4, 4)}
    assert other.rows("row_number", "element") == [(1, 0), (2, 0), (3, 0), (3, 1)]


def test_an_enveloped_record_becomes_a_blank_and_its_siblings_and_its_request_stay() -> None:
    person = track(userId="jane.doe@example.org", messageId="gone")
    stays = [track(messageId=f"m{number}") for number in range(3)]
    lines = [
        enveloped(person),
        enveloped([stays[0], person]),
        enveloped({"batch": [stays[1], person]}),
        enveloped(stays[2]),
    ]
    after, report = blanked("\n".join(lines).encode() + b"\n", [(1, 0)], (b"jane.doe@example.org",))
    assert report.by_needle == ((2, 1), (3, 1))
    assert b"jane.doe" not in after
    assert all(json.loads(line)["rapport_request"] == REQUEST for line in after.splitlines())
    assert after.count(RECORD.encode()) == 3
    staged = stage("segment", after)
    assert staged.rows("row_number", "element", "event_id") == [(2, 0, "m0"), (3, 0, "m1"), (4, 0, "m2")]
    assert staged.suppressed == {"f0": 3}


def test_a_value_in_the_request_takes_all_its_records_along() -> None:
    request = {"received_at": REQUEST["received_at"], "headers": {"from": "jane.doe@example.org"}}
    line = enveloped([track(messageId="a"), track(messageId="b")], request)
    after, report = blanked(line.encode() + b"\n", [], (b"jane.doe@example.org",))
    assert report.by_needle == ((1, 0), (1, 1))
    assert b"jane.doe" not in after
    assert stage("segment", after).suppressed == {"f0": 2}


def test_an_envelope_is_split_and_joined_again() -> None:
    with duckdb.connect() as con:
        request, body = split_envelope(con, enveloped({"a": 1}))
        assert request is not None
        assert joined_envelope(request, body) == enveloped({"a": 1})
        for line in ('{"a":1}', '{"rapport_request":'):
            assert split_envelope(con, line) == (None, line)
