"""Consent statements that events list in their properties."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.keep.rows import AT, cells, event, recomputed, rolled_up, step
from tests.lakes import memory_lake

COLUMNS = ("purpose", "channel", "status", "legal_basis", "version", "stated_at")


def stated(consents: Any, **said: Any) -> list[tuple[Any, ...]]:
    """What the consents of an event's properties become."""
    con = memory_lake()
    step(
        con, [event("e1", **{"event_name": "consent_stated", "properties": json.dumps({"consents": consents}), **said})]
    )
    return cells(con, "consents", *COLUMNS)


def test_an_event_may_state_consents_for_several_purposes_and_channels() -> None:
    before = (AT - timedelta(days=2)).isoformat()
    found = stated(
        [
            {
                "purpose": "profiling",
                "channel": "email",
                "status": "granted",
                "legal_basis": "contract",
                "version": "v2",
            },
            {"purpose": "marketing", "channel": "sms", "status": "denied", "stated_at": before},
        ]
    )
    assert found == [
        ("marketing", "sms", "denied", "objection", None, AT - timedelta(days=2)),
        ("profiling", "email", "granted", "contract", "v2", AT),
    ]


def test_what_a_statement_leaves_out_is_marketing_on_all_channels_by_consent_at_the_time_of_the_event() -> None:
    assert stated([{"status": "granted"}]) == [("marketing", "*", "granted", "consent", None, AT)]


@pytest.mark.parametrize("name", ["identify", "customer_created", "customer_updated"])
def test_calls_that_describe_a_person_may_state_consents_too(name: str) -> None:
    assert stated([{"status": "denied"}], event_name=name) == [("marketing", "*", "denied", "objection", None, AT)]


def test_nobody_states_anything_after_he_was_heard() -> None:
    later = (AT + timedelta(days=1)).isoformat()
    assert stated([{"status": "granted", "stated_at": later}])[0][-1] == AT


def test_of_two_statements_in_one_event_the_stricter_holds() -> None:
    found = stated([{"status": "granted", "channel": "sms"}, {"status": "denied", "channel": "sms"}])
    assert [row[:3] for row in found] == [("marketing", "sms", "denied")]


@pytest.mark.parametrize(
    "consents", [None, "granted", 7, {}, {"status": "granted"}, [], [None], ["granted"], [7], [[]], [{}],
                 [{"status": "GRANTED"}], [{"status": ["granted"]}], [{"purpose": "marketing"}]],
    ids=json.dumps,
)  # fmt: skip
def test_what_is_no_statement_states_nothing_and_stops_nothing(consents: Any) -> None:
    assert stated(consents) == []


def test_a_time_that_cannot_be_read_is_that_of_the_event() -> None:
    assert stated([{"status": "granted", "stated_at": "soon"}])[0][-1] == AT


def test_other_events_do_not_state_what_their_properties_happen_to_list() -> None:
    assert stated([{"status": "granted"}], event_name="product_viewed") == []


def test_an_unsubscribe_says_by_its_name_what_its_list_does_not() -> None:
    found = stated([{"purpose": "surveys", "status": "denied"}], event_name="email_unsubscribed", channel="email")
    assert [row[:3] for row in found] == [("marketing", "email", "denied"), ("surveys", "*", "denied")]


REPEATED = json.dumps([{"purpose": "ads", "channel": "web", "status": "granted"}])
REVOKED = json.dumps([{"purpose": "ads", "channel": "web", "status": "denied"}])


def test_the_column_of_an_event_about_consent_states_consents_like_its_properties() -> None:
    con = memory_lake()
    listed = json.dumps({"consents": [{"purpose": "surveys", "status": "denied"}]})
    step(con, [event("e1", event_name="consent_stated", consents=REPEATED, properties=listed)])
    assert [row[:3] for row in cells(con, "consents", *COLUMNS)] == [
        ("ads", "web", "granted"),
        ("surveys", "*", "denied"),
    ]


def test_each_event_about_consent_is_a_statement() -> None:
    con = memory_lake()
    step(con, [event(f"e{n}", event_name="consent_stated", consents=REPEATED) for n in range(3)])
    assert cells(con, "consents", "interaction_id") == [("e0",), ("e1",), ("e2",)]


def test_of_what_events_repeat_on_a_day_the_last_stays_however_they_are_divided() -> None:
    con = memory_lake()
    hours = {"e1": 0, "e3": 2, "e2": 1}
    for commit_seq, (name, hour) in enumerate(hours.items(), start=1):
        said = REVOKED if name == "e2" else REPEATED
        at = AT + timedelta(hours=hour)
        step(con, [event(name, event_name="page", consents=said, occurred_at=at)], commit_seq=commit_seq)
    assert cells(con, "consents", "interaction_id", "status", "stated_at", "heard_at") == [
        ("e2", "denied", AT + timedelta(hours=1), AT + timedelta(hours=1)),
        ("e3", "granted", AT + timedelta(hours=2), AT + timedelta(hours=2)),
    ]
    assert rolled_up(con) == recomputed(con)


def test_the_next_day_it_is_stated_again() -> None:
    con = memory_lake()
    step(
        con, [event(f"e{n}", event_name="page", consents=REPEATED, occurred_at=AT + timedelta(days=n)) for n in (0, 1)]
    )
    assert len(cells(con, "consents", "consent_id")) == 2


def test_a_correction_that_moves_a_repetition_to_another_person_and_day_takes_it_along() -> None:
    con = memory_lake()
    step(con, [event("e1", event_name="page", consents=REPEATED), event("e2", event_name="page", consents=REPEATED)])
    moved = event("e2", event_name="page", consents=REPEATED, anchor="user_id:u2", occurred_at=AT + timedelta(days=3))
    step(con, [moved], ["e2"], commit_seq=2)
    assert cells(con, "consents", "anchor", "interaction_id") == [("user_id:u1", "e1"), ("user_id:u2", "e2")]
    assert rolled_up(con) == recomputed(con)


@pytest.mark.parametrize("at", ["-infinity", "infinity", "0001-01-01", "1969-12-31"])
def test_a_time_that_no_statement_can_have_is_that_of_the_event(at: str) -> None:
    assert stated([{"status": "granted", "stated_at": at}])[0][-1] == AT


def test_a_denial_of_all_purposes_beside_grants_comes_before_them() -> None:
    found = stated(
        [
            {"purpose": "*", "channel": "web", "status": "denied"},
            {"purpose": "ads", "channel": "web", "status": "granted"},
        ]
    )
    assert [(row[0], row[2], row[-1]) for row in found] == [
        ("*", "denied", AT - timedelta(microseconds=1)),
        ("ads", "granted", AT),
    ]
    assert stated([{"purpose": "*", "status": "denied"}])[0][-1] == AT


def test_each_word_of_a_status_is_kept_with_the_time_at_which_it_expires() -> None:
    words = ["granted", "implied", "denied", "withdrawn", "expired"]
    until = (AT + timedelta(days=30)).isoformat()
    said = [{"purpose": word, "status": word, "expires_at": until} for word in words]
    con = memory_lake()
    listed = json.dumps({"consents": said})
    step(con, [event("e1", event_name="consent_stated", properties=listed)])
    assert cells(con, "consents", "status", "expires_at", "is_explicit") == [
        (word, AT + timedelta(days=30), word != "implied") for word in sorted(words)
    ]


@pytest.mark.parametrize("until", ["soon", "infinity", ""])
def test_a_time_of_expiry_that_is_none_is_never(until: str) -> None:
    con = memory_lake()
    listed = json.dumps({"consents": [{"status": "granted", "expires_at": until}]})
    step(con, [event("e1", event_name="consent_stated", properties=listed)])
    assert cells(con, "consents", "expires_at") == [(None,)]


def test_what_events_repeat_and_what_says_so_of_itself_is_not_explicit() -> None:
    con = memory_lake()
    marked = json.dumps([{"purpose": "ads", "status": "granted", "is_explicit": "false"}])
    said = {"e1": ("page", REPEATED), "e2": ("consent_stated", REPEATED), "e3": ("identify", marked)}
    step(con, [event(name, event_name=what, consents=consents) for name, (what, consents) in said.items()])
    assert cells(con, "consents", "interaction_id", "is_explicit") == [("e1", False), ("e2", True), ("e3", False)]


def test_one_event_may_speak_of_consent_and_of_another_legal_basis_apart() -> None:
    found = stated([{"status": "denied"}, {"status": "granted", "legal_basis": "contract"}])
    assert [(row[2], row[3]) for row in found] == [("denied", "objection"), ("granted", "contract")]


def test_of_two_statements_in_one_event_an_end_beats_a_grant_and_a_withdrawal_an_end() -> None:
    for stricter, other in (("expired", "granted"), ("withdrawn", "expired"), ("implied", "granted")):
        assert stated([{"status": other}, {"status": stricter}])[0][2] == stricter


def test_a_withdrawal_of_everything_beside_grants_comes_before_them() -> None:
    found = stated([{"purpose": "*", "status": "withdrawn"}, {"purpose": "ads", "status": "granted"}])
    assert [(row[0], row[-1]) for row in found] == [("*", AT - timedelta(microseconds=1)), ("ads", AT)]
