"""Requests of e-mail providers as these sign them, made independently of the checks."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pipelines.collect.webhook import Request
from tests.collect.golden import SAMPLES

URL = "https://collect.example.org/webhooks/mail?source=shop"
AT = datetime(2026, 12, 1, 12, tzinfo=UTC)
Secrets = Mapping[str, str]
Headers = dict[str, str]


def request(body: bytes, headers: Mapping[str, str] | None = None, method: str = "POST", url: str = URL) -> Request:
    return Request(method, url, headers or {}, body, AT)


@dataclass(frozen=True)
class Provider:
    """How a provider signs: the settings it shares with us, the header or field that proves, and how it is made."""

    secrets: Secrets
    proof: str
    sign: Callable[[bytes, Secrets], Headers]
    wrap: Callable[[bytes, Secrets], bytes] = lambda body, _secrets: body


@cache
def rsa_key(_number: int = 0) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def public_text(key: RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def _basic(_body: bytes, secrets: Secrets) -> Headers:
    pair = f"{secrets['username']}:{secrets['password']}"
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _hex(name: str) -> Callable[[bytes, Secrets], Headers]:
    return lambda body, secrets: {name: hmac.new(secrets["secret"].encode(), body, hashlib.sha256).hexdigest()}


def _mandrill(body: bytes, secrets: Secrets) -> Headers:
    events = body.decode()
    signed = f"{URL}mandrill_events{events}".encode()
    digest = hmac.new(secrets["secret"].encode(), signed, hashlib.sha1).digest()
    return {
        "x-mandrill-signature": base64.b64encode(digest).decode(),
        "content-type": "application/x-www-form-urlencoded",
    }


def _postal(body: bytes, _secrets: Secrets) -> Headers:
    signature = rsa_key().sign(body, PKCS1v15(), hashes.SHA256())
    return {"x-postal-signature-256": base64.b64encode(signature).decode(), "x-postal-signature": "old"}


def _svix(body: bytes, secrets: Secrets) -> Headers:
    key = base64.b64decode(secrets["secret"].removeprefix("whsec_"))
    moment = str(int(AT.timestamp()))
    digest = hmac.new(key, f"msg_1.{moment}.".encode() + body, hashlib.sha256).digest()
    signature = "v1,other v1," + base64.b64encode(digest).decode()
    return {"svix-id": "msg_1", "svix-timestamp": moment, "svix-signature": signature}


def _with_auth(body: bytes, secrets: Secrets) -> bytes:
    """The body with the digest of itself, as it is with the key in its place."""
    said = json.loads(body)
    whole = said if isinstance(said, dict) else {"events_by_user": said}
    text = json.dumps({**whole, "auth": "@"}, separators=(",", ":"))
    keyed = text.replace('"@"', f'"{secrets["secret"]}"').encode()
    digest = hashlib.md5(keyed, usedforsecurity=False).hexdigest()
    return text.replace('"@"', f'"{digest}"').encode()


_USER = {"username": "rapport", "password": "pa:ss"}
_SECRET = {"secret": "key-1"}
PROVIDERS: dict[str, Provider] = {
    "brevo": Provider(_USER, "authorization", _basic),
    "mailersend": Provider(_SECRET, "signature", _hex("signature")),
    "mailjet": Provider(_USER, "authorization", _basic),
    "mandrill": Provider(
        _SECRET,
        "x-mandrill-signature",
        _mandrill,
        lambda body, _secrets: urlencode({"mandrill_events": body.decode()}).encode(),
    ),
    "mailtrap": Provider(_SECRET, "mailtrap-signature", _hex("mailtrap-signature")),
    "postal": Provider({}, "x-postal-signature-256", _postal),
    "resend": Provider({"secret": "whsec_" + base64.b64encode(b"svix key").decode()}, "svix-signature", _svix),
    "sparkpost": Provider(_USER, "authorization", _basic),
    "unisender_go": Provider(_SECRET, "auth", lambda _body, _secrets: {}, _with_auth),
}
SIGNED = [name for name in PROVIDERS if PROVIDERS[name].proof != "authorization"]


def secrets_of(name: str) -> Secrets:
    return {"public_key": public_text(rsa_key())} if name == "postal" else PROVIDERS[name].secrets


def signed(name: str, payload: Any) -> Request:
    """A request of provider `name` with this payload (JSON, or its text)."""
    provider, secrets = PROVIDERS[name], secrets_of(name)
    plain = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return request(provider.wrap(plain, secrets), provider.sign(plain, secrets))


def sample_payload(name: str) -> Any:
    """The first documented payload of the provider's sample."""
    return json.loads((SAMPLES / name / "input.ndjson").read_text(encoding="utf-8").splitlines()[0])
