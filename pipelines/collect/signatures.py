"""Ready-made checks of webhooks: Basic, HMAC, Standard Webhooks, ECDSA and RSA. All compare in constant time.

Each gives a function that raises RefusedError (401) for a request that is not signed as it must be, and gives no token.
"""

import base64
import hmac
from binascii import Error as BadBase64
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from pipelines.collect.webhook import RefusedError, Request, Secrets

Check = Callable[[Request, Secrets], str | None]
Signed = Callable[[Request], bytes]

TOLERANCE = timedelta(minutes=5)
BASIC = ("username", "password")
# The hashes of RSA signatures by name; some providers sign with no other than sha1.
RSA_HASHES: Mapping[str, type[hashes.SHA1] | type[hashes.SHA256]] = {"sha1": hashes.SHA1, "sha256": hashes.SHA256}


def whole_body(request: Request) -> bytes:
    """What most providers sign: the body."""
    return request.body


def after_header(name: str, separator: bytes = b"") -> Signed:
    """What others sign: the value of the header `name`, `separator`, and the body."""
    return lambda request: header(request, name).encode() + separator + request.body


def header(request: Request, name: str) -> str:
    """The value of a header. Raises RefusedError where it is missing."""
    value = request.headers.get(name, "")
    if not value:
        raise RefusedError(401, f"the header {name} is missing")
    return value


def secret_of(secrets: Secrets, name: str) -> str:
    """A setting of the source. Raises RefusedError where it is missing or empty."""
    value = secrets.get(name, "")
    if not value:
        raise RefusedError(401, f"the source has no setting '{name}'")
    return value


def is_same(given: str | bytes, expected: str | bytes) -> bool:
    """Whether two texts are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(_bytes(given), _bytes(expected))


def _bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def basic(request: Request, secrets: Secrets) -> None:
    """Basic authentication (RFC 7617) with the settings username and password."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    username, password = (secret_of(secrets, name) for name in BASIC)
    is_known = is_same(decoded(given), f"{username}:{password}") if scheme.lower() == "basic" else False
    _demand(is_known, "the user or the password of Basic authentication is wrong or missing")


def same_as(name: str, setting: str = "secret", *, prefix: str = "") -> Check:
    """The header `name` holds the secret itself, after `prefix` (for example "Bearer ")."""

    def check(request: Request, secrets: Secrets) -> None:
        given = header(request, name)
        _demand(is_same(given, prefix + secret_of(secrets, setting)), f"the header {name} is wrong")

    return check


def hmac_in(
    name: str,
    setting: str = "secret",
    *,
    encoding: Literal["hex", "base64"] = "hex",
    algorithm: str = "sha256",
    prefix: str = "",
    signed: Signed = whole_body,
) -> Check:
    """The header `name` holds the HMAC of `signed`, in `encoding`, after `prefix` (for example "sha256=").

    Whether hexadecimal digits are small or capital does not matter.
    """

    def check(request: Request, secrets: Secrets) -> None:
        given, found = header(request, name), hmac_of(secrets, setting, signed(request), algorithm)
        if encoding == "hex":
            matches = is_same(given.lower(), f"{prefix}{found.hex()}".lower())
        else:
            matches = is_same(given, prefix + base64.b64encode(found).decode())
        _demand(matches, f"the signature in {name} is wrong")

    return check


def hmac_of(secrets: Secrets, setting: str, data: bytes, algorithm: str = "sha256") -> bytes:
    """The HMAC of `data` under the key in `setting`. Raises RefusedError where the setting is missing."""
    return hmac.digest(secret_of(secrets, setting).encode(), data, algorithm)


def standard_webhooks(names: str = "webhook", setting: str = "secret") -> Check:
    """Standard Webhooks 1.0 (standardwebhooks.com); with `names` "svix" as Svix sends it.

    Headers <names>-id, <names>-timestamp (Unix seconds, at most five minutes off) and <names>-signature: one or more
    `v1,<base64>`. The secret may begin with `whsec_`.
    """

    def check(request: Request, secrets: Secrets) -> None:
        said, moment = header(request, f"{names}-id"), header(request, f"{names}-timestamp")
        demand_recent(request, moment)
        key = decoded(secret_of(secrets, setting).removeprefix("whsec_"))
        expected = base64.b64encode(hmac.digest(key, f"{said}.{moment}.".encode() + request.body, "sha256")).decode()
        given = header(request, f"{names}-signature").split()
        # All of them are compared, so that the time does not tell which one fits.
        matches = [is_same(one, f"v1,{expected}") for one in given]
        _demand(any(matches), f"the signature in {names}-signature is wrong")

    return check


def demand_recent(request: Request, seconds: str, tolerance: timedelta = TOLERANCE) -> None:
    """Raise RefusedError where Unix `seconds` are more than `tolerance` away from when the request was received."""
    try:
        distance = abs(request.received_at.timestamp() - float(seconds))
    except ValueError as problem:
        raise RefusedError(401, "the time of the signature is no number") from problem
    _demand(distance <= tolerance.total_seconds(), "the time of the signature is too far away; check the clocks")


def decoded(text: str) -> bytes:
    """Base64 as bytes. Raises RefusedError for what is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (BadBase64, ValueError) as problem:
        raise RefusedError(401, "what must be Base64 is not") from problem


def public_key(text: str) -> object:
    """A public key: PEM, or the Base64 of its DER. Raises RefusedError for what is none."""
    try:
        return load_pem_public_key(text.encode()) if "-----" in text else load_der_public_key(decoded(text))
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise RefusedError(401, "the source's setting is not a public key") from problem


def demand_ecdsa(key: object, signature: bytes, data: bytes) -> None:
    """Raise RefusedError where `signature` (DER) is not the key's ECDSA signature over SHA-256 of `data`."""
    if not isinstance(key, EllipticCurvePublicKey):
        raise RefusedError(401, "the source's public key is not one of ECDSA")
    _demand(_verifies(lambda: key.verify(signature, data, ECDSA(hashes.SHA256()))), "the ECDSA signature is wrong")


def demand_rsa(key: object, signature: bytes, data: bytes, algorithm: str = "sha256") -> None:
    """Raise RefusedError where `signature` is not the key's RSA signature (PKCS #1 v1.5) of `data`; see RSA_HASHES."""
    if not isinstance(key, RSAPublicKey):
        raise RefusedError(401, "the public key is not one of RSA")
    kind = RSA_HASHES[algorithm]
    _demand(_verifies(lambda: key.verify(signature, data, PKCS1v15(), kind())), "the RSA signature is wrong")


def ecdsa(name: str, setting: str = "public_key", *, signed: Signed = whole_body) -> Check:
    """The header `name` holds the Base64 of an ECDSA signature (DER, SHA-256) of `signed`."""

    def check(request: Request, secrets: Secrets) -> None:
        signature = decoded(header(request, name))
        demand_ecdsa(public_key(secret_of(secrets, setting)), signature, signed(request))

    return check


def rsa(name: str, setting: str = "public_key", *, algorithm: str = "sha256", signed: Signed = whole_body) -> Check:
    """The header `name` holds the Base64 of an RSA signature (PKCS #1 v1.5) of `signed`."""

    def check(request: Request, secrets: Secrets) -> None:
        signature = decoded(header(request, name))
        demand_rsa(public_key(secret_of(secrets, setting)), signature, signed(request), algorithm)

    return check


def _verifies(verify: Callable[[], object]) -> bool:
    try:
        verify()
    except InvalidSignature:
        return False
    return True


def _demand(is_right: bool, reason: str) -> None:
    if not is_right:
        raise RefusedError(401, reason)
