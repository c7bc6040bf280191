import gzip
import json
import socket
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.collect.server import bodies
from pipelines.collect.server.bodies import Budget, unpacked
from pipelines.collect.server.metrics import Metrics
from pipelines.collect.webhook import RefusedError
from tests.collect.server.running import KEY, Running, basic, running

CALL = json.dumps({"messageId": "m"}).encode()


def ask(collector: Running, body: bytes, encoding: str) -> int:
    return collector.ask("POST", "/v1/track", body, Authorization=basic(KEY, ""), Content_Encoding=encoding).status


def test_bodies_are_unpacked(collector: Running) -> None:
    for body, encoding in [
        (gzip.compress(CALL), "gzip"),
        (gzip.compress(CALL), "X-GZIP"),
        (zlib.compress(CALL), "deflate"),
        (CALL, "identity"),
        (gzip.compress(b'{"messageId":"m"' + b" " * 400_000 + b"}"), "gzip"),
    ]:
        assert ask(collector, body, encoding) == (200 if len(body) < 300 else 400)


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (CALL, "gzip", 400),
        (gzip.compress(CALL)[:-1], "gzip", 400),
        (gzip.compress(CALL) + b"x", "gzip", 400),
        (CALL, "br", 415),
        (gzip.compress(b" " * 50_000_000), "gzip", 400),
    ],
    ids=["plain", "cut", "longer", "brotli", "bomb"],
)
def test_what_cannot_be_unpacked_is_refused(collector: Running, body: bytes, encoding: str, status: int) -> None:
    assert ask(collector, body, encoding) == status


@settings(max_examples=40, deadline=None)
@given(body=st.binary(max_size=300), limit=st.integers(0, 300))
def test_a_body_is_unpacked_up_to_the_limit_and_not_further(body: bytes, limit: int) -> None:
    packed = gzip.compress(body)
    if len(body) <= limit:
        assert unpacked(packed, 31, limit) == body
    else:
        with pytest.raises(RefusedError) as refused:
            unpacked(packed, 31, limit)
        assert refused.value.status == 413


def test_requests_share_a_budget_and_give_it_back() -> None:
    budget = Budget(20_000, Metrics().held_bytes)
    with budget.share() as share:
        share.take(10_000)
        with pytest.raises(RefusedError) as refused, budget.share() as other:
            other.take(4_000)
        assert refused.value.status == 429
        share.give_back(5_000)
        with budget.share() as third:
            third.take(4_000)
    budget.change(20_000)


def test_a_collector_that_holds_too_much_answers_429_until_it_has_answered_others(tmp_path: Path) -> None:
    with running(tmp_path, queue_mb=1) as collector, socket.create_connection(("127.0.0.1", collector.port)) as slow:
        head = (
            f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(KEY, '')}\r\nContent-Length: 500000\r\n\r\n"
        )
        slow.sendall(head.encode() + b" " * 480_000)
        fast = [collector.post("/v1/track", {}).status for _ in range(3)]
        assert fast == [200] * 3
        with socket.create_connection(("127.0.0.1", collector.port)) as second:
            second.sendall(head.encode() + b" " * 480_000)
            held = b""
            for _ in range(200):
                held = collector.ask("GET", "/metrics").body
                if b"held_bytes 9" in held:
                    break
            assert b"held_bytes 9" in held
            packed = gzip.compress(b'{"a":"' + b"x" * 30_000 + b'"}')
            answer = collector.ask("POST", "/v1/track", b" " * 90_000, Authorization=basic(KEY, ""))
            assert (answer.status, answer.headers["retry-after"]) == (429, "5")
            assert ask(collector, packed, "gzip") in (200, 429)


def test_a_body_that_does_not_come_is_not_waited_for(collector: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_READ_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", collector.port), timeout=20) as slow:
        head = f"POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(KEY, '')}\r\nContent-Length: 5\r\n\r\n{{"
        slow.sendall(head.encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_a_request_that_breaks_off_is_not_landed(collector: Running) -> None:
    with socket.create_connection(("127.0.0.1", collector.port)) as broken:
        head = f"POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(KEY, '')}\r\nContent-Length: 5\r\n\r\n{{}}"
        before = refused(collector)
        broken.sendall(head.encode())
    while refused(collector) == before:
        time.sleep(0.01)
    assert collector.landed() == []


def refused(collector: Running) -> float | None:
    registry = collector.collector.metrics.registry
    labels = {"endpoint": "tracking", "status": "400"}
    return registry.get_sample_value("rapport_collector_requests_total", labels)
