"""CloudEvents over HTTP: binary, structured and batched, and the handshake of their webhooks.

Source: CloudEvents 1.0, HTTP Protocol Binding, JSON Event Format, HTTP 1.1 Web Hooks for Event Delivery.
"""

import base64
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from pipelines.collect.server.bodies import Share, read_body
from pipelines.collect.server.collector import MEBIBYTE, Collector
from pipelines.collect.server.keys import key_of
from pipelines.collect.server.lines import enveloped, parsed
from pipelines.collect.webhook import RefusedError, media_type

CONNECTOR = "cloudevents"
_STRUCTURED = "application/cloudevents+json"
_BATCHED = "application/cloudevents-batch+json"
_PREFIX = "ce-"
_REQUIRED = ("id", "source", "specversion", "type")
_RATE = "webhook-request-rate"

Event = dict[str, Any]


async def events(collector: Collector, request: HttpRequest, share: Share) -> Response:
    """One event, or a batch; the handshake of a webhook."""
    if request.method == "OPTIONS":
        return _handshake(request)
    key = key_of(request) or request.query_params.get("access_token", "")
    source = collector.sources.with_key(CONNECTOR, key)
    received_at = collector.now()
    body = await read_body(request, share, collector.settings.max_body_mb * MEBIBYTE)
    payload, found = _payload(request, body)
    for event in found:
        _demand_complete(event)
    if found:
        await collector.land(source, enveloped(payload, received_at, {}), len(found))
    return JSONResponse({"success": True})


def _handshake(request: HttpRequest) -> Response:
    """Any origin may send, as often as it likes: a delivery must have the key."""
    origin = request.headers.get("webhook-request-origin")
    if not origin:
        raise RefusedError(400, "the header WebHook-Request-Origin is missing")
    headers = {"Allow": "POST", "WebHook-Allowed-Origin": origin}
    if _RATE in request.headers:
        headers["WebHook-Allowed-Rate"] = request.headers[_RATE]
    return Response(status_code=200, headers=headers)


def _payload(request: HttpRequest, body: bytes) -> tuple[bytes, Sequence[Event]]:
    """What is landed, and the events in it. An event in binary mode becomes the structured one that says the same."""
    kind = media_type(request.headers)
    if kind == _BATCHED:
        found = parsed(body)
        if not isinstance(found, list) or not all(isinstance(event, dict) for event in found):
            raise RefusedError(400, "a batch is a JSON array of events")
        return body, found
    if kind == _STRUCTURED:
        event = parsed(body)
        if not isinstance(event, dict):
            raise RefusedError(400, "an event is a JSON object")
        return body, [event]
    if f"{_PREFIX}specversion" not in request.headers:
        raise RefusedError(
            415, f"send {_STRUCTURED}, {_BATCHED}, or the headers ce-id, ce-source, ce-specversion, ce-type"
        )
    event = _attributes(request)
    return _structured(event, body, kind), [event]


def _attributes(request: HttpRequest) -> Event:
    """The context attributes in the headers (HTTP Protocol Binding, 3.1.3)."""
    said = {name: value for name, value in request.headers.items() if name.startswith(_PREFIX)}
    attributes: Event = {name.removeprefix(_PREFIX): unquote(value.strip('"')) for name, value in said.items()}
    if "content-type" in request.headers:
        attributes["datacontenttype"] = request.headers["content-type"]
    return attributes


def _structured(attributes: Event, body: bytes, media_type: str) -> bytes:
    """The event with its data: JSON as it is, text as a text, else Base64 (JSON Event Format, 3.1)."""
    if not body:
        return orjson.dumps(attributes)
    if media_type.endswith(("/json", "+json")) or not media_type:
        parsed(body)
        return orjson.dumps(attributes)[:-1] + b',"data":' + body + b"}"
    try:
        if media_type.startswith("text/"):
            return orjson.dumps({**attributes, "data": body.decode()})
    except UnicodeDecodeError:
        pass  # of another encoding, which Base64 leaves as it is
    return orjson.dumps({**attributes, "data_base64": base64.b64encode(body).decode()})


def _demand_complete(event: Event) -> None:
    for name in _REQUIRED:
        if not isinstance(event.get(name), str) or not event[name]:
            raise RefusedError(400, f"the event has no '{name}'")
