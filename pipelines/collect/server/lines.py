"""From payloads to the lines that are landed: each payload is one line, whatever white space it had."""

from collections.abc import Mapping
from datetime import datetime

import orjson

from pipelines.collect.requests import ENVELOPE
from pipelines.collect.text_lines import MAX_LINE_BYTES
from pipelines.collect.webhook import RefusedError


def instant(moment: datetime) -> str:
    """A time in UTC as ISO 8601, to the millisecond."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def enveloped(payload: bytes, received_at: datetime, headers: Mapping[str, str]) -> bytes:
    """The line of a payload (JSON) in the envelope of its request. Raises RefusedError (413)."""
    said = orjson.dumps({"received_at": instant(received_at), "headers": dict(headers)})
    return line(b'{"' + ENVELOPE.encode() + b'":' + said + b',"body":' + payload + b"}")


def line(payload: bytes) -> bytes:
    """JSON as one line with its newline: none stands inside a text. Raises RefusedError (413) if it is too long."""
    if len(payload) >= MAX_LINE_BYTES:
        raise RefusedError(413, f"the payload is larger than {MAX_LINE_BYTES:,} bytes; send less at once")
    return payload.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"


def parsed(body: bytes) -> object:
    """The body as JSON. Raises RefusedError (400), also for what JSON allows and others don't read: lone surrogates."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise RefusedError(400, "the body is not valid JSON in UTF-8") from problem


def dumped(value: object) -> bytes:
    """What was parsed as JSON again. Raises RefusedError (400) for what is nested deeper than can be written."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as problem:
        raise RefusedError(400, "the payload is nested more than 250 levels deep; send a flatter one") from problem
