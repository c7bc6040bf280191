import json
from typing import Any

import pytest

from tests.collect.server.running import KEY, Running, basic

CALL = {"event": "Order Completed", "userId": "u1", "messageId": "m1"}


def taken(collector: Running, *, source: str = "shop") -> list[dict[str, Any]]:
    """What was landed until now, without the server's time, which each line must have."""
    found = collector.landed()
    assert all(line.pop("receivedAt").endswith("Z") for _, line in found)
    assert {name for name, _ in found} <= {source}
    return [line for _, line in found]


@pytest.mark.parametrize("call", ["identify", "track", "page", "screen", "group", "alias"])
def test_a_call_is_landed_with_its_type_and_the_received_time(collector: Running, call: str) -> None:
    answer = collector.post(f"/v1/{call}", CALL)
    assert (answer.status, answer.object) == (200, {"success": True})
    assert taken(collector) == [{"type": call, **CALL}]


def test_a_batch_is_landed_as_it_came(collector: Running) -> None:
    batch = {"batch": [{"type": "track", **CALL}, {"type": "page"}], "sentAt": "2024-03-01T10:00:00Z", "context": {}}
    assert collector.post("/v1/batch", batch, is_packed=True).status == 200
    assert collector.post("/v1/import", batch).status == 200
    assert taken(collector) == [batch, batch]


def test_numbers_and_white_space_are_left_as_they_are(collector: Running) -> None:
    text = '\r\n{ "type" : "track",\n "properties": {"exact": 1.10, "big": 12345678901234567890123} }\n'
    answer = collector.ask("POST", "/v1/track", text, Authorization=basic(KEY, ""))
    assert answer.status == 200
    collector.landed()
    (segment,) = collector.home.collected.rglob("*.jsonl")
    line = segment.read_text(encoding="utf-8")
    assert line.endswith('"type" : "track",  "properties": {"exact": 1.10, "big": 12345678901234567890123} }\n')
    assert line.count("\n") == 1


def test_what_only_the_server_knows_is_the_servers(collector: Running) -> None:
    said = {"receivedAt": "1999-01-01T00:00:00Z", "writeKey": KEY}
    batch = {"batch": [{**CALL, **said}], "type": "batch", **said}
    assert collector.post("/v1/batch", batch, key="").status == 200
    assert collector.post("/v1/track", {**CALL, **said, "type": "page"}, key="").status == 200
    assert collector.post("/v1/t", {"type": "track", **said}, key="").status == 200
    assert taken(collector) == [{"batch": [CALL]}, {**CALL, "type": "track"}, {"type": "track"}]


def test_an_empty_call_and_an_empty_batch_are_no_faults(collector: Running) -> None:
    assert collector.post("/v1/page", {}).status == 200
    assert collector.post("/v1/batch", {"batch": []}).status == 200
    assert taken(collector) == [{"type": "page"}]


def test_a_source_is_known_by_its_key(collector: Running) -> None:
    assert collector.post("/v1/track", CALL, key="key-2").status == 200
    assert taken(collector, source="other") == [{"type": "track", **CALL}]


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Basic /w==", "Digest x", basic("key-3", ""), "Bearer no"])
def test_an_unknown_key_is_refused(collector: Running, header: str) -> None:
    answer = collector.ask("POST", "/v1/track", json.dumps(CALL), Authorization=header)
    assert answer.status == 401
    assert answer.object["code"] == "unauthorized"
    assert "www-authenticate" in answer.headers
    assert taken(collector) == []


def test_a_key_that_is_no_text_is_refused(collector: Running) -> None:
    assert collector.post("/v1/track", {"writeKey": 5}, key="").status == 401
    assert collector.post("/v1/track", {"writeKey": "\x00é"}, key="").status == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/track", b""),
        ("/v1/track", b"[]"),
        ("/v1/track", b"{"),
        ("/v1/track", b'"text"'),
        ("/v1/track", b'{"a":"\xff"}'),
        ("/v1/track", b'{"a":"\\ud800"}'),
        ("/v1/track", b'{"a":NaN}'),
        ("/v1/batch", b"{}"),
        ("/v1/batch", b'{"batch":{}}'),
        ("/v1/batch", b'{"batch":[1]}'),
        ("/v1/track", b"[" * 100_000),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_call_is_refused(collector: Running, path: str, body: bytes) -> None:
    assert collector.ask("POST", path, body, Authorization=basic(KEY, "")).status == 400
    assert taken(collector) == []


def test_the_limits_are_those_of_segment(collector: Running) -> None:
    large, larger = {"messageId": "x" * 32_700}, {"messageId": "x" * 32_800}
    assert collector.post("/v1/track", large).status == 200
    assert collector.post("/v1/track", larger).status == 400
    assert collector.post("/v1/batch", {"batch": [large, large]}).status == 200
    assert collector.post("/v1/batch", {"batch": [large, larger]}).status == 400
    assert collector.post("/v1/batch", {"batch": [large] * 16}).status == 400
    assert collector.post("/v1/batch", {"batch": [large] * 16}, is_packed=True).status == 400
    assert len(taken(collector)) == 2


def test_an_unknown_call_is_not_found(collector: Running) -> None:
    assert collector.post("/v1/purchase", CALL).status == 404


def test_a_page_of_another_origin_may_send(collector: Running) -> None:
    asked = {"Origin": "https://shop.example.com", "Access_Control_Request_Headers": "x-custom"}
    preflight = collector.ask("OPTIONS", "/v1/track", **asked)
    assert preflight.status == 200
    assert preflight.headers["access-control-allow-origin"] == "https://shop.example.com"
    assert preflight.headers["access-control-allow-headers"] == "x-custom"
    answer = collector.post("/v1/track", CALL, Origin="https://shop.example.com")
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert collector.post("/v1/track", CALL).headers["access-control-allow-origin"] == "*"
