"""The checks of SendGrid, Mailgun and Postmark, and what of their requests is landed."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pipelines.collect.connectors import amazon_ses, mailgun, postmark, sendgrid
from pipelines.collect.mime import MAIL
from pipelines.collect.webhook import RefusedError, Request, Webhook

AT = datetime(2024, 5, 31, 12, tzinfo=UTC)
BASIC = {"username": "u", "password": "p"}
AUTHORIZATION = {"authorization": "Basic " + base64.b64encode(b"u:p").decode()}
NAMES = "x-twilio-email-event-webhook-"
CONNECTORS = {
    "amazon_ses": amazon_ses.CONNECTOR,
    "mailgun": mailgun.CONNECTOR,
    "postmark": postmark.CONNECTOR,
    "sendgrid": sendgrid.CONNECTOR,
}
BOUNDARY = "bOuNdArY"


def webhook(name: str) -> Webhook:
    found = CONNECTORS[name].webhook
    assert found is not None
    return found


def request(body: bytes, content_type: str = "application/json", **headers: str) -> Request:
    url = "https://collector.example.com/webhooks/mail"
    return Request("POST", url, {"content-type": content_type, **headers}, body, AT)


def form(*fields: tuple[str, str | bytes], file: bytes | None = None) -> Request:
    """A multipart form; `file` is the content of one that is attached."""
    parts = [(f'name="{name}"', text.encode() if isinstance(text, str) else text) for name, text in fields]
    parts += [] if file is None else [('name="attachment1"; filename="secret.pdf"', file)]
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + text + b"\r\n"
        for head, text in parts
    )
    return request(body + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}")


def landed(name: str, asked: Request) -> Any:
    line = webhook(name).record(asked)
    assert b"\n" not in line
    return json.loads(line)


def refusal(name: str, asked: Request, secrets: dict[str, str]) -> int:
    with pytest.raises(RefusedError) as refused:
        webhook(name).check(asked, secrets)
    return refused.value.status


@cache
def key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(1_000 + number, ec.SECP256R1())


def public(number: int = 0) -> str:
    der = key(number).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def sendgrid_request(**headers: str) -> Request:
    body, moment = b'[{"event":"open"}]', "1588788367"
    signature = base64.b64encode(key().sign(moment.encode() + body, ec.ECDSA(SHA256()))).decode()
    return request(body, **{f"{NAMES}timestamp": moment, f"{NAMES}signature": signature, **headers})


def test_what_sendgrid_signed_passes() -> None:
    assert webhook("sendgrid").check(sendgrid_request(), {"public_key": public()}) is None


@pytest.mark.parametrize(
    "headers",
    [
        {f"{NAMES}timestamp": "1588788368"},
        {f"{NAMES}timestamp": ""},
        {f"{NAMES}signature": ""},
        {f"{NAMES}signature": "AAAA"},
        {f"{NAMES}signature": "no base 64"},
    ],
    ids=str,
)
def test_what_sendgrid_did_not_sign_is_refused(headers: dict[str, str]) -> None:
    assert refusal("sendgrid", sendgrid_request(**headers), {"public_key": public()}) == 401


def test_another_key_or_body_is_refused() -> None:
    assert refusal("sendgrid", sendgrid_request(), {"public_key": public(1)}) == 401
    assert refusal("sendgrid", sendgrid_request(), {"public_key": "AAAA"}) == 401
    genuine = sendgrid_request()
    changed = Request(genuine.method, genuine.url, genuine.headers, genuine.body + b" ", AT)
    assert refusal("sendgrid", changed, {"public_key": public()}) == 401


def test_sendgrid_may_use_basic_instead_or_besides() -> None:
    webhook("sendgrid").check(request(b"[]", **AUTHORIZATION), BASIC)
    webhook("sendgrid").check(sendgrid_request(**AUTHORIZATION), {"public_key": public(), **BASIC})
    assert refusal("sendgrid", sendgrid_request(), {"public_key": public(), **BASIC}) == 401
    assert refusal("sendgrid", request(b"[]", **AUTHORIZATION), {"public_key": public(), **BASIC}) == 401
    assert refusal("sendgrid", request(b"[]"), {}) == 401


MAILGUN_KEY = {"secret": "signing-key"}


ONCE = "a8ce0edb2dd8"


def signed(timestamp: str = "1529006854", token: str = ONCE) -> dict[str, str]:
    digest = hmac.new(b"signing-key", (timestamp + token).encode(), hashlib.sha256).hexdigest()
    return {"timestamp": timestamp, "token": token, "signature": digest}


def mailgun_request(block: object) -> Request:
    return request(json.dumps({"signature": block, "event-data": {"event": "opened"}}).encode())


def test_what_mailgun_signed_passes_and_gives_its_token() -> None:
    assert webhook("mailgun").check(mailgun_request(signed()), MAILGUN_KEY) == "a8ce0edb2dd8"
    assert webhook("mailgun").check(form(("event", "opened"), *signed().items()), MAILGUN_KEY) == "a8ce0edb2dd8"
    posted = request(urlencode(signed()).encode(), "application/x-www-form-urlencoded")
    assert webhook("mailgun").check(posted, MAILGUN_KEY) == "a8ce0edb2dd8"


def test_a_form_is_signed_with_the_last_of_its_values() -> None:
    fields = [("token", "variable"), *signed().items()]
    assert webhook("mailgun").check(form(*fields), MAILGUN_KEY) == "a8ce0edb2dd8"
    assert refusal("mailgun", form(*signed().items(), ("token", "variable")), MAILGUN_KEY) == 401


@pytest.mark.parametrize(
    "block",
    [
        {},
        None,
        "text",
        [],
        {**signed(), "token": "other"},
        {**signed(), "timestamp": "1529006855"},
        {**signed(), "signature": "0" * 64},
        {**signed(), "signature": ""},
        {**signed(), "token": {}},
    ],
    ids=str,
)
def test_what_mailgun_did_not_sign_is_refused(block: object) -> None:
    assert refusal("mailgun", mailgun_request(block), MAILGUN_KEY) == 401


def test_mailgun_needs_its_key_and_may_ask_for_basic_besides() -> None:
    assert refusal("mailgun", mailgun_request(signed()), {}) == 401
    assert refusal("mailgun", mailgun_request(signed()), {"secret": "other"}) == 401
    assert refusal("mailgun", mailgun_request(signed()), {**MAILGUN_KEY, **BASIC}) == 401
    assert refusal("mailgun", request(b"[1]"), MAILGUN_KEY) == 401
    assert refusal("mailgun", request(b"{"), MAILGUN_KEY) == 400


def test_postmark_is_known_by_basic() -> None:
    webhook("postmark").check(request(b"{}", **AUTHORIZATION), BASIC)
    assert refusal("postmark", request(b"{}"), BASIC) == 401


def test_variables_among_the_fields_of_a_form_are_put_aside() -> None:
    found = landed(
        "mailgun",
        form(("event", "clicked"), ("event", "mine"), ("token", "mine"), ("token", "own"), ("tag", "a"), ("tag", "b")),
    )
    assert found == {
        "event": "clicked",
        "token": "own",
        "tag": ["a", "b"],
        "user-variables": {"event": "mine", "token": "mine"},
    }


RAW = "From: Café <r@example.org>\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nGrüße".encode("latin-1")


@pytest.mark.parametrize(("name", "field"), [("sendgrid", "email"), ("mailgun", "body-mime")])
def test_of_a_raw_message_in_a_form_what_it_says_is_landed(name: str, field: str) -> None:
    found = landed(name, form((field, RAW), ("to", "x@example.com")))
    assert set(found) == {"to", MAIL}
    assert found[MAIL]["text"] == "Grüße"


def test_a_raw_message_of_postmark_and_its_files_are_read_before_they_are_landed() -> None:
    mail = {"RawEmail": "From: a@example.org\n\nHello", "Attachments": [{"Name": "a.pdf", "Content": "c2VjcmV0"}, 5]}
    found = landed("postmark", request(json.dumps(mail).encode()))
    assert found["Attachments"] == [{"Name": "a.pdf"}, 5]
    assert found[MAIL]["text"] == "Hello"
    assert "RawEmail" not in found
    assert landed("postmark", request(b'{"Attachments":"none"}')) == {"Attachments": "none"}
    assert landed("postmark", request(b'[{"RecordType":"Open"}]')) == [{"RecordType": "Open"}]


@pytest.mark.parametrize("encoding", ["UTF8", "BASE64", "broken"])
def test_received_mail_of_amazon_is_read_before_it_is_landed(encoding: str) -> None:
    plain = "From: a@example.org\r\n\r\nHello"
    content = base64.b64encode(plain.encode()).decode() if encoding == "BASE64" else plain
    message = {
        "notificationType": "Received",
        "receipt": {"action": {"encoding": "BASE64" if encoding == "broken" else encoding}},
        "content": content,
    }
    wrapped = {"Type": "Notification", "MessageId": "1", "Message": json.dumps(message)}
    found = landed("amazon_ses", request(json.dumps(wrapped).encode(), "text/plain"))
    assert found["sns"] == {"Type": "Notification", "MessageId": "1"}
    assert "content" not in found
    assert found[MAIL]["text"] == "Hello"
    assert landed("amazon_ses", request(json.dumps(message).encode()))[MAIL] == found[MAIL]


@pytest.mark.parametrize("inner", ["{", "5", '"text"', '{"notificationType":"Bounce","content":"x"}'])
def test_other_messages_of_amazon_are_landed_as_they_came(inner: str) -> None:
    wrapped = {"Type": "Notification", "Message": inner}
    assert landed("amazon_ses", request(json.dumps(wrapped).encode())) == wrapped
    assert landed("amazon_ses", request(b"[5]")) == [5]


def test_texts_of_a_form_are_read_in_the_encodings_that_it_names() -> None:
    fields = [("text", "Grüße — ja".encode("cp1252")), ("subject", "ü".encode()), ("html", b"\xff\xfc")]
    charsets = ("charsets", '{"text":"windows-1252","subject":"UTF-8","html":"klingon","other":5}')
    found = landed("sendgrid", form(charsets, *fields, file=b"secret"))
    assert (found["text"], found["subject"], found["attachment1"]) == ("Grüße — ja", "ü", "secret.pdf")
    assert found["html"] == "\xff\xfc"
    for broken in ("{", "[]"):
        assert landed("sendgrid", form(("charsets", broken), ("text", "a")))["text"] == "a"
