"""What a connector says of its provider's webhook: how requests are known to be genuine, and what of them is landed."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from pipelines.collect.forms import form_pairs

# The settings of the source by name, for example secret, public_key, username, password, auth_token.
Secrets = Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """An HTTP request as it came: what a check and a record rest on.

    `url` is as the sender wrote it (scheme, host, path, query), `headers` have names in lower case, `body` is what
    stood in it before Content-Encoding, `received_at` is UTC.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True)
class Answer:
    """What is answered to a request of a handshake, which is not landed.

    `fetch_url` is an address that is fetched to confirm a subscription, where the settings allow that; empty for none.
    """

    status: int
    body: bytes = b""
    media_type: str = "text/plain"
    fetch_url: str = ""


class RefusedError(Exception):
    """A request that is not landed: the HTTP status, and the reason for its sender, which quotes no payload."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def media_type(headers: Mapping[str, str]) -> str:
    """The media type of a body in small letters, without its parameters; empty where the headers name none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def json_record(request: Request) -> bytes:
    """The body as JSON on one line. Raises RefusedError for a body that is no JSON object or array."""
    try:
        value = json.loads(request.body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as problem:
        raise RefusedError(400, "the body is not valid JSON in UTF-8") from problem
    if not isinstance(value, dict | list):
        raise RefusedError(400, "the body is neither a JSON object nor an array")
    # JSON has no newline inside a text, so each one in the body stands between two values.
    return request.body.replace(b"\r", b" ").replace(b"\n", b" ").strip()


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def form_fields(request: Request, encodings: Mapping[str, str] | None = None) -> dict[str, str | list[str]]:
    """The fields of a form (URL-encoded or multipart) by name. Raises RefusedError for a body that is no form.

    `encodings` are those of fields of a multipart form that do not say it themselves; else it is UTF-8.
    """
    fields: dict[str, str | list[str]] = {}
    for name, value in _pairs(request, encodings):
        before = fields.get(name)
        if isinstance(before, list):
            before.append(value)
        else:
            fields[name] = value if before is None else [before, value]
    return fields


def last_text(value: str | Sequence[str]) -> str:
    """The text of a field of a form; of a field that occurs again the last one."""
    return value if isinstance(value, str) else value[-1]


def _pairs(request: Request, encodings: Mapping[str, str] | None) -> list[tuple[str, str]]:
    try:
        pairs = form_pairs(request.headers.get("content-type", ""), request.body, encodings)
    except ValueError as problem:
        raise RefusedError(400, "the body is not a form in UTF-8") from problem
    if not pairs:
        raise RefusedError(400, "the body has no field of a form")
    return pairs


def none(_request: Request, _secrets: Secrets) -> Answer | None:
    """The handshake of a provider that has none."""
    return None


@dataclass(frozen=True)
class Webhook:
    """How a provider's requests are known to be its own, and what of them is landed.

    `secrets` are the names of the settings that the check needs; () where the vendor signs nothing: Basic is used
    (settings username and password). `check` raises RefusedError, and gives a token that may be used only once, or
    None. `record` gives the payload as one JSON text without newlines, or raises RefusedError. `headers` (lower case)
    are the request headers that the record needs, kept in the envelope. `handshake` gives the answer to a request that
    is no event; it is asked before the check. `or_basic`: a source may have Basic's settings in place of `secrets`, and
    the check then asks for Basic.
    """

    secrets: tuple[str, ...]
    check: Callable[[Request, Secrets], str | None]
    record: Callable[[Request], bytes] = json_record
    headers: tuple[str, ...] = ()
    handshake: Callable[[Request, Secrets], Answer | None] = none
    or_basic: bool = False
