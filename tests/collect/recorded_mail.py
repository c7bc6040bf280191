"""Requests that a well-known project recorded of e-mail providers, and how each is put to a connector's Webhook.

They lie in ../shared/data/email_webhooks (BSD licence, see LICENSE there); tests skip where the folder is missing.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pipelines.collect.connectors import connectors
from pipelines.collect.server.lines import enveloped
from pipelines.collect.webhook import RefusedError, Request, Webhook

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "email_webhooks"
PROVIDERS = ("amazon_ses", "mailgun", "postmark", "sendgrid")
RECEIVED_AT = datetime(2024, 5, 31, 12, tzinfo=UTC)
# Settings of the recording project's tests.
BASIC = ("username", "password")
ROTATED = [("cred1", "pass1"), ("cred2", "pass2"), ("cred2", "pass2")]
SIGNING_KEYS = {"test_defaults_webhook_signing_to_api_key": "TEST_API_KEY", "test_requires_webhook_signing_key": ""}
# The private key of its signatures was not recorded: what was signed rightly is signed anew with this one.
KEY = ec.derive_private_key(271828, ec.SECP256R1())
PUBLIC_KEY = base64.b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
_SIGNED = "x-twilio-email-event-webhook-"


@dataclass(frozen=True)
class Recorded:
    """A request with the settings that its case needs, and what the project expects."""

    name: str
    request: Request
    secrets: Mapping[str, str]
    status: int | None
    events: list[dict[str, Any]]


def recorded(provider: str) -> Iterator[Recorded]:
    """The recorded requests of a provider in their order; status is None where the project's settings were wrong."""
    rotation = iter(ROTATED)
    for place, line in enumerate((FOLDER / f"{provider}.jsonl").read_text(encoding="utf-8").splitlines()):
        raw = json.loads(line)
        name = raw["test"].rpartition(".")[2]
        own = next(rotation) if name == "test_supports_credential_rotation" else BASIC
        secrets = _secrets(provider, raw["test"], own)
        status = raw["status"] if isinstance(raw["status"], int) else None
        request = _request(provider, raw, _given(name, own, status), is_signed=status == 200)
        yield Recorded(f"{place}-{name}", request, secrets, status, raw["events"])


def answered(provider: str, case: Recorded) -> tuple[int, str | None]:
    """The status of the answer, and the line that is landed (None for none): what the collector's server does."""
    webhook = connectors()[provider].webhook
    assert webhook is not None
    try:
        answer = webhook.handshake(case.request, case.secrets)
        if answer is not None:
            return answer.status, None
        webhook.check(case.request, case.secrets)
        return 200, landed(case.request, webhook)
    except RefusedError as refused:
        return refused.status, None


def landed(request: Request, webhook: Webhook) -> str:
    """The line that the collector lands for a request."""
    kept = {name: request.headers[name] for name in webhook.headers if name in request.headers}
    return enveloped(webhook.record(request), request.received_at, kept).decode()


def _secrets(provider: str, test: str, own: tuple[str, str]) -> dict[str, str]:
    name = test.rpartition(".")[2]
    if name == "test_sns_subscription_confirmation_auth_disabled":
        return {}
    secrets = dict(zip(("username", "password"), own, strict=True))
    if "subscription" in name and "disable" not in name:
        secrets["confirm_subscriptions"] = "true"
    if provider == "mailgun":
        secrets["secret"] = SIGNING_KEYS.get(name, "TEST_WEBHOOK_SIGNING_KEY")
    if "SignedWebhookSecurity" in test:
        secrets["public_key"] = PUBLIC_KEY
        if "BasicAuth" not in test:
            del secrets["username"], secrets["password"]
    return secrets


def _given(name: str, own: tuple[str, str], status: int | None) -> tuple[str, str] | None:
    """The user and password that a case sends."""
    if name in ("test_verifies_missing_auth", "test_sns_subscription_confirmation_auth_disabled"):
        return None
    is_bad = name == "test_verifies_bad_auth" or (name == "test_supports_credential_rotation" and status != 200)
    return ("baduser", "wrongpassword") if is_bad else own


def _request(provider: str, raw: dict[str, Any], given: tuple[str, str] | None, *, is_signed: bool) -> Request:
    sent = raw["request"]
    body = base64.b64decode(sent["body_base64"]) if "body_base64" in sent else sent["body"].encode()
    headers = {"content-type": sent["content_type"]}
    for name, value in sent["headers"].items():
        text = base64.b64decode(value["__base64__"]).decode() if isinstance(value, dict) else value
        headers[name.removeprefix("HTTP_").lower().replace("_", "-")] = text
    if given:
        headers["authorization"] = "Basic " + base64.b64encode(":".join(given).encode()).decode()
    if is_signed and f"{_SIGNED}signature" in headers:
        signed = headers[f"{_SIGNED}timestamp"].encode() + body
        headers[f"{_SIGNED}signature"] = base64.b64encode(KEY.sign(signed, ec.ECDSA(SHA256()))).decode()
    url = f"https://collector.example.com/webhooks/{provider}"
    return Request(sent["method"], url, headers, body, RECEIVED_AT)
