import json
from typing import Any

import pytest

from tests.collect.staged import Row, Staged, stage

Event = dict[str, Any]


def event(wire: Any = "open", **fields: Any) -> Event:
    """An event that is right; a field given as ... is left out."""
    whole = {"email": "a@example.com", "timestamp": 1_513_299_569, "event": wire, "sg_event_id": "e1", **fields}
    return {name: value for name, value in whole.items() if value is not ...}


def request(*events: Any) -> Staged:
    """The events as one request, each with an id of its own unless it has another."""
    for place, sent in enumerate(events):
        if isinstance(sent, dict) and sent.get("sg_event_id") == "e1":
            sent["sg_event_id"] = f"e{place}"
    return stage("sendgrid", json.dumps(events))


def judged(*events: Any) -> list[Row | str]:
    staged = request(*events)
    return [staged.verdict(1, place) for place in range(len(events))]


def values(column: str, *events: Any) -> list[Any]:
    return [verdict if isinstance(verdict, str) else verdict[column] for verdict in judged(*events)]


EVENTS = {
    "processed": ("email_sent", "outbound", "company"),
    "delivered": ("email_delivered", "outbound", "company"),
    "deferred": ("email_deferred", "outbound", "company"),
    "bounce": ("email_bounced", "outbound", "company"),
    "blocked": ("email_bounced", "outbound", "company"),
    "dropped": ("email_rejected", "outbound", "company"),
    "open": ("email_opened", "inbound", "customer"),
    "click": ("email_clicked", "inbound", "customer"),
    "spamreport": ("email_complained", "inbound", "customer"),
    "unsubscribe": ("email_unsubscribed", "inbound", "customer"),
    "group_unsubscribe": ("email_unsubscribed", "inbound", "customer"),
    "group_resubscribe": ("email_subscribed", "inbound", "customer"),
    "account_status_change": ("sendgrid_unknown", "outbound", "company"),
}


def test_every_event_of_the_webhook_has_a_canonical_name() -> None:
    staged = request(*map(event, EVENTS))
    assert dict(zip(EVENTS, staged.rows("event_name", "direction", "initiator"), strict=True)) == EVENTS
    assert {channel for (channel,) in staged.rows("channel")} == {"email"}


def test_the_wire_name_stays_in_properties() -> None:
    found = values("properties", event("group_unsubscribe"), event("new_thing"))
    assert [json.loads(text)["event"] for text in found] == ["group_unsubscribe", "new_thing"]


def test_fields_of_an_event_fill_their_columns() -> None:
    sent = event(
        sg_message_id="14c5d75ce93.filter0001",
        user_id="u1",
        campaign_id="c1",
        offer_id="o1",
        decision_id="d1",
        category=["cat", "facts"],
        url="https://example.com/?a=b",
        extra=None,
    )
    (row,) = request(sent).interactions
    assert row["occurred_at"].isoformat() == "2017-12-15T00:59:29+00:00"
    assert (row["contact_id"], row["campaign_id"]) == ("14c5d75ce93.filter0001", "c1")
    assert (row["offer_id"], row["decision_id"]) == ("o1", "d1")
    assert {(i["kind"], i["value"]) for i in row["identifiers"]} == {("email", "a@example.com"), ("user_id", "u1")}
    assert row["anchor"] == "user_id:u1"
    assert json.loads(row["properties"]) == {
        "event": "open",
        "category": ["cat", "facts"],
        "url": "https://example.com/?a=b",
        "extra": None,
    }


def test_an_address_is_normalised() -> None:
    assert values("anchor", event(email=" A@Example.COM ")) == ["email:a@example.com"]


def test_opens_by_machines_are_marked() -> None:
    sent = [event(sg_machine_open=value) for value in (True, "true", 1, False, "false", None, ...)]
    assert values("is_machine", *sent) == [True, True, True, False, False, False, False]


@pytest.mark.parametrize("missing", [..., None, ""])
def test_an_event_without_an_id_gets_one_from_what_it_says(missing: Any) -> None:
    def of(**fields: Any) -> Event:
        return event(sg_event_id=missing, **fields)

    first = values(
        "event_id", of(sg_message_id="m"), of(), of(sg_message_id="m", timestamp=1), of(email="b@example.com")
    )
    assert len(set(first)) == 4
    assert values("event_id", of(sg_message_id="m")) == first[:1]
    assert values("event_id", of(sg_message_id="m", ip="other")) == first[:1]
    assert judged(of(timestamp=...), of(event=...)) == ["missing_time", "missing_event_name"]


def test_an_event_for_a_user_without_address_is_kept() -> None:
    assert values("anchor", event(email=..., user_id="u1", sg_event_id=...)) == ["user_id:u1"]


TIMES = {
    1_513_299_569: "2017-12-15T00:59:29+00:00",
    "1513299569": "2017-12-15T00:59:29+00:00",
    1_513_299_569.25: "2017-12-15T00:59:29.250000+00:00",
    0: "1970-01-01T00:00:00+00:00",
    -1: "occurred_at_out_of_range",
    1_513_299_569_000: "occurred_at_out_of_range",
    10**13: "wrong_type_occurred_at",
    10**18: "wrong_type_occurred_at",
    1e300: "wrong_type_occurred_at",
    "2017-12-15T00:59:29Z": "wrong_type_occurred_at",
    True: "wrong_type_occurred_at",
    "": "missing_time",
    None: "missing_time",
}


def test_times_are_seconds_since_1970() -> None:
    found = values("occurred_at", *(event(timestamp=time) for time in TIMES))
    assert [f if isinstance(f, str) else f.isoformat() for f in found] == list(TIMES.values())


WRONG: list[tuple[Any, str]] = [
    (event(...), "missing_event_name"),
    (event(None), "missing_event_name"),
    (event(""), "missing_event_name"),
    (event(email=...), "missing_identifier"),
    (event(email="null"), "missing_identifier"),
    (event(email="test@example.com"), "missing_identifier"),
    (event(timestamp=...), "missing_time"),
    (event(sg_event_id="x" * 1_001), "event_id_too_long"),
    (event(sg_event_id="undefined"), "event_id_placeholder"),
    ({}, "missing_event_name"),
    (5, "not_an_object"),
    ("text", "not_an_object"),
    ([event()], "not_an_object"),
]


def test_wrong_events_are_refused_and_their_neighbours_stay() -> None:
    found = judged(*(sent for wrong, _ in WRONG for sent in (wrong, event())))
    assert found[::2] == [code for _, code in WRONG]
    assert all(isinstance(verdict, dict) for verdict in found[1::2])


@pytest.mark.parametrize("name", ["email", "event", "sg_event_id", "user_id", "campaign_id"])
def test_an_object_where_a_text_belongs_is_refused(name: str) -> None:
    (verdict,) = judged(event() | {name: {"a": 1}})
    assert isinstance(verdict, str)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_request_may_be_printed_over_several_lines(indent: int | None) -> None:
    events = [event(sg_event_id="a"), event("click", sg_event_id="b")]
    staged = stage("sendgrid", json.dumps(events, indent=indent))
    assert staged.rows("row_number", "element", "event_id") == [(1, 0, "a"), (1, 1, "b")]


def test_requests_follow_each_other_line_by_line() -> None:
    texts = [json.dumps([event(sg_event_id=name) for name in names]) for names in ("ab", "", "c")]
    staged = stage("sendgrid", "\n".join([*texts, json.dumps(event(sg_event_id="d")), "", "[broken"]))
    assert staged.rows("row_number", "element", "event_id") == [(1, 0, "a"), (1, 1, "b"), (3, 0, "c"), (4, 0, "d")]
    assert staged.codes() == [(6, "bad_json")]


def test_a_user_agent_of_a_scanner_is_a_machine() -> None:
    agents = [
        ("open", "Barracuda"),
        ("click", "Mozilla/5.0"),
        ("unsubscribe", "Java/11"),
        ("click", "Mozilla/5.0 (X11)"),
    ]
    sent = [event(wire, useragent=agent) for wire, agent in agents]
    assert values("is_machine", *sent) == [True, True, False, False]


def test_ids_may_stand_among_the_unique_arguments_or_be_those_of_a_campaign() -> None:
    arguments = {"user_id": "u1", "campaign_id": "c1", "offer_id": "o1", "decision_id": "d1"}
    (row,) = request(event(unique_args=arguments, marketing_campaign_id=7)).interactions
    assert (row["anchor"], row["campaign_id"], row["offer_id"], row["decision_id"]) == ("user_id:u1", "c1", "o1", "d1")
    assert json.loads(row["properties"])["marketing_campaign_id"] == 7
    assert values("campaign_id", event(marketing_campaign_id=7), event(singlesend_id="s")) == ["7", "s"]


def test_mail_without_a_date_counts_from_when_it_came() -> None:
    mail = {"headers": "", "from": "A <a@example.com>", "text": "Hello"}
    line = {"rapport_request": {"received_at": "2024-05-31T12:00:00Z", "headers": {}}, "body": mail}
    (row,) = stage("sendgrid", json.dumps(line)).interactions
    assert (row["event_name"], row["text"], row["time_basis"]) == ("email_replied", "Hello", "received")
    assert (row["anchor"], row["occurred_at"]) == ("email:a@example.com", row["received_at"])
    assert stage("sendgrid", json.dumps(mail)).codes() == [(1, "missing_time")]
