import base64
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pipelines.collect import signatures
from pipelines.collect.signatures import (
    Check,
    after_header,
    demand_ecdsa,
    demand_recent,
    demand_rsa,
    hmac_in,
    public_key,
    same_as,
    standard_webhooks,
)
from pipelines.collect.webhook import RefusedError, Request

BODY = b'{"a":1}'
AT = datetime(2024, 3, 1, 10, tzinfo=UTC)
NOW = str(int(AT.timestamp()))


def request(**headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", "https://collect.example.com/webhooks/x", named, BODY, AT)


def mac(data: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.digest(b"key", data, algorithm)


def code(data: bytes) -> str:
    return base64.b64encode(data).decode()


SVIX = code(mac(b"id." + NOW.encode() + b"." + BODY))
RIGHT: list[tuple[Check, dict[str, str], dict[str, str]]] = [
    (same_as("x-token"), {"secret": "key"}, {"x_token": "key"}),
    (same_as("authorization", prefix="Bearer "), {"secret": "key"}, {"authorization": "Bearer key"}),
    (hmac_in("x-s"), {"secret": "key"}, {"x_s": mac(BODY).hex()}),
    (hmac_in("x-s", prefix="sha1=", algorithm="sha1"), {"secret": "key"}, {"x_s": "sha1=" + mac(BODY, "sha1").hex()}),
    (
        hmac_in("x-s", "other", signed=after_header("x-t", b".")),
        {"other": "key"},
        {"x_t": "5", "x_s": mac(b"5." + BODY).hex()},
    ),
    (hmac_in("x-s", encoding="base64"), {"secret": "key"}, {"x_s": code(mac(BODY))}),
    (
        standard_webhooks(),
        {"secret": "whsec_" + code(b"key")},
        {"webhook_id": "id", "webhook_timestamp": NOW, "webhook_signature": f"v1,x v1,{SVIX}"},
    ),
    (
        standard_webhooks("svix"),
        {"secret": code(b"key")},
        {"svix_id": "id", "svix_timestamp": NOW, "svix_signature": f"v1,{SVIX}"},
    ),
]


@pytest.mark.parametrize(("check", "secrets", "headers"), RIGHT, ids=[str(number) for number in range(len(RIGHT))])
def test_a_genuine_request_passes_and_any_other_does_not(
    check: Check, secrets: dict[str, str], headers: dict[str, str]
) -> None:
    assert check(request(**headers), secrets) is None
    for name, value in headers.items():
        for wrong in ("", value[:-1] + ("A" if value[-1] != "A" else "B"), "é"):
            with pytest.raises(RefusedError) as refused:
                check(request(**{**headers, name: wrong}), secrets)
            assert refused.value.status == 401
    for other in ({}, dict.fromkeys(secrets, "whsec_AAAA")):
        with pytest.raises(RefusedError):
            check(request(**headers), other)


@pytest.mark.parametrize("seconds", ["x", "nan", "inf", "0", str(int(NOW) + 301), str(int(NOW) - 301)])
def test_a_signature_of_another_time_is_refused(seconds: str) -> None:
    demand_recent(request(), str(int(NOW) - 299))
    with pytest.raises(RefusedError, match="time"):
        demand_recent(request(), seconds)


CURVE = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
DEMANDS: list[tuple[str, Callable[[object, bytes, bytes], None], object, bytes]] = [
    ("ecdsa", demand_ecdsa, CURVE.public_key(), CURVE.sign(BODY, ec.ECDSA(hashes.SHA256()))),
    ("rsa", demand_rsa, RSA.public_key(), RSA.sign(BODY, PKCS1v15(), hashes.SHA256())),
]


@pytest.mark.parametrize(("demand", "key", "signature"), [row[1:] for row in DEMANDS], ids=[row[0] for row in DEMANDS])
def test_a_signature_of_a_key_holds_for_its_data_alone(
    demand: Callable[[object, bytes, bytes], None], key: object, signature: bytes
) -> None:
    demand(key, signature, BODY)
    for others in ((signature, BODY + b" "), (signature[:-1] + bytes([signature[-1] ^ 1]), BODY), (b"", BODY)):
        with pytest.raises(RefusedError, match="wrong"):
            demand(key, *others)
    with pytest.raises(RefusedError, match="not one of"):
        demand(None, signature, BODY)


def test_keys_come_as_pem_or_as_base64_of_der() -> None:
    pem = CURVE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    der = code(CURVE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    assert public_key(pem) == public_key(der) == CURVE.public_key()
    for wrong in ("", "no key", "AAAA", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"):
        with pytest.raises(RefusedError):
            public_key(wrong)


def test_checks_by_a_public_key_of_the_source() -> None:
    old = signatures.RSA_HASHES["sha1"]()
    signed: list[tuple[Check, ec.EllipticCurvePublicKey | rsa.RSAPublicKey, bytes]] = [
        (signatures.ecdsa("x-s"), CURVE.public_key(), CURVE.sign(BODY, ec.ECDSA(hashes.SHA256()))),
        (signatures.rsa("x-s", algorithm="sha1"), RSA.public_key(), RSA.sign(BODY, PKCS1v15(), old)),
    ]
    for check, key, signature in signed:
        der = code(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        assert check(request(x_s=code(signature)), {"public_key": der}) is None
        for value in ("!", code(b"x"), ""):
            with pytest.raises(RefusedError):
                check(request(x_s=value), {"public_key": der})
