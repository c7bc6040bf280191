"""How JSON payloads divide into records, and what stays of them in properties. Shown on Segment calls."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.collect.segment_calls import AT, Call, about, call, judged, lines, properties, track, values
from tests.collect.staged import stage

WRONG_SHAPES: list[tuple[Any, str]] = [
    (track(type=...), "unknown_call"),
    (track(type="TRACK"), "unknown_call"),
    (track(type=5), "unknown_call"),
    (track(messageId=...), "missing_event_id"),
    (track(messageId=""), "missing_event_id"),
    (track(messageId="null"), "event_id_placeholder"),
    (track(messageId="x" * 1_001), "event_id_too_long"),
    (track(timestamp=...), "missing_time"),
    (track(properties=[1]), "wrong_type_object"),
    (track(properties="{}"), "wrong_type_object"),
    (track(context="web"), "wrong_type_object"),
    (call("identify", traits=[]), "wrong_type_object"),
    (about(order_id="x" * 1_001), "order_id_too_long"),
    ({}, "unknown_call"),
    ({"batch": {}}, "unknown_call"),
    ({"batch": None}, "unknown_call"),
    (5, "not_an_object"),
    ("null", "not_an_object"),
    ('"text"', "not_an_object"),
    ("[1]", "not_an_object"),
    ("[[]]", "not_an_object"),
    ('{"type":"track"', "bad_json"),
    ('{"type":"track"} {}', "bad_json"),
    ("no json", "bad_json"),
    ('{"x":"\\ud800"}', "bad_json"),
]


def test_wrong_shapes_are_refused_and_their_neighbours_stay() -> None:
    payloads = [payload for wrong, _ in WRONG_SHAPES for payload in (wrong, track())]
    found = judged(*payloads)
    assert found[::2] == [code for _, code in WRONG_SHAPES]
    assert all(isinstance(verdict, dict) for verdict in found[1::2])


@pytest.mark.parametrize(
    "wrong",
    [
        track({"a": 1}),
        track(userId={"a": 1}),
        track(userId=[1]),
        track(anonymousId={}),
        track(messageId={}),
        about(order_id={"a": 1}),
        about(category=["a"]),
    ],
    ids=lambda wrong: json.dumps(wrong)[:40],
)
def test_an_object_where_a_text_belongs_is_refused(wrong: Call) -> None:
    (verdict,) = judged(wrong)
    assert isinstance(verdict, str)


def test_what_has_no_column_stays_in_properties_unchanged() -> None:
    given = {"color": "blé", "nested": {"a": [1, 2.50, None]}, "revenue": 5}
    assert properties(
        track(properties=given),
        track(context={"ip": "192.0.2.1"}, integrations={"All": True}, version=2),
        call("identify", traits={"plan": "pro", "email": "a@example.com"}),
        call("page", name="Home", properties={"url": "/"}),
        track(),
        track(properties={}, context=None, traits=None),
    ) == [
        given,
        {"context": {"ip": "192.0.2.1"}, "integrations": {"All": True}, "version": 2},
        {"traits": {"plan": "pro", "email": "a@example.com"}},
        {"url": "/", "name": "Home"},
        None,
        None,
    ]


def test_explicit_nulls_stay_in_properties() -> None:
    assert properties(
        track(properties={"a": None, "b": {"c": None}}),
        track(context={"a": None}, integrations={"b": None}, custom=None),
        track(custom=None),
        track(custom=None, anonymousId=None, version=1),
    ) == [
        {"a": None, "b": {"c": None}},
        {"context": {"a": None}, "integrations": {"b": None}, "custom": None},
        {"custom": None},
        {"custom": None, "version": 1},
    ]


def test_exact_numbers_stay_exact_in_properties() -> None:
    text = json.dumps(track())[:-1] + ',"properties":{"big":12345678901234567890,"exact":1.10}}'
    assert values("properties", text) == ['{"big":12345678901234567890,"exact":1.1}']


def test_an_own_property_comes_before_the_field_of_the_call_that_shares_its_name() -> None:
    (text,) = values(
        "properties", track(properties={"context": "checkout", "custom": 1}, context={"ip": "x"}, custom=2)
    )
    pairs = json.loads(text, object_pairs_hook=lambda found: found)
    assert pairs[:2] == [("context", "checkout"), ("custom", 1)]
    assert [name for name, _ in pairs[2:]] == ["context", "custom"]


def test_an_empty_text_is_no_value_in_any_column() -> None:
    names = ("order_id", "product_id", "category", "campaign_id", "offer_id", "decision_id", "contact_id")
    (row,) = judged(about(**dict.fromkeys(names, "")))
    assert isinstance(row, dict)
    assert [row[name] for name in names] == [None] * len(names)


def test_an_empty_revenue_leaves_the_total() -> None:
    assert values("amount", about(revenue="", total=2)) == [Decimal(2)]


def test_a_batch_holds_calls_that_are_judged_one_by_one() -> None:
    batch = {"batch": [track(messageId="a"), track(type="?"), 5, [], track(messageId="b"), None]}
    staged = stage("segment", lines(batch, track(messageId="c")))
    assert staged.rows("row_number", "element", "event_id") == [(1, 0, "a"), (1, 4, "b"), (2, 0, "c")]
    assert [(r["row_number"], r["element"]) for r in staged.rejections] == [(1, 1), (1, 2), (1, 3), (1, 5)]
    assert staged.counts == {"f0": (7, 3)}


def test_an_array_holds_calls_as_a_batch_does() -> None:
    staged = stage("segment", lines([track(messageId="a"), 5, track(messageId="b")]))
    assert staged.rows("element", "event_id") == [(0, "a"), (2, "b")]
    assert [(r["element"], r["reason_code"]) for r in staged.rejections] == [(1, "not_an_object")]


def test_a_batch_that_is_empty_holds_no_records() -> None:
    staged = stage("segment", lines({"batch": []}, []))
    assert (staged.interactions, staged.rejections, staged.counts) == ([], [], {})


def test_times_of_the_envelope_hold_for_calls_without_their_own() -> None:
    calls = [
        track(timestamp=..., originalTimestamp=AT),
        track(timestamp=..., originalTimestamp=..., sentAt="2020-07-01T09:58:00Z"),
    ]
    batch = {"batch": calls, "sentAt": AT, "receivedAt": "2020-07-01T10:00:01Z"}
    staged = stage("segment", lines(batch))
    assert [row["occurred_at"].isoformat() for row in staged.interactions] == [
        "2020-07-01T10:00:00+00:00",
        "2020-07-01T09:58:00+00:00",
    ]
    assert [row["is_received_assigned"] for row in staged.interactions] == [False, False]


def minutes(count: int) -> str:
    return f"2020-07-01T10:{count:02d}:00Z"


def test_calls_of_one_device_in_one_batch_keep_their_order_whatever_their_own_times_say() -> None:
    calls = [
        track(timestamp=..., anonymousId=device, originalTimestamp=minutes(at), sentAt=sent, receivedAt=minutes(40))
        for device, at, sent in [("a", 0, minutes(10)), ("a", 1, minutes(36)), ("a", 2, ...), ("b", 0, minutes(10))]
    ]
    staged = stage("segment", lines({"batch": calls}))
    assert staged.rows("element", "time_basis") == [(0, "occurred"), (1, "occurred"), (2, "occurred"), (3, "corrected")]
    moments = [row["occurred_at"].minute for row in staged.interactions]
    assert moments == [0, 1, 2, 30]


def test_one_offset_holds_for_a_device_and_batch_and_is_that_of_the_quickest_call() -> None:
    calls = [
        track(timestamp=..., anonymousId="a", originalTimestamp=minutes(at), receivedAt=minutes(received))
        for at, received in [(0, 50), (1, 40), (2, 45)]
    ]
    staged = stage("segment", lines({"batch": calls, "sentAt": minutes(10)}))
    assert {basis for (basis,) in staged.rows("time_basis")} == {"corrected"}
    assert [row["occurred_at"].minute for row in staged.interactions] == [30, 31, 32]


def test_single_calls_have_each_its_own_offset() -> None:
    calls = [
        track(timestamp=..., originalTimestamp=AT, sentAt=AT, receivedAt=minutes(received)) for received in (20, 40)
    ]
    assert [moment.minute for moment in values("occurred_at", *calls)] == [20, 40]


def test_what_an_envelope_says_besides_is_a_property_of_each_of_its_calls() -> None:
    batch = {"batch": [track(), track(extra=1)], "sentAt": AT, "integrations": {"All": True}, "writeKey": None}
    expected = {"integrations": {"All": True}, "writeKey": None}
    found = [json.loads(text) for (text,) in stage("segment", lines(batch)).rows("properties")]
    assert found == [{"batch": expected}, {"batch": expected, "extra": 1}]
    assert "batch" not in properties({"batch": [track()], "sentAt": AT, "context": {"app": "x"}})[0]


def test_a_wrong_time_of_the_envelope_refuses_its_calls() -> None:
    staged = stage("segment", lines({"batch": [track(), track()], "sentAt": "now"}))
    assert [code for _, code in staged.codes()] == ["wrong_type_sent_at"] * 2


def test_a_call_with_a_field_batch_that_is_no_array_is_a_call() -> None:
    assert properties(track(batch=5), track(properties={"batch": [1]})) == [{"batch": 5}, {"batch": [1]}]


def test_the_context_of_a_batch_holds_for_its_calls() -> None:
    batch = {"batch": [track()], "context": {"channel": "mobile", "ip": "192.0.2.1"}}
    row = stage("segment", lines(batch)).accepted()
    assert row["channel"] == "app"
    assert json.loads(row["properties"])["context"]["ip"] == "192.0.2.1"


@pytest.mark.parametrize("blank", ["", " ", "\t", "\r"])
def test_white_space_around_a_call_does_not_matter(blank: str) -> None:
    assert values("event_id", blank * 3 + json.dumps(track(messageId="m")) + blank) == ["m"]


@pytest.mark.parametrize("start", ["", "\n", "  "])
def test_a_document_over_several_lines_is_one_payload(start: str) -> None:
    text = start + json.dumps({"batch": [track(messageId="a"), track(messageId="b")]}, indent=2)
    array = start + json.dumps([track(messageId="c"), track(messageId="d")], indent=2)
    staged = stage("segment", text, array)
    assert staged.rows("file_id", "row_number", "element", "event_id") == [
        ("f0", 1, 0, "a"),
        ("f0", 1, 1, "b"),
        ("f1", 1, 0, "c"),
        ("f1", 1, 1, "d"),
    ]
