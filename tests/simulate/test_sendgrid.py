from collections import Counter, defaultdict

import pytest

from tests.simulate.worlds import Record, Written

COMMON = {"email", "timestamp", "event", "category", "sg_event_id", "sg_message_id", "campaign_id", "user_id"}
OWN = {
    "processed": {"smtp-id"},
    "dropped": {"smtp-id", "reason", "status"},
    "deferred": {"smtp-id", "response", "attempt"},
    "delivered": {"smtp-id", "response", "tls"},
    "bounce": {"smtp-id", "reason", "status", "type", "tls"},
    "open": {"ip", "useragent", "sg_content_type", "sg_machine_open"},
    "click": {"ip", "useragent", "sg_content_type", "url", "url_offset"},
    "unsubscribe": {"smtp-id"},
    "spamreport": {"smtp-id"},
}


def by_message(written: Written) -> dict[str, list[Record]]:
    found = defaultdict(list)
    for event in {event["sg_event_id"]: event for event in written.events}.values():
        found[event["sg_message_id"]].append(event)
    return found


def test_each_event_has_the_fields_of_the_reference(written: Written) -> None:
    assert {event["event"] for event in written.events} == set(OWN)
    for event in written.events:
        assert set(event) - {"offer_id"} == COMMON | OWN[event["event"]]


def test_requests_hold_one_to_sixty_events(written: Written) -> None:
    assert all(1 <= len(request) < 60 for request in written.requests)


def test_times_are_unix_seconds_in_the_world(written: Written) -> None:
    start, end = written.world.start_ms // 1000, written.world.end_ms // 1000
    assert all(isinstance(event["timestamp"], int) for event in written.events)
    assert all(start <= event["timestamp"] < end for event in written.events)


def test_an_event_is_posted_twice_under_one_id_now_and_then(written: Written) -> None:
    counts = Counter(event["sg_event_id"] for event in written.events)
    assert max(counts.values()) == 2
    assert sum(count - 1 for count in counts.values()) == int(0.01 * len(counts))


@pytest.mark.parametrize("answer", ["open", "click", "unsubscribe", "spamreport"])
def test_only_a_delivered_mail_is_answered(answer: str, written: Written) -> None:
    answered = [events for events in by_message(written).values() if any(e["event"] == answer for e in events)]
    assert answered
    for events in answered:
        names = {event["event"] for event in events}
        assert {"processed", "delivered"} <= names
        assert not names & {"bounce", "dropped"}


def test_no_mail_goes_to_whoever_stopped_them(written: Written) -> None:
    stops = {row["user_id"]: row["mail_stopped_at"] for row in written.truth if row["mail_stopped_at"]}
    assert stops
    after = [e for e in written.events if e["user_id"] in stops and e["timestamp"] > stops[e["user_id"]].timestamp()]
    assert {event["event"] for event in after} <= {"dropped", "open", "click", "delivered"}
    assert any(event["event"] == "dropped" for event in after)


def test_machines_open_for_those_who_use_a_privacy_proxy_only(written: Written) -> None:
    proxied = {row["user_id"] for row in written.truth if row["uses_mail_privacy"]}
    machines = {event["user_id"] for event in written.events if event.get("sg_machine_open")}
    assert machines
    assert machines <= proxied


def test_an_offer_is_on_offer_mails_only(written: Written) -> None:
    for event in written.events:
        assert event["category"] == (["offer"] if "offer_id" in event else ["newsletter"])
