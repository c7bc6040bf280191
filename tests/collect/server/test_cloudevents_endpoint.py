import base64
import json
from typing import Any

import pytest

from tests.collect.server.running import KEY, Running

STRUCTURED, BATCHED = "application/cloudevents+json", "application/cloudevents-batch+json"
EVENT = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "com.example.order", "data": {"total": 5}}
BINARY = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/shop", "ce_type": "com.example.order"}


def bodies(collector: Running) -> list[Any]:
    return [line["body"] for _, line in collector.landed()]


def send(collector: Running, body: bytes | str, path: str = "/cloudevents", **headers: str) -> int:
    return collector.ask("POST", path, body, **{"Authorization": f"Bearer {KEY}", **headers}).status


def test_a_structured_event_and_a_batch_are_landed_as_they_are(collector: Running) -> None:
    assert send(collector, json.dumps(EVENT), Content_Type=f"{STRUCTURED}; charset=utf-8") == 200
    assert send(collector, json.dumps([EVENT, EVENT], indent=1), Content_Type=BATCHED) == 200
    assert send(collector, "[]", Content_Type=BATCHED) == 200
    assert bodies(collector) == [EVENT, [EVENT, EVENT]]


@pytest.mark.parametrize(
    ("media_type", "body", "expected"),
    [
        ("application/json", b'{"total": 1.10}', {"datacontenttype": "application/json", "data": {"total": 1.10}}),
        ("application/x+json", b"5", {"datacontenttype": "application/x+json", "data": 5}),
        ("text/plain", "blé".encode(), {"datacontenttype": "text/plain", "data": "blé"}),
        ("text/plain", b"\xff", {"datacontenttype": "text/plain", "data_base64": "/w=="}),
        ("image/png", b"\x89", {"datacontenttype": "image/png", "data_base64": base64.b64encode(b"\x89").decode()}),
        ("text/xml", b"", {"datacontenttype": "text/xml"}),
    ],
    ids=str,
)
def test_an_event_in_binary_mode_becomes_the_structured_one_that_says_the_same(
    collector: Running, media_type: str, body: bytes, expected: dict[str, object]
) -> None:
    headers = {**BINARY, "ce_subject": '"Euro%20%E2%82%AC"', "Content_Type": media_type}
    assert send(collector, body, **headers) == 200
    attributes = {name: EVENT[name] for name in ("specversion", "id", "source", "type")}
    assert bodies(collector) == [{**attributes, "subject": "Euro €", **expected}]


def test_a_key_may_stand_in_the_query(collector: Running) -> None:
    path = f"/cloudevents?access_token={KEY}"
    assert send(collector, json.dumps(EVENT), path, Content_Type=STRUCTURED, Authorization="") == 200
    assert send(collector, json.dumps(EVENT), Content_Type=STRUCTURED, Authorization="Bearer no") == 401


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content_Type": STRUCTURED}, 400),
        (b"[]", {"Content_Type": STRUCTURED}, 400),
        (b"{}", {"Content_Type": BATCHED}, 400),
        (b"[1]", {"Content_Type": BATCHED}, 400),
        (b"{", {"Content_Type": STRUCTURED}, 400),
        (b"{}", {"Content_Type": "application/json"}, 415),
        (b"{", {**BINARY, "Content_Type": "application/json"}, 400),
        (b"{}", {**BINARY, "ce_id": "", "Content_Type": "application/json"}, 400),
    ],
    ids=str,
)
def test_what_is_no_event_is_refused(collector: Running, body: bytes, headers: dict[str, str], status: int) -> None:
    assert send(collector, body, **headers) == status
    assert bodies(collector) == []


def test_the_handshake_of_a_webhook_is_granted(collector: Running) -> None:
    asked = {"WebHook_Request_Origin": "bus.example.com", "WebHook_Request_Rate": "120"}
    answer = collector.ask("OPTIONS", "/cloudevents", **asked)
    assert answer.status == 200
    assert answer.headers["webhook-allowed-origin"] == "bus.example.com"
    assert answer.headers["webhook-allowed-rate"] == "120"
    assert answer.headers["allow"] == "POST"
    assert collector.ask("OPTIONS", "/cloudevents").status == 400
