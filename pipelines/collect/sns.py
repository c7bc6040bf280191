"""Amazon SNS: which messages are its own, and how a subscription is confirmed.

Source: Amazon SNS Developer Guide, Verifying the signatures of Amazon SNS messages; HTTP/HTTPS notification JSON.
Settings of a source, all texts: `certificates` (PEM, one or several), `topic_arn` (those that may send, with commas),
`fetch_certificates` and `confirm_subscriptions` (true). Nothing is fetched unless one of the last two says so.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from http.client import HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import Certificate, load_pem_x509_certificates

from pipelines.collect.signatures import basic, decoded, demand_rsa, secret_of
from pipelines.collect.webhook import Answer, RefusedError, Request, Secrets, json_record

# The text that is signed holds these fields, as far as they are there, each as name, newline, value, newline.
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_DIGESTS = {"1": "sha1", "2": "sha256"}
_HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]+\.pem")
_NOT_AMAZON = "an address in the message is not one of Amazon SNS"
_FETCH_SECONDS = 10.0
_MAX_CERTIFICATE_BYTES = 64 * 1024


def check(request: Request, secrets: Secrets) -> None:
    """The signature of the message where the source has or fetches certificates; Basic where it has a username or none.

    A signature says only that SNS sent the message, for whomever: so `topic_arn` must name the topic. A message of raw
    delivery is not signed. Raises RefusedError.
    """
    is_signed = bool(secrets.get("certificates")) or _is_on(secrets, "fetch_certificates")
    if is_signed:
        _demand_signed(request, secrets)
    if secrets.get("username") or not is_signed:
        basic(request, secrets)


def confirmation(request: Request, secrets: Secrets) -> Answer | None:
    """Confirms a subscription, if the source allows that and the request passes its check; None for all else.

    Where it is not allowed, the request is landed like an event and says where it can be confirmed by hand. Raises
    RefusedError for a topic that is not the source's, and for an address that is not Amazon's.
    """
    message = _message(request)
    if message.get("Type") != "SubscriptionConfirmation" or not _is_on(secrets, "confirm_subscriptions"):
        return None
    check(request, secrets)
    if secrets.get("topic_arn"):
        _demand_topic(message, secrets)
    url = message.get("SubscribeURL")
    parts = _amazon(url)
    if parse_qs(parts.query).get("Action") != ["ConfirmSubscription"]:
        raise RefusedError(403, "the address does not confirm a subscription")
    return Answer(200, b"confirmed", fetch_url=str(url))


def _message(request: Request) -> dict[str, Any]:
    """The message; empty for what is none."""
    try:
        message = json.loads(json_record(request)) if request.body else None
    except RefusedError:
        message = None
    return message if isinstance(message, dict) else {}


def _is_on(secrets: Secrets, name: str) -> bool:
    return secrets.get(name, "").strip().lower() == "true"


def _demand_signed(request: Request, secrets: Secrets) -> None:
    message = _message(request)
    _demand_topic(message, secrets)
    signed, algorithm = _signed(message)
    signature = decoded(_text(message, "Signature"))
    for certificate in _certificates(message, secrets):
        is_valid = certificate.not_valid_before_utc <= request.received_at <= certificate.not_valid_after_utc
        if is_valid and _is_of(certificate, signature, signed, algorithm):
            return
    raise RefusedError(401, "the signature is of none of the source's certificates that are valid now")


def _demand_topic(message: dict[str, Any], secrets: Secrets) -> None:
    allowed = [topic.strip() for topic in secret_of(secrets, "topic_arn").split(",")]
    if _text(message, "TopicArn") not in allowed:
        raise RefusedError(403, "the topic is none of those in the source's setting topic_arn")


def _signed(message: dict[str, Any]) -> tuple[bytes, str]:
    """What is signed, and with which digest."""
    fields = _SIGNED.get(_text(message, "Type"))
    algorithm = _DIGESTS.get(str(message.get("SignatureVersion", "")))
    if fields is None or algorithm is None:
        raise RefusedError(401, "the message is not signed in a way that SNS has")
    lines = (f"{name}\n{_text(message, name)}\n" for name in fields if message.get(name) is not None)
    return "".join(lines).encode("utf-8", "surrogatepass"), algorithm


def _text(message: dict[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not value:
        raise RefusedError(401, f"the message has no {name}")
    return value


def _certificates(message: dict[str, Any], secrets: Secrets) -> Iterator[Certificate]:
    """Those of the settings; then the one that the message names, if it may be fetched."""
    yield from _loaded(secrets.get("certificates", ""))
    if _is_on(secrets, "fetch_certificates"):
        parts = _amazon(message.get("SigningCertURL"))
        if not _CERTIFICATE.fullmatch(parts.path) or parts.query:
            raise RefusedError(403, "the address of the certificate is not SNS's")
        yield from _loaded(_fetched(parts.netloc, parts.path))


def _amazon(url: object) -> SplitResult:
    """The parts of an address of SNS. Raises RefusedError for any other."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError as problem:
        raise RefusedError(403, _NOT_AMAZON) from problem
    # The whole authority is compared: neither a login nor a port may stand in it.
    if parts.scheme != "https" or not _HOST.fullmatch(parts.netloc):
        raise RefusedError(403, _NOT_AMAZON)
    return parts


def _loaded(text: str) -> Iterable[Certificate]:
    if not text.strip():
        return []
    try:
        return load_pem_x509_certificates(text.encode())
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise RefusedError(401, "a certificate of the source is not PEM") from problem


def _is_of(certificate: Certificate, signature: bytes, signed: bytes, algorithm: str) -> bool:
    try:
        demand_rsa(certificate.public_key(), signature, signed, algorithm)
    except RefusedError:
        return False
    return True


@lru_cache(maxsize=16)
def _fetched(host: str, path: str) -> str:
    """The certificate at an address of Amazon, fetched once, without redirections. Raises RefusedError (502)."""
    connection = HTTPSConnection(host, timeout=_FETCH_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read(_MAX_CERTIFICATE_BYTES)
    except (OSError, HTTPException) as problem:
        raise RefusedError(502, "the certificate could not be fetched") from problem
    finally:
        connection.close()
    if answer.status != 200:
        raise RefusedError(502, "the certificate could not be fetched")
    return text.decode("ascii", "replace")
