"""What the service connectors make of calls, messages, tickets and conversations."""

import json
from itertools import permutations
from typing import Any

import pytest

from schemas.vocabulary import (
    COMPANY_TURNS,
    CONSENT_EVENTS,
    DELIVERED_SIGNS,
    FAILED_SIGNS,
    OPENED_SIGNS,
    RESPONDED_SIGNS,
    SENT_SIGNS,
    SERVICE_EVENTS,
    contact_events,
)
from tests.collect.golden import expected
from tests.collect.staged import Row, Staged, stage

NAMES = ("twilio_sms", "twilio_voice", "amazon_connect", "intercom", "zendesk", "chat_transcript")
AT = "2024-05-01T10:00:00Z"
CONTACT_EVENTS = set(contact_events(SENT_SIGNS + DELIVERED_SIGNS + FAILED_SIGNS + OPENED_SIGNS + RESPONDED_SIGNS))


def staged(name: str, *payloads: Any) -> Staged:
    return stage(name, "".join(json.dumps(payload) + "\n" for payload in payloads))


def one(name: str, payload: Any) -> Row:
    (row,) = staged(name, payload).interactions
    return row


def requested(body: Any) -> dict[str, Any]:
    return {"rapport_request": {"received_at": AT, "headers": {}}, "body": body}


def identified(row: Row) -> set[str]:
    return {f"{i['kind']}:{i['value']}" for i in row["identifiers"]}


def test_turns_of_service_are_no_contacts_of_the_company() -> None:
    assert not CONTACT_EVENTS & {*COMPANY_TURNS, *SERVICE_EVENTS}
    assert not set(COMPANY_TURNS) & set(SERVICE_EVENTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_contact_that_waits_for_an_answer_is_one_that_the_company_began(name: str) -> None:
    for row in expected(name, "interactions"):
        if row["event_name"] in CONTACT_EVENTS and row["direction"] == "inbound" and row.get("contact_id"):
            assert row["event_name"].endswith(("_replied", "_opened", "_clicked"))


@pytest.mark.parametrize("name", NAMES)
def test_a_thing_of_an_unknown_kind_is_kept_with_its_payload(name: str) -> None:
    unknown = [row for row in expected(name, "interactions") if row["event_name"] == f"{name}_unknown"]
    assert unknown
    assert all(json.loads(row["properties"]) for row in unknown)


SMS = {"MessageSid": "SM1", "From": "+15005550006", "To": "+15005550010"}


def sms(**fields: Any) -> Row:
    return one("twilio_sms", requested(SMS | fields))


@pytest.mark.parametrize(
    ("status", "sign"),
    [
        ("accepted", "processed"),
        ("scheduled", "processed"),
        ("queued", "processed"),
        ("sending", "processed"),
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("partially_delivered", "delivered"),
        ("undelivered", "failed"),
        ("failed", "failed"),
        ("canceled", "dropped"),
        ("read", "opened"),
    ],
)
def test_each_status_of_a_message_is_a_sign_of_its_channel(status: str, sign: str) -> None:
    assert sms(MessageStatus=status)["event_name"] == f"sms_{sign}"
    row = sms(MessageStatus=status.upper(), To="whatsapp:+15005550010")
    assert (row["channel"], row["event_name"], row["anchor"]) == ("whatsapp", f"whatsapp_{sign}", "phone:+15005550010")


@pytest.mark.parametrize(
    ("body", "kind", "name"),
    [
        ("stop", None, "sms_unsubscribed"),
        (" Stop all! ", None, "sms_unsubscribed"),
        ("START", None, "sms_subscribed"),
        ("please do not stop", None, "sms_replied"),
        ("yes", None, "sms_replied"),
        ("STOP", "HELP", "sms_replied"),
        ("no more", "STOP", "sms_unsubscribed"),
        ("more", "START", "sms_subscribed"),
    ],
)
def test_what_the_person_writes_states_consent(body: str, kind: str | None, name: str) -> None:
    fields = {"SmsStatus": "received", "Body": body} | ({"OptOutType": kind} if kind else {})
    row = sms(**fields, From="+15005550010", To="+15005550006")
    assert (row["event_name"], row["text"]) == (name, body)
    assert row["contact_id"] is None
    assert name.removeprefix("sms_") in {*CONSENT_EVENTS, "replied"}


def test_an_inbound_message_has_one_id_in_requests_and_exports() -> None:
    sent = requested(SMS | {"SmsStatus": "received", "Body": "hi"})
    exported = {
        "sid": "SM1",
        "status": "received",
        "direction": "inbound",
        "from": "+15005550006",
        "to": "+1",
        "body": "hi",
    }
    found = staged("twilio_sms", sent, exported | {"date_sent": "Wed, 01 May 2024 10:00:00 +0000"})
    assert found.rows("event_id", "text") == [("SM1", "hi")]
    assert found.counts == {"f0": (2, 2)}


@pytest.mark.parametrize("sender", ["anonymous", "+266696687", "client:agent-7", "sip:a@example.com", ""])
def test_a_caller_who_shows_no_number_is_kept_without_one(sender: str) -> None:
    call = {"CallSid": "CA1", "CallStatus": "completed", "Direction": "inbound", "From": sender, "To": "+15005550006"}
    assert one("twilio_voice", requested(call))["identifiers"] == []


def test_a_trunk_s_calls_have_their_direction() -> None:
    call = {"sid": "CA1", "status": "completed", "from": "+15005550001", "to": "+15005550002", "end_time": AT}
    rows = [one("twilio_voice", call | {"direction": way}) for way in ("trunking-originating", "trunking-terminating")]
    assert [(row["direction"], row["anchor"]) for row in rows] == [
        ("inbound", "phone:+15005550001"),
        ("outbound", "phone:+15005550002"),
    ]


def connect_copy(version: str, **fields: Any) -> dict[str, Any]:
    return {
        "ContactId": "c-1",
        "Channel": "VOICE",
        "InitiationMethod": "INBOUND",
        "InitiationTimestamp": AT,
        "LastUpdateTimestamp": version,
        **fields,
    }


def test_the_newest_copy_of_a_contact_wins_in_any_order() -> None:
    # As texts, the last would come before the first.
    copies = [connect_copy(f"2024-05-01T10:06:{seconds}Z", n=n) for n, seconds in enumerate(("00", "00.5", "00.75"))]
    for order in permutations(copies):
        found = staged("amazon_connect", *order)
        assert [json.loads(row["properties"])["n"] for row in found.interactions] == [2]
        assert found.counts == {"f0": (3, 3)}


@pytest.mark.parametrize(
    ("method", "channel", "direction", "initiator"),
    [
        ("INBOUND", "VOICE", "inbound", "customer"),
        ("OUTBOUND", "VOICE", "outbound", "company"),
        ("EXTERNAL_OUTBOUND", "VOICE", "outbound", "company"),
        ("TRANSFER", "VOICE", "inbound", "customer"),
        ("QUEUE_TRANSFER", "CHAT", "inbound", "customer"),
        ("CALLBACK", "VOICE", "outbound", "customer"),
        ("API", "VOICE", "outbound", "company"),
        ("API", "CHAT", "inbound", "customer"),
        ("API", "TASK", "outbound", "company"),
        ("AGENT_REPLY", "EMAIL", "outbound", "company"),
        ("DISCONNECT", "VOICE", "inbound", "customer"),
        ("MONITOR", "VOICE", "outbound", "company"),
    ],
)
def test_how_a_contact_began_gives_its_direction(method: str, channel: str, direction: str, initiator: str) -> None:
    row = one("amazon_connect", connect_copy(AT, InitiationMethod=method, Channel=channel))
    assert (row["direction"], row["initiator"]) == (direction, initiator)


def test_attributes_of_a_contact_name_the_person_and_what_it_is_about() -> None:
    said = {"user_id": "u", "loyalty_id": "l", "email": "A@example.com", "offer_id": "o", "decision_id": "d", "x": "y"}
    row = one("amazon_connect", connect_copy(AT, Attributes=said))
    assert identified(row) == {"user_id:u", "loyalty_id:l", "email:a@example.com"}
    assert (row["offer_id"], row["decision_id"]) == ("o", "d")
    assert json.loads(row["properties"])["Attributes"] == said


def test_a_ticket_and_its_comments_are_the_same_in_webhooks_and_exports() -> None:
    comment = {"author": {"id": "1", "is_staff": False}, "body": "hi", "id": "77", "is_public": True}
    pushed = {
        "detail": {"id": "5", "requester_id": "1"},
        "event": {"comment": comment},
        "id": "e1",
        "time": AT,
        "type": "zen:event-type:ticket.comment_added",
    }
    listed = {"id": 77, "author_id": 1, "body": "hi", "public": True, "created_at": AT}
    ticket = {"id": 5, "requester_id": 1, "created_at": AT, "comments": [{**listed, "id": 76}, listed]}
    found = staged("zendesk", pushed, ticket)
    assert sorted(found.rows("event_id")) == [("comment:77",), ("ticket:5",)]
    assert found.counts == {"f0": (3, 3)}


def test_a_later_state_of_a_ticket_wins() -> None:
    ticket = {"id": 5, "requester_id": 1, "created_at": AT, "description": "x"}
    states = [
        ticket | {"status": "open", "updated_at": "2024-05-02T09:00:00Z"},
        ticket | {"status": "solved", "updated_at": "2024-05-02T10:00:00Z"},
    ]
    for order in permutations(states):
        (row,) = staged("zendesk", *order).interactions
        assert json.loads(row["properties"])["status"] == "solved"


def test_staff_of_a_help_desk_are_no_customers() -> None:
    user = {"id": 9, "email": "agent@example.com", "role": "admin", "created_at": AT}
    row = one("zendesk", user)
    assert (row["event_name"], row["initiator"], row["identifiers"]) == ("staff_updated", "company", [])
    row = one("zendesk", user | {"role": "end-user"})
    assert (row["event_name"], row["anchor"]) == ("identify", "email:agent@example.com")


def test_internal_notes_are_no_text_of_the_conversation() -> None:
    notes = [row for name in ("zendesk", "intercom") for row in expected(name, "interactions")]
    notes = [row for row in notes if row["event_name"].endswith("_note_added")]
    assert len(notes) >= 3
    assert not any(row.get("text") for row in notes)
    assert all("check the stock" in row["properties"] or "costs 5" in row["properties"] for row in notes)


def test_turns_without_a_time_stay_in_their_order() -> None:
    turns = [{"speaker": "customer", "text": str(n)} for n in range(12)]
    found = staged("chat_transcript", {"id": "a", "started_at": AT, "turns": turns})
    assert [row["text"] for row in sorted(found.interactions, key=lambda row: row["occurred_at"])] == [
        str(n) for n in range(12)
    ]


def test_a_conversation_that_grew_is_loaded_on_from_where_it_was() -> None:
    turns = [{"speaker": "customer", "text": str(n)} for n in range(3)]
    talks = [{"id": "a", "started_at": AT, "turns": turns[:2]}, {"id": "a", "started_at": AT, "turns": turns}]
    found = staged("chat_transcript", *talks)
    assert sorted(found.rows("event_id")) == [("a-1",), ("a-2",), ("a-3",)]
    assert found.losers == []
