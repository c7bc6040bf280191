import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipelines.collect.connectors import connectors
from pipelines.collect.mail import EMAIL_EVENTS
from tests.collect.golden import SAMPLES, expected
from tests.collect.landed import blanked
from tests.collect.mail_requests import AT, PROVIDERS, sample_payload, signed
from tests.collect.staged import Row, Staged, stage

NAMES = list(PROVIDERS)
Event = dict[str, Any]


def payloads(name: str) -> list[Any]:
    """All documented payloads of the sample that are JSON, without the collector's envelope."""
    found = []
    for line in (SAMPLES / name / "input.ndjson").read_text(encoding="utf-8").splitlines():
        try:
            payload = json.loads(line)
        except ValueError:
            continue
        found.append(payload["body"] if isinstance(payload, dict) and "rapport_request" in payload else payload)
    return found


def landed(name: str, payload: Any, late: int = 0) -> bytes:
    """The line that the collector lands for a request with this payload, some seconds late."""
    webhook = connectors()[name].webhook
    assert webhook is not None
    sent = replace(signed(name, payload), received_at=AT + timedelta(seconds=late))
    said = {"received_at": sent.received_at.isoformat(), "headers": {k: sent.headers[k] for k in webhook.headers}}
    return b'{"rapport_request":' + json.dumps(said).encode() + b',"body":' + webhook.record(sent) + b"}\n"


def told(staged: Staged) -> list[Row]:
    """What the interactions say, without places and what a request adds."""
    left_out = {"row_number", "element", "file_id", "received_at", "is_received_assigned"}
    return [{key: value for key, value in row.items() if key not in left_out} for row in staged.interactions]


def is_request(name: str, payload: Any) -> bool:
    """Whether a documented payload is one that the provider sends, and no part of one."""
    return isinstance(payload, list | dict) and (name != "unisender_go" or "events_by_user" in payload)


def by_id(rows: list[Row]) -> dict[str, Row]:
    return {row["event_id"]: row for row in rows}


@pytest.mark.parametrize("name", NAMES)
def test_a_landed_request_gives_the_interactions_of_the_payload_in_a_file(name: str) -> None:
    documented = [payload for payload in payloads(name) if is_request(name, payload)]
    plain = stage(name, "\n".join(map(json.dumps, documented)))
    requested = stage(name, b"".join(landed(name, payload) for payload in documented))
    with_time = {key: row for key, row in by_id(told(plain)).items() if row["time_basis"] != "received"}
    again = by_id(told(requested))
    assert len(with_time) > 3
    if name == "postal":  # a raw message is read by the collector alone
        raw = [key for key, row in with_time.items() if '"base64"' in row["properties"]]
        assert [again[key]["text"] for key in raw if with_time[key]["text"] is None] == [
            "Date: not this one\r\nIt's a body…\r\n"
        ]
        with_time = {key: row for key, row in with_time.items() if key not in raw}
    assert {key: again[key] for key in with_time} == with_time


@pytest.mark.parametrize("name", NAMES)
def test_a_request_that_comes_again_is_the_same_events(name: str) -> None:
    lines = [landed(name, payload, late) for payload in payloads(name)[:3] for late in (0, 90)]
    once = stage(name, b"".join(lines[::2]))
    twice = stage(name, b"".join(lines))
    assert len(once.interactions) > 1
    assert by_id(told(twice)) == by_id(told(once))
    assert twice.losers == []  # the copies say the same


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_shows_every_event_that_the_provider_has(name: str) -> None:
    shown = {row["event_name"] for row in expected(name, "interactions")}
    never = {
        "brevo": set(),
        "mailersend": {"email_failed", "email_subscribed"},
        "mailjet": {"email_sent", "email_failed", "email_subscribed"},
        "mandrill": {"email_failed", "email_subscribed"},
        "mailtrap": {"email_sent", "email_failed", "email_subscribed"},
        "postal": {"email_sent", "email_failed", "email_complained", "email_unsubscribed", "email_subscribed"},
        "resend": {"email_subscribed"},
        "sparkpost": set(),
        "unisender_go": {"email_deferred", "email_rejected", "email_failed", "email_replied"},
    }
    assert shown == {*EMAIL_EVENTS, f"{name}_unknown"} - never[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_shows_who_did_it_and_machines(name: str) -> None:
    rows = expected(name, "interactions")
    assert all(
        (row["direction"], row["initiator"]) == EMAIL_EVENTS.get(row["event_name"], ("outbound", "company"))
        for row in rows
    )
    assert {row["event_name"] for row in rows if row["is_machine"]} <= {
        "email_opened",
        "email_clicked",
        "email_replied",
    }
    assert any(row["is_machine"] for row in rows)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("mailersend", "postal")])
def test_ids_that_a_message_carries_fill_their_columns(name: str) -> None:
    first = expected(name, "interactions")[0]
    found = [first[column] for column in ("anchor", "campaign_id", "offer_id", "decision_id")]
    assert found == ["user_id:u-1", "spring", "of-1", "d-1"]


def one(name: str, *path: Any) -> Callable[..., Row | str]:
    """A function that gives what becomes of the first sample with some fields of the object at `path` changed."""

    def verdict(**changes: Any) -> Row | str:
        payload = sample_payload(name)
        inner = payload
        for step in path:
            inner = inner[step]
        inner.update(changes)
        for key in [key for key, value in changes.items() if value is ...]:
            del inner[key]
        return stage(name, json.dumps(payload)).verdict(1, 0)

    return verdict


PLACES: dict[str, tuple[Any, ...]] = {
    "brevo": (),
    "mailersend": ("data",),
    "mailjet": (0,),
    "mandrill": (0, "msg"),
    "mailtrap": ("events", 0),
    "postal": ("payload", "message"),
    "resend": ("data",),
    "sparkpost": (0, "msys", "message_event"),
    "unisender_go": ("events_by_user", 0, "events", 0, "event_data"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_field_that_nobody_knows_stays_in_properties(name: str) -> None:
    row = one(name, *PLACES[name])(**{"new field": [1, {"a": None}]})
    assert isinstance(row, dict)
    assert '"new field":[1,{"a":null}]' in row["properties"]


@pytest.mark.parametrize("name", NAMES)
def test_an_address_is_normalised(name: str) -> None:
    before = (SAMPLES / name / "input.ndjson").read_text(encoding="utf-8").splitlines()[0]
    after = before.replace("@example.com", "@EXAMPLE.com")
    assert after != before
    (first, *_), (second, *_) = stage(name, before).interactions, stage(name, after).interactions
    assert first["identifiers"] == second["identifiers"]


# A line of the sample that holds several records.
BATCHES = {"brevo": 3, "mailjet": 1, "mandrill": 1, "mailtrap": 1, "sparkpost": 1, "unisender_go": 1}


@pytest.mark.parametrize("name", list(BATCHES))
@pytest.mark.parametrize("is_landed", [False, True])
def test_a_record_of_a_request_can_be_blanked_and_the_others_keep_their_places(name: str, is_landed: bool) -> None:
    line = (SAMPLES / name / "input.ndjson").read_bytes().splitlines(keepends=True)[BATCHES[name] - 1]
    content = landed(name, json.loads(line)) if is_landed else line
    before = stage(name, content)
    after, report = blanked(content, [(1, 1)], [], connector=name)
    again = stage(name, after)
    assert (report.blanked, again.suppressed) == (1, {"f0": 1})
    assert again.interactions == [row for row in before.interactions if row["element"] != 1]
    assert len(before.interactions) == len(again.interactions) + 1
