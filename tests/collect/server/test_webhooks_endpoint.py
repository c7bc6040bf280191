import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.collect.server import webhooks
from pipelines.collect.server.sources import Source, Sources
from pipelines.collect.signatures import basic as check_basic
from pipelines.collect.signatures import hmac_in, hmac_of
from pipelines.collect.webhook import Answer, RefusedError, Request, Secrets, Webhook, form_fields
from tests.collect.server.running import Running, basic, landed, running

PRIVATE = "private"
SIGNED = Webhook(("secret",), hmac_in("x-signature", signed=lambda request: request.url.encode() + request.body))
SOURCES = Sources((Source("fake", "fake", {"secret": PRIVATE}), Source("second", "fake", {"secret": "another"})))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[[Webhook], None]:
    """Give the connector `fake` this webhook."""

    def serve(webhook: Webhook) -> None:
        monkeypatch.setattr(webhooks, "webhook_of", lambda connector: webhook if connector == "fake" else None)

    return serve


def signature(collector: Running, path: str, body: str, secret: str = PRIVATE) -> str:
    base = collector.collector.settings.public_url or f"http://127.0.0.1:{collector.port}"
    return hmac_of({"secret": secret}, "secret", f"{base}{path}{body}".encode()).hex()


def test_a_signed_request_is_landed_with_the_headers_that_its_connector_needs(
    tmp_path: Path, served: Callable[[Webhook], None]
) -> None:
    served(replace(SIGNED, headers=("x-topic", "x-none")))
    body, path = '[{"a": 1},\n{"b": 2}]', "/webhooks/fake?x=%20y"
    with running(tmp_path, SOURCES) as collector:
        signed = signature(collector, path, body)
        assert collector.ask("POST", path, body, X_Signature=signed, X_Topic="orders", X_Else="no").status == 200
        assert collector.ask("POST", path, body, X_Signature=signed[:-1]).status == 401
        assert collector.ask("POST", path, body).status == 401
        path = "/webhooks/fake/second"
        assert collector.ask("POST", path, body, X_Signature=signature(collector, path, body)).status == 401
        assert collector.ask("POST", path, body, X_Signature=signature(collector, path, body, "another")).status == 200
    (one, line), (other, _) = sorted(landed(tmp_path), key=lambda found: found[0])  # sources are sealed in any order
    assert (one, other) == ("fake", "second")
    assert line["body"] == [{"a": 1}, {"b": 2}]
    assert line["rapport_request"]["headers"] == {"x-topic": "orders"}


def test_a_signature_over_the_address_holds_behind_a_proxy(tmp_path: Path, served: Callable[[Webhook], None]) -> None:
    served(SIGNED)
    with running(tmp_path, SOURCES, public_url="https://collect.example.com/") as collector:
        signed = hmac_of({"secret": PRIVATE}, "secret", b"https://collect.example.com/webhooks/fake{}").hex()
        assert collector.ask("POST", "/webhooks/fake", "{}", X_Signature=signed).status == 200


def test_a_token_is_used_once_but_not_by_a_request_that_was_not_landed(
    tmp_path: Path, served: Callable[[Webhook], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    served(Webhook(("secret",), lambda request, _: request.headers["x-once"]))
    with running(tmp_path, SOURCES) as collector:
        with monkeypatch.context() as patched:
            patched.setattr("pipelines.collect.server.segment_file.os.write", _full)
            full = collector.ask("POST", "/webhooks/fake", "{}", X_Once="t")
            assert (full.status, full.headers["retry-after"]) == (503, "5")
        for path, status in (("/webhooks/fake", 200), ("/webhooks/fake", 409), ("/webhooks/fake/second", 200)):
            assert collector.ask("POST", path, "{}", X_Once="t").status == status
    with running(tmp_path, SOURCES) as collector:
        assert collector.ask("POST", "/webhooks/fake", "{}", X_Once="t").status == 409
    assert len(landed(tmp_path)) == 2


def _full(_handle: int, _data: bytes) -> int:
    raise OSError(28, "No space left on device")


def test_basic_is_asked_for_where_nothing_is_signed_or_where_the_source_sets_it(
    tmp_path: Path, served: Callable[[Webhook], None]
) -> None:
    people = {"username": "u", "password": "p"}
    sources = Sources((Source("fake", "fake", people),))
    for webhook in (Webhook((), lambda _, __: None), Webhook(("secret",), lambda _, __: None)):
        served(webhook)
        with running(tmp_path, sources) as collector:
            statuses = [
                collector.ask("POST", "/webhooks/fake", "{}", Authorization=header).status
                for header in (basic("u", "p"), basic("u", "q"), basic("v", "p"), "", "Basic !", "Bearer p")
            ]
        assert statuses == [200, 401, 401, 401, 401, 401]
    with pytest.raises(RefusedError, match="username"):
        check_basic(Request("POST", "", {"authorization": "Basic dTpw"}, b"", collector.collector.now()), {})


def test_a_form_is_landed_as_an_object(tmp_path: Path, served: Callable[[Webhook], None]) -> None:
    served(Webhook(("secret",), lambda _, __: None, lambda request: json.dumps(form_fields(request)).encode()))
    form = "application/x-www-form-urlencoded"
    with running(tmp_path, SOURCES) as collector:
        assert (
            collector.ask("POST", "/webhooks/fake", "From=%2B1&Body=t%C3%A9&x=1&x=2", Content_Type=form).status == 200
        )
        assert collector.ask("POST", "/webhooks/fake", b"\xff", Content_Type=form).status == 400
    assert [line["body"] for _, line in landed(tmp_path)] == [{"From": "+1", "Body": "té", "x": ["1", "2"]}]


def test_a_handshake_is_answered_and_not_landed(tmp_path: Path, served: Callable[[Webhook], None]) -> None:
    def greet(request: Request, _secrets: Secrets) -> Answer | None:
        return Answer(200, b"hello", "text/plain") if request.method == "GET" else None

    served(replace(SIGNED, handshake=greet))
    with running(tmp_path, SOURCES) as collector:
        answer = collector.ask("GET", "/webhooks/fake")
        assert (answer.status, answer.body) == (200, b"hello")
        assert collector.ask("HEAD", "/webhooks/fake").status == 405
    assert landed(tmp_path) == []


@pytest.mark.parametrize(
    ("setting", "url", "answered", "status"),
    [
        ("true", "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t", 200, 200),
        ("true", "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t", 302, 502),
        ("true", "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t", 0, 502),
        ("", "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t", 200, 403),
        ("true", "https://sns.eu-west-1.amazonaws.com.example.com/", 200, 403),
        ("true", "https://sns.eu-west-1.amazonaws.com:8443/", 200, 403),
        ("true", "https://example.com/?x=sns.eu-west-1.amazonaws.com", 200, 403),
        ("true", "http://sns.eu-west-1.amazonaws.com/", 200, 403),
    ],
)
def test_a_subscription_is_confirmed_only_at_amazon_and_where_it_is_enabled(
    tmp_path: Path,
    served: Callable[[Webhook], None],
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    url: str,
    answered: int,
    status: int,
) -> None:
    class Connection:
        status = answered

        def __init__(self, host: str, timeout: float) -> None:
            assert host == "sns.eu-west-1.amazonaws.com"
            assert timeout < 60

        def request(self, method: str, path: str) -> None:
            assert (method, path) == ("GET", "/?Action=ConfirmSubscription&Token=t")
            if not answered:
                raise TimeoutError

        def getresponse(self) -> "Connection":
            return self

        def close(self) -> None:
            """Nothing is open."""

    monkeypatch.setattr(webhooks, "HTTPSConnection", Connection)
    served(replace(SIGNED, handshake=lambda _, __: Answer(200, fetch_url=url)))
    sources = Sources((Source("fake", "fake", {"secret": PRIVATE, "confirm_subscriptions": setting}),))
    with running(tmp_path, sources) as collector:
        assert collector.ask("POST", "/webhooks/fake", "{}").status == status


def test_what_is_no_source_or_no_json_or_too_large_is_refused(
    tmp_path: Path, served: Callable[[Webhook], None]
) -> None:
    served(Webhook(("secret",), lambda _, __: None))
    sources = Sources((*SOURCES.known, Source("plain", "plain", {})))
    with running(tmp_path, sources, max_body_mb=9) as collector:
        assert collector.ask("POST", "/webhooks/none", "{}").status == 404
        assert collector.ask("POST", "/webhooks/fake/none", "{}").status == 404
        assert collector.ask("POST", "/webhooks/plain", "{}").status == 404
        for body in (b"", b"5", b"{", b"\xff", b'{"a":NaN}', b"[" * 10_000):
            assert collector.ask("POST", "/webhooks/fake", body).status == 400
        text = json.dumps(["x" * 8_388_600])
        assert collector.ask("POST", "/webhooks/fake", text).status == 413
        assert collector.ask("POST", "/webhooks/fake", " " * 10_000_000).status == 413
    assert landed(tmp_path) == []


def test_a_fault_of_the_collector_is_told_without_the_payload(
    tmp_path: Path, served: Callable[[Webhook], None], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(request: Request, _secrets: Secrets) -> str | None:
        raise KeyError(request.body)

    served(Webhook(("secret",), fail))
    with running(tmp_path, SOURCES) as collector, caplog.at_level(logging.ERROR):
        answer = collector.ask("POST", "/webhooks/fake", '{"name":"a person"}')
    assert answer.status == 500
    assert "KeyError in test_webhooks_endpoint.py" in caplog.text
    assert "person" not in caplog.text + answer.body.decode()
