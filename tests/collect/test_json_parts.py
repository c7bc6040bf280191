"""Records within records: how a conversation divides into turns, and how turns become blanks."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.collect.erased import RECORD
from pipelines.collect.json_parts import Parts
from tests.collect.landed import blanked
from tests.collect.staged import Staged, stage

AT = "2024-05-01T10:00:00Z"
few = settings(max_examples=8, deadline=None, derandomize=True, database=None)


def conversation(name: str, *texts: str, **fields: Any) -> dict[str, Any]:
    turns = [{"speaker": "customer", "text": text} for text in texts]
    return {"id": name, "started_at": AT, "user_id": f"user-{name}", "turns": turns, **fields}


def staged(*payloads: Any) -> Staged:
    return stage("chat_transcript", "".join(json.dumps(payload) + "\n" for payload in payloads))


def places(found: Staged) -> list[tuple[int, int, str]]:
    return found.rows("row_number", "element", "event_id")


def test_elements_are_numbered_through_all_conversations_of_a_line() -> None:
    found = staged([conversation("a", "1", "2"), conversation("b", "3")], conversation("c", "4"))
    assert places(found) == [(1, 0, "a-1"), (1, 1, "a-2"), (1, 2, "b-1"), (2, 0, "c-1")]


def test_a_conversation_without_turns_is_one_record() -> None:
    found = staged([conversation("a"), conversation("b", "1")])
    assert (found.verdict(1, 0), found.accepted(1, 1)["event_id"]) == ("no_turns", "b-1")


def test_what_a_conversation_says_besides_stands_once() -> None:
    found = staged(conversation("a", "1", "2", topic={"kind": "return", "none": None}))
    first, second = (json.loads(row["properties"]) for row in found.interactions)
    assert first["conversation"]["topic"] == {"kind": "return", "none": None}
    assert "turns" not in first["conversation"]
    assert second == {"speaker": "customer"}


def test_two_lists_of_turns_follow_each_other() -> None:
    both = conversation("a", "1") | {"messages": [{"role": "agent", "text": "2"}]}
    assert [row["text"] for row in staged(both).interactions] == ["1", "2"]


def test_a_turn_becomes_a_blank_and_its_conversation_stays() -> None:
    payload = [conversation("a", "1", "2"), conversation("b", "3")]
    after, report = blanked(json.dumps(payload).encode(), [(1, 1)], connector="chat_transcript")
    assert report.blanked == 1
    left = json.loads(after)
    assert left[0]["turns"][1] == json.loads(RECORD)
    assert left[0] | {"turns": left[0]["turns"][:1]} == conversation("a", "1")
    assert left[1] == payload[1]
    assert places(stage("chat_transcript", after)) == [(1, 0, "a-1"), (1, 2, "b-1")]


def test_a_conversation_of_blanks_alone_keeps_nothing_else() -> None:
    payload = [conversation("a", "1", "2"), conversation("b", "3")]
    after, _ = blanked(json.dumps(payload).encode(), [(1, 0), (1, 1)], connector="chat_transcript")
    assert json.loads(after) == [{"turns": [json.loads(RECORD)] * 2}, payload[1]]
    again = stage("chat_transcript", after)
    assert (again.counts, again.suppressed) == ({"f0": (3, 1)}, {"f0": 2})


def test_a_value_beside_the_turns_takes_their_conversation_along_and_no_other() -> None:
    payload = [
        conversation("a", "1", "2"),
        conversation("b", "3", email="gone.person@example.com"),
        conversation("c", "4"),
    ]
    after, report = blanked(json.dumps(payload).encode(), [], [b"gone.person@example.com"], connector="chat_transcript")
    assert report.by_needle == ((1, 2),)
    assert b"gone.person" not in after
    assert [event for _, _, event in places(stage("chat_transcript", after))] == ["a-1", "a-2", "c-1"]


def test_a_value_in_one_turn_takes_that_turn_alone() -> None:
    payload = conversation("a", "call me at gone.person@example.com", "thanks")
    after, report = blanked(json.dumps(payload).encode(), [], [b"gone.person@example.com"], connector="chat_transcript")
    assert report.by_needle == ((1, 0),)
    assert [event for _, _, event in places(stage("chat_transcript", after))] == ["a-2"]


def test_an_object_that_is_a_part_becomes_a_blank_without_a_rest() -> None:
    author = {"type": "user", "id": "1", "email": "a@example.com"}
    item = {"id": "7", "created_at": 1_714_557_000, "source": {"body": "hello", "delivered_as": "x", "author": author}}
    parts = [{"id": "8", "part_type": "comment", "body": "more", "created_at": 1_714_557_001, "author": author}]
    payload = {"type": "conversation", **item, "conversation_parts": {"conversation_parts": parts}}
    after, _ = blanked(json.dumps(payload).encode(), [(1, 0)], connector="intercom")
    left = json.loads(after)
    assert left["source"] == json.loads(RECORD)
    assert left["conversation_parts"] == payload["conversation_parts"]


@few
@given(
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    data=st.data(),
    form=st.sampled_from(["lines", "array", "batch"]),
)
def test_blanks_leave_all_other_turns_at_their_places(sizes: list[int], data: st.DataObject, form: str) -> None:
    talks = [conversation(f"c{n}", *(f"t{n}-{k}" for k in range(size))) for n, size in enumerate(sizes)]
    forms: dict[str, list[Any]] = {
        "lines": talks,
        "array": [talks],
        "batch": [{"conversations": talks, "more": 1}],
    }
    payloads = forms[form]
    text = "".join(json.dumps(payload) + "\n" for payload in payloads)
    before = stage("chat_transcript", text)
    records = [(row["row_number"], row["element"]) for row in (*before.interactions, *before.rejections)]
    gone = data.draw(st.sets(st.sampled_from(records)))
    after, report = blanked(text.encode(), sorted(gone), connector="chat_transcript")
    again = stage("chat_transcript", after)
    assert report.blanked == len(gone)
    assert {key: count for key, (count, _) in again.counts.items()} == {"f0": len(records)}
    assert [place for place in places(before) if place[:2] not in gone] == places(again)


def test_a_patch_reaches_into_nested_objects() -> None:
    parts = Parts({"a.b": "TRUE", "c": "FALSE"})
    assert (parts.patch(0, "[1]"), parts.patch(1, "null")) == ('{"a":{"b":[1]}}', '{"c":null}')


@pytest.mark.parametrize(("payload", "may"), [('{"b":[]}', True), ('{"a":{}}', False), ('["c"]', True)])
def test_payloads_without_the_names_hold_no_parts(payload: str, may: bool) -> None:
    assert Parts({"a.b": "TRUE", "c": "TRUE"}).may_hold(payload) == may
