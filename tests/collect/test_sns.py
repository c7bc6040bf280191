import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from http.client import HTTPException
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.collect import sns
from pipelines.collect.signatures import RSA_HASHES
from pipelines.collect.sns import check, confirmation
from pipelines.collect.webhook import RefusedError, Request

AT = datetime(2024, 5, 31, 12, tzinfo=UTC)
TOPIC = "arn:aws:sns:us-east-1:123456789012:SES_Events"
HOST = "https://sns.us-east-1.amazonaws.com"
BASIC = {"username": "u", "password": "p"}
AUTHORIZATION = {"authorization": "Basic " + base64.b64encode(b"u:p").decode()}
SUBSCRIBE = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"
Message = dict[str, Any]


@cache
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate(begins: datetime = AT - timedelta(days=30), days: int = 60) -> str:
    """A certificate of `key` by itself, as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key().public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .sign(key(), SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def message(**changes: Any) -> Message:
    """A notification; a field given as None is left out."""
    whole = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "My First Message",
        "Message": '{"eventType":"Open"}\n',
        "Timestamp": "2024-05-31T11:59:59.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": f"{HOST}/SimpleNotificationService-0a1b2c.pem",
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def signed(found: Message) -> Message:
    """The message with its signature, made as the vendor's page says it."""
    names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    if found["Type"] != "Notification":
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{found[name]}\n" for name in names if name in found)
    kind = RSA_HASHES["sha1" if found["SignatureVersion"] == "1" else "sha256"]
    signature = key().sign(text.encode(), PKCS1v15(), kind())
    return {**found, "Signature": base64.b64encode(signature).decode()}


def request(found: object, **headers: str) -> Request:
    body = found if isinstance(found, bytes) else json.dumps(found).encode()
    return Request("POST", "https://collector.example.com/webhooks/amazon_ses", headers, body, AT)


def subscription(**changes: Any) -> Message:
    confirming = {"Type": "SubscriptionConfirmation", "Subject": None, "Token": "t", "SubscribeURL": SUBSCRIBE}
    return message(**{**confirming, **changes})


def secrets(**changes: str) -> dict[str, str]:
    return {"certificates": certificate(), "topic_arn": TOPIC, **changes}


def refusal(asked: Request, given: dict[str, str]) -> int:
    with pytest.raises(RefusedError) as refused:
        check(asked, given)
    return refused.value.status


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "My First Message"])
def test_a_message_that_sns_signed_passes(version: str, subject: str | None) -> None:
    check(request(signed(message(SignatureVersion=version, Subject=subject))), secrets())


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_confirmations_are_signed_over_other_fields(kind: str) -> None:
    check(request(signed({**subscription(), "Type": kind})), secrets())


def test_one_of_several_certificates_and_topics_is_enough() -> None:
    old = certificate(AT - timedelta(days=400), 30)
    check(request(signed(message())), secrets(certificates=old + certificate(), topic_arn=f"arn:other, {TOPIC}"))


@pytest.mark.parametrize("name", ["Message", "MessageId", "Subject", "Timestamp"])
def test_a_message_that_was_changed_on_the_way_is_refused(name: str) -> None:
    changed = signed(message())
    assert refusal(request({**changed, name: changed[name] + "x"}), secrets()) == 401


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "TopicArn", "Type", "Signature"])
@pytest.mark.parametrize("value", [None, "", 5, {}])
def test_a_message_without_what_is_signed_is_refused(name: str, value: object) -> None:
    assert refusal(request({**signed(message()), name: value}), secrets()) in (401, 403)


@pytest.mark.parametrize("version", ["0", "3", None])
def test_an_unknown_way_of_signing_is_refused(version: str | None) -> None:
    assert refusal(request({**signed(message()), "SignatureVersion": version}), secrets()) == 401


@pytest.mark.parametrize("begins", [AT - timedelta(days=90), AT + timedelta(days=1)])
def test_a_certificate_that_is_not_valid_now_proves_nothing(begins: datetime) -> None:
    assert refusal(request(signed(message())), secrets(certificates=certificate(begins, 30))) == 401


def test_a_topic_of_somebody_else_is_refused() -> None:
    other = "arn:aws:sns:us-east-1:999999999999:SES_Events"
    assert refusal(request(signed(message(TopicArn=other))), secrets()) == 403
    assert refusal(request(signed(message())), {"certificates": certificate()}) == 401


def test_a_setting_that_is_no_certificate_is_refused() -> None:
    assert refusal(request(signed(message())), secrets(certificates="none")) == 401


def test_raw_delivery_is_not_signed() -> None:
    assert refusal(request({"eventType": "Open"}), secrets()) in (401, 403)
    assert refusal(request(b"[]"), secrets()) in (401, 403)
    check(request({"eventType": "Open"}, **AUTHORIZATION), BASIC)


def test_basic_is_asked_for_where_the_source_has_a_user_or_no_certificate() -> None:
    genuine = signed(message())
    assert refusal(request(genuine), {**secrets(), **BASIC}) == 401
    check(request(genuine, **AUTHORIZATION), {**secrets(), **BASIC})
    assert refusal(request(message(), **AUTHORIZATION), {**secrets(), **BASIC}) == 401
    assert refusal(request(genuine), {}) == 401


class Answering:
    """Stands for HTTPSConnection: what is asked for, and a fixed answer."""

    asked: tuple[str, ...] = ()
    status = 200
    text = b""
    problem: Exception | None = None

    def __init__(self, host: str, timeout: float) -> None:
        assert timeout > 0
        self.host = host

    def request(self, _method: str, path: str) -> None:
        Answering.asked = (*Answering.asked, self.host + path)
        if self.problem:
            raise self.problem

    def getresponse(self) -> "Answering":
        return self

    def read(self, limit: int) -> bytes:
        return self.text[:limit]

    def close(self) -> None:
        self.host = ""


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Answering]]:
    monkeypatch.setattr(sns, "HTTPSConnection", Answering)
    monkeypatch.setattr(Answering, "asked", ())
    monkeypatch.setattr(Answering, "text", certificate().encode())
    sns._fetched.cache_clear()
    yield Answering
    sns._fetched.cache_clear()


FETCHING = {"fetch_certificates": "true", "topic_arn": TOPIC}


def test_a_certificate_is_fetched_once_and_only_where_the_settings_say_so(amazon: type[Answering]) -> None:
    genuine = request(signed(message()))
    check(genuine, secrets())
    assert refusal(genuine, {**FETCHING, "fetch_certificates": "false"}) == 401
    assert list(amazon.asked) == []
    check(genuine, FETCHING)
    check(genuine, FETCHING)
    assert amazon.asked == ("sns.us-east-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem",)


ELSEWHERE = [
    "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
    "https://sns.us-east-1.amazonaws.com.example.com/SimpleNotificationService-1.pem",
    "https://example.com/SimpleNotificationService-1.pem",
    "https://sns.us-east-1.amazonaws.com@example.com/SimpleNotificationService-1.pem",
    "https://user@sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
    "https://sns.us-east-1.amazonaws.com:8443/SimpleNotificationService-1.pem",
    "https://bucket.s3.amazonaws.com/SimpleNotificationService-1.pem",
    "https://sns.us-east-1.amazonaws.com/other.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem?redirect=example.com",
    "https://[sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
    "",
    None,
]


@pytest.mark.parametrize("url", ELSEWHERE, ids=[str(n) for n in range(len(ELSEWHERE))])
def test_nothing_is_fetched_from_elsewhere(amazon: type[Answering], url: str | None) -> None:
    assert refusal(request(signed(message(SigningCertURL=url))), FETCHING) == 403
    assert amazon.asked == ()


@settings(max_examples=200, deadline=None)
@given(
    url=st.one_of(st.text(), st.from_regex(r"https://[a-z.@:/\[\]]{0,20}amazonaws\.com[a-z.@:/]{0,9}", fullmatch=True))
)
def test_only_addresses_of_sns_are_amazons(url: str) -> None:
    try:
        parts = sns._amazon(url)
    except RefusedError:
        return
    assert parts.scheme == "https"
    assert parts.netloc.startswith("sns.")
    assert parts.netloc.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    assert not set(parts.netloc) & set("@:/[]")


@pytest.mark.parametrize("problem", [OSError("no route"), HTTPException("broken")])
def test_a_certificate_that_cannot_be_fetched_refuses_the_request_for_now(
    amazon: type[Answering], monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    monkeypatch.setattr(amazon, "problem", problem)
    assert refusal(request(signed(message())), FETCHING) == 502
    monkeypatch.setattr(amazon, "problem", None)
    monkeypatch.setattr(amazon, "status", 302)
    assert refusal(request(signed(message())), FETCHING) == 502


CONFIRMING = {**BASIC, "confirm_subscriptions": "true"}


def test_a_subscription_is_confirmed_at_amazon_where_the_settings_say_so() -> None:
    asked = request(subscription(), **AUTHORIZATION)
    answer = confirmation(asked, CONFIRMING)
    assert answer is not None
    assert (answer.status, answer.fetch_url) == (200, SUBSCRIBE)
    assert confirmation(asked, BASIC) is None
    assert confirmation(asked, {**CONFIRMING, "confirm_subscriptions": "false"}) is None


def test_a_subscription_that_fails_its_check_is_not_confirmed() -> None:
    for settled in (CONFIRMING, {**secrets(), "confirm_subscriptions": "true"}):
        with pytest.raises(RefusedError) as refused:
            confirmation(request({**subscription(), "Signature": "AAAA"}), settled)
        assert refused.value.status == 401


@pytest.mark.parametrize("url", [*ELSEWHERE, f"{HOST}/?Action=Unsubscribe", f"{HOST}/"], ids=str)
def test_nothing_else_is_fetched_as_a_confirmation(url: str | None) -> None:
    with pytest.raises(RefusedError) as refused:
        confirmation(request({**subscription(), "SubscribeURL": url}, **AUTHORIZATION), CONFIRMING)
    assert refused.value.status == 403


def test_a_subscription_to_a_topic_of_somebody_else_is_not_confirmed() -> None:
    asked = request(subscription(TopicArn="arn:other"), **AUTHORIZATION)
    with pytest.raises(RefusedError) as refused:
        confirmation(asked, {**CONFIRMING, "topic_arn": TOPIC})
    assert refused.value.status == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"Type":"Notification"}', b"7"])
def test_all_else_is_no_handshake(body: bytes) -> None:
    assert confirmation(replace(request({}), body=body), CONFIRMING) is None
