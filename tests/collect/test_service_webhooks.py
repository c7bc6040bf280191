"""The checks of the service connectors' webhooks: genuine, tampered with, unsigned, under another secret."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.collect.connectors import connectors
from pipelines.collect.webhook import Answer, RefusedError, Request, Webhook

AT = datetime(2024, 5, 1, tzinfo=UTC)
URL = "https://collect.example.com/webhooks/x?campaign_id=c-1&other=2"
FORM = "application/x-www-form-urlencoded"
Secrets = dict[str, str]
few = settings(max_examples=30, deadline=None)


def request(body: bytes, *, url: str = URL, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", url, named, body, AT)


def webhook(name: str) -> Webhook:
    found = connectors()[name].webhook
    assert found is not None
    return found


def mac(secret: str, data: bytes, algorithm: str) -> bytes:
    return hmac.digest(secret.encode(), data, algorithm)


def twilio_form(fields: dict[str, str], url: str = URL) -> Request:
    text = url + "".join(name + fields[name] for name in sorted(fields))
    signature = base64.b64encode(mac("token", text.encode(), "sha1")).decode()
    return request(urlencode(fields).encode(), url=url, content_type=FORM, x_twilio_signature=signature)


def twilio_json(body: bytes) -> Request:
    url = f"{URL}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = base64.b64encode(mac("token", url.encode(), "sha1")).decode()
    return request(body, url=url, content_type="application/json", x_twilio_signature=signature)


def passes(sent: Request, key: str = "token") -> bool:
    try:
        return webhook("twilio_sms").check(sent, {"auth_token": key}) is None
    except RefusedError:
        return False


def by_intercom() -> Request:
    body = b'{"topic":"ping"}'
    return request(body, x_hub_signature="sha1=" + mac("key", body, "sha1").hex())


def by_zendesk() -> Request:
    body, at = b'{"type":"zen:event-type:ticket.created"}', "2024-05-01T00:00:00Z"
    signature = base64.b64encode(mac("key", at.encode() + body, "sha256")).decode()
    return request(body, x_zendesk_webhook_signature=signature, x_zendesk_webhook_signature_timestamp=at)


def by_basic() -> Request:
    return request(b"{}", authorization="Basic " + base64.b64encode(b"user:word").decode())


SIGNED: dict[str, tuple[str, Callable[[], Request], Secrets, str]] = {
    "sms": (
        "twilio_sms",
        lambda: twilio_form({"MessageSid": "SM1", "Body": "a"}),
        {"auth_token": "token"},
        "x-twilio-signature",
    ),
    "call": ("twilio_voice", lambda: twilio_form({"CallSid": "CA1"}), {"auth_token": "token"}, "x-twilio-signature"),
    "json": ("twilio_sms", lambda: twilio_json(b'{"MessageSid":"SM1"}'), {"auth_token": "token"}, "x-twilio-signature"),
    "intercom": ("intercom", by_intercom, {"secret": "key"}, "x-hub-signature"),
    "zendesk": ("zendesk", by_zendesk, {"secret": "key"}, "x-zendesk-webhook-signature"),
}
BASIC = ("amazon_connect", "chat_transcript")
CASES = [
    *SIGNED.values(),
    *((name, by_basic, {"username": "user", "password": "word"}, "authorization") for name in BASIC),
]
IDS = [*SIGNED, *BASIC]
each = pytest.mark.parametrize(("name", "made", "secrets", "proof"), CASES, ids=IDS)
Made = Callable[[], Request]


def refusal(name: str, sent: Request, secrets: Secrets) -> int:
    with pytest.raises(RefusedError) as refused:
        webhook(name).check(sent, secrets)
    return refused.value.status


@each
def test_a_genuine_request_passes(name: str, made: Made, secrets: Secrets, proof: str) -> None:
    assert webhook(name).check(made(), secrets) is None
    assert set(webhook(name).secrets) == set(secrets)


@each
def test_a_request_without_its_proof_is_refused(name: str, made: Made, secrets: Secrets, proof: str) -> None:
    sent = made()
    assert refusal(name, replace(sent, headers={k: v for k, v in sent.headers.items() if k != proof}), secrets) == 401
    assert refusal(name, replace(sent, headers={**sent.headers, proof: ""}), secrets) == 401


@each
def test_another_secret_or_none_is_refused(name: str, made: Made, secrets: Secrets, proof: str) -> None:
    assert refusal(name, made(), dict.fromkeys(secrets, "other")) == 401
    assert refusal(name, made(), {}) == 401


@pytest.mark.parametrize(("name", "made", "secrets", "proof"), [*SIGNED.values()], ids=[*SIGNED])
def test_a_request_that_was_tampered_with_is_refused(name: str, made: Made, secrets: Secrets, proof: str) -> None:
    sent = made()
    assert refusal(name, replace(sent, body=sent.body.replace(b"1", b"2").replace(b"i", b"j")), secrets) == 401
    assert (
        refusal(name, replace(sent, headers={**sent.headers, proof: sent.headers[proof][:-2] + "AA"}), secrets) == 401
    )


def test_the_time_of_a_zendesk_request_is_signed_with_it() -> None:
    sent = by_zendesk()
    later = {**sent.headers, "x-zendesk-webhook-signature-timestamp": "2024-05-02T00:00:00Z"}
    assert refusal("zendesk", replace(sent, headers=later), {"secret": "key"}) == 401


def test_twilio_s_own_example_passes() -> None:
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
        "Caller": "+14158675309",
    }
    sent = request(
        urlencode(fields).encode(),
        url="https://mycompany.com/myapp.php?foo=1&bar=2",
        content_type=FORM,
        x_twilio_signature="RSOYDt4T1cUTdK1PDd93/VVr8B8=",
    )
    assert passes(sent, "12345")


@few
@given(st.dictionaries(st.text("abAB", min_size=1, max_size=4), st.text(max_size=6), min_size=1, max_size=5))
def test_any_form_that_twilio_signs_passes(fields: dict[str, str]) -> None:
    assert passes(twilio_form(fields))


@pytest.mark.parametrize(
    ("signed", "received"),
    [
        ("https://a.example.com:443/x", "https://a.example.com/x"),
        ("https://a.example.com/x", "https://a.example.com:443/x"),
        ("http://a.example.com:80/x", "http://a.example.com/x"),
        ("https://a.example.com/x", "https://a.example.com:8443/x"),
    ],
)
def test_twilio_may_sign_the_url_with_or_without_its_port(signed: str, received: str) -> None:
    sent = twilio_form({"MessageSid": "SM1"}, signed)
    assert passes(replace(sent, url=received))


def test_the_url_is_part_of_twilio_s_signature() -> None:
    sent = twilio_form({"MessageSid": "SM1"})
    assert refusal("twilio_sms", replace(sent, url=URL.replace("c-1", "c-2")), {"auth_token": "token"}) == 401


def test_a_twilio_request_without_a_body_is_signed_by_its_url_alone() -> None:
    signature = base64.b64encode(mac("token", URL.encode(), "sha1")).decode()
    sent = request(b"", x_twilio_signature=signature)
    assert passes(sent)


def test_a_repeated_field_is_signed_once_for_each_of_its_values() -> None:
    text = f"{URL}MediaabSid1"
    signature = base64.b64encode(mac("token", text.encode(), "sha1")).decode()
    sent = request(b"Media=b&Sid=1&Media=a&Media=b", content_type=FORM, x_twilio_signature=signature)
    assert not passes(sent)
    signed = base64.b64encode(mac("token", f"{URL}MediaaMediabSid1".encode(), "sha1")).decode()
    assert passes(replace(sent, headers={**sent.headers, "x-twilio-signature": signed}))


def test_a_twilio_form_is_landed_with_the_ids_of_its_url() -> None:
    sent = twilio_form({"MessageSid": "SM1", "Body": "Grüße"})
    assert json.loads(webhook("twilio_sms").record(sent)) == {
        "campaign_id": "c-1",
        "MessageSid": "SM1",
        "Body": "Grüße",
    }
    assert json.loads(webhook("twilio_voice").record(twilio_json(b'{"CallSid":"CA1"}'))) == {
        "campaign_id": "c-1",
        "CallSid": "CA1",
    }


def test_a_twilio_body_that_is_no_object_is_refused() -> None:
    with pytest.raises(RefusedError) as refused:
        webhook("twilio_sms").record(twilio_json(b"[1]"))
    assert refused.value.status == 400


def test_a_transcript_may_come_as_the_field_of_a_form() -> None:
    sent = request(b"data=%7B%22id%22%3A1%7D", content_type=FORM)
    assert json.loads(webhook("chat_transcript").record(sent)) == {"id": 1}
    assert json.loads(webhook("chat_transcript").record(request(b'{"id":2}'))) == {"id": 2}


@pytest.mark.parametrize("body", [b"other=1", b"data=1&data=2", b"data=nothing"])
def test_a_form_without_a_transcript_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        webhook("chat_transcript").record(request(body, content_type=FORM))
    assert refused.value.status == 400


def test_intercom_s_question_whether_we_are_there_is_answered() -> None:
    asked = replace(request(b""), method="HEAD")
    assert webhook("intercom").handshake(asked, {}) == Answer(200)
    assert webhook("intercom").handshake(by_intercom(), {}) is None
