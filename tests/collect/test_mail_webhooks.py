import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from pipelines.collect.connectors import connectors
from pipelines.collect.signatures import RSA_HASHES
from pipelines.collect.webhook import RefusedError, Request, Webhook
from tests.collect.mail_requests import (
    PROVIDERS,
    SIGNED,
    URL,
    Secrets,
    public_text,
    request,
    rsa_key,
    sample_payload,
    secrets_of,
    signed,
)

NAMES = list(PROVIDERS)


def webhook(name: str) -> Webhook:
    found = connectors()[name].webhook
    assert found is not None
    return found


def status(name: str, sent: Request, secrets: Secrets | None = None) -> int:
    """200 where the check passes, else the status of the refusal."""
    try:
        found = webhook(name).check(sent, secrets_of(name) if secrets is None else secrets)
    except RefusedError as refused:
        return refused.status
    return 200 if found is None else 0


@pytest.mark.parametrize("name", NAMES)
def test_a_genuine_request_passes(name: str) -> None:
    assert status(name, signed(name, sample_payload(name))) == 200


@pytest.mark.parametrize("name", NAMES)
def test_a_request_without_its_proof_is_refused(name: str) -> None:
    sent = signed(name, sample_payload(name))
    headers = {key: value for key, value in sent.headers.items() if not key.startswith(PROVIDERS[name].proof[:18])}
    body = sent.body.replace(b'"auth"', b'"other"')
    assert status(name, replace(sent, headers=headers, body=body)) == 401


@pytest.mark.parametrize("name", SIGNED)
def test_a_request_that_was_changed_on_the_way_is_refused(name: str) -> None:
    sent = signed(name, sample_payload(name))
    changed = sent.body.replace(b"example.com", b"example.net")
    assert changed != sent.body
    assert status(name, replace(sent, body=changed)) == 401


@pytest.mark.parametrize("name", NAMES)
def test_a_request_under_another_secret_is_refused(name: str) -> None:
    sent = signed(name, sample_payload(name))
    key = base64.b64encode(b"another").decode()
    other = {"username": "rapport", "password": "other", "secret": key, "public_key": public_text(rsa_key(1))}
    assert status(name, sent, other) == 401


@pytest.mark.parametrize("name", NAMES)
def test_a_source_without_its_secret_refuses(name: str) -> None:
    sent = signed(name, sample_payload(name))
    assert status(name, sent, {}) == 401
    assert status(name, sent, dict.fromkeys(secrets_of(name), "")) == 401


def test_a_refusal_does_not_quote_the_request() -> None:
    for name in SIGNED:
        sent = signed(name, {"auth": "x", "events": ["distinctive value"]})
        with pytest.raises(RefusedError) as refused:
            webhook(name).check(replace(sent, body=sent.body + b" "), secrets_of(name))
        assert "distinctive" not in refused.value.reason


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["", "=", "é", "v1,", "Basic", "Basic !", "0" * 32, "AAAA"])
def test_any_other_proof_is_refused(name: str, value: str) -> None:
    sent = signed(name, sample_payload(name))
    headers = {**sent.headers, PROVIDERS[name].proof: value}
    if PROVIDERS[name].proof == "auth":
        said = {**json.loads(sent.body), "auth": value}
        assert status(name, replace(sent, body=json.dumps(said, separators=(",", ":")).encode())) == 401
    else:
        assert status(name, replace(sent, headers=headers)) == 401


def test_the_settings_that_a_check_needs_are_named() -> None:
    needed = {name: webhook(name).secrets for name in NAMES}
    assert needed == {
        "brevo": ("auth_token",),
        "mailersend": ("secret",),
        "mailjet": (),
        "mandrill": ("secret",),
        "mailtrap": ("secret",),
        "postal": ("public_key",),
        "resend": ("secret",),
        "sparkpost": ("auth_token",),
        "unisender_go": ("secret",),
    }


@pytest.mark.parametrize(
    ("name", "headers", "expected"),
    [
        ("brevo", {"authorization": "Bearer token-1"}, 200),
        ("brevo", {"authorization": "Bearer token-2"}, 401),
        ("brevo", {}, 401),
        ("sparkpost", {"x-messagesystems-webhook-token": "token-1"}, 200),
        ("sparkpost", {"x-messagesystems-webhook-token": "token-2"}, 401),
        ("sparkpost", {"authorization": "Bearer token-1"}, 200),
        ("sparkpost", {"authorization": "token-1"}, 401),
        ("sparkpost", {}, 401),
    ],
)
def test_a_token_takes_the_place_of_basic_where_the_source_has_one(
    name: str, headers: dict[str, str], expected: int
) -> None:
    secrets = {**secrets_of(name), "auth_token": "token-1"}
    assert status(name, request(b"[]", headers), secrets) == expected
    assert status(name, signed(name, []), secrets) == 401


def test_a_late_copy_of_a_resend_request_is_refused() -> None:
    sent = signed("resend", sample_payload("resend"))
    near, far = (replace(sent, received_at=sent.received_at + timedelta(minutes=late)) for late in (4, 6))
    assert (status("resend", near), status("resend", far)) == (200, 401)


def test_postal_of_older_releases_signs_with_sha_1() -> None:
    body = json.dumps(sample_payload("postal")).encode()
    signature = base64.b64encode(rsa_key().sign(body, PKCS1v15(), RSA_HASHES["sha1"]())).decode()
    assert status("postal", request(body, {"x-postal-signature": signature})) == 200
    assert status("postal", request(body + b" ", {"x-postal-signature": signature})) == 401
    assert status("postal", request(body, {"x-postal-signature": signature, "x-postal-signature-256": "AAAA"})) == 401


def test_mandrill_signs_the_address_that_it_knows() -> None:
    sent = signed("mandrill", [])
    moved = replace(sent, url="http://127.0.0.1:8080/webhooks/mail")
    assert status("mandrill", moved) == 401
    assert status("mandrill", moved, {**secrets_of("mandrill"), "url": URL}) == 200


def test_mandrill_signs_all_fields_by_their_names() -> None:
    form = urlencode({"z": "1", "mandrill_events": "[]", "a": "2"}).encode()
    digest = hmac.new(b"key-1", f"{URL}a2mandrill_events[]z1".encode(), hashlib.sha1).digest()
    sent = request(form, {"x-mandrill-signature": base64.b64encode(digest).decode()})
    assert status("mandrill", sent) == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"\xff", b'{"auth":5}', b'{"auth":{}}'])
def test_what_is_no_callback_of_unisender_is_refused(body: bytes) -> None:
    assert status("unisender_go", request(body)) in (400, 401)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_landed_is_the_payload(name: str) -> None:
    payload = sample_payload(name)
    landed = webhook(name).record(signed(name, payload))
    assert b"\n" not in landed
    said = json.loads(landed)
    if name == "unisender_go":
        assert said.pop("auth") != payload.pop("auth")
    assert said == payload


@pytest.mark.parametrize(
    "body", [b"a=1", b"mandrill_events={}", b"mandrill_events=[", b"mandrill_events=", b"{}", b"%"]
)
def test_a_form_without_an_array_of_events_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        webhook("mandrill").record(request(body))
    assert refused.value.status == 400


def test_a_raw_message_of_postal_is_read_before_it_is_landed() -> None:
    mail = b"From: A <a@example.com>\r\nDate: Wed, 11 Oct 2017 18:31:04 -0700\r\n\r\nHello\r\n"
    sent = {"id": 1, "rcpt_to": "shop@example.org", "mail_from": "b@example.com", "base64": True}
    raw = base64.encodebytes(mail).decode()
    landed = json.loads(webhook("postal").record(signed("postal", {**sent, "message": raw})))
    assert landed.pop("rapport_mail")["text"] == "Hello\r\n"
    assert landed == sent


TRIALS: list[tuple[str, str, bytes]] = [
    ("mandrill", "HEAD", b""),
    ("mandrill", "GET", b""),
    ("mandrill", "POST", b"mandrill_events=%5B%5D"),
    ("mailersend", "POST", b'{"type":"webhook.test","data":{}}'),
    ("sparkpost", "POST", b'[ { "msys": {} } ]'),
    ("sparkpost", "GET", b""),
    ("unisender_go", "GET", b""),
]


@pytest.mark.parametrize(("name", "method", "body"), TRIALS)
def test_a_request_that_tries_the_address_is_answered_and_not_landed(name: str, method: str, body: bytes) -> None:
    answer = webhook(name).handshake(request(body, method=method), {})
    assert answer is not None
    assert (answer.status, answer.fetch_url) == (200, "")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"5", b'{"type":"activity.sent"}'])
def test_other_requests_are_no_handshake(name: str, body: bytes) -> None:
    assert webhook(name).handshake(request(body), secrets_of(name)) is None
    assert webhook(name).handshake(signed(name, sample_payload(name)), secrets_of(name)) is None
