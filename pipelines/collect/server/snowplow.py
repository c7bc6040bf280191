"""Snowplow's tracker protocol: POST of payload_data, and the pixel.

Source: Snowplow, Tracker Protocol; Stream Collector. No cookie is set: the trackers' own ids say who it is.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response

from pipelines.collect.server.bodies import Share, read_body
from pipelines.collect.server.collector import MEBIBYTE, Collector
from pipelines.collect.server.lines import enveloped, parsed
from pipelines.collect.server.sources import Source
from pipelines.collect.webhook import RefusedError

CONNECTOR = "snowplow"
_SCHEMA = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"
_HEADERS = ("user-agent", "referer")
_PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


async def payload_data(collector: Collector, request: HttpRequest, share: Share) -> Response:
    """Events that a tracker posts."""
    body = await read_body(request, share, MEBIBYTE)
    found = parsed(body)
    events = found.get("data") if isinstance(found, dict) else None
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise RefusedError(400, "the body is no payload_data; 'data' must be an array of objects")
    await _land(collector, request, body, events)
    return PlainTextResponse("ok")


async def pixel(collector: Collector, request: HttpRequest, _share: Share) -> Response:
    """An event in the query of an image."""
    event = dict(request.query_params)
    if event:
        payload = orjson.dumps({"schema": _SCHEMA, "data": [event]}, default=str)
        await _land(collector, request, payload, [event])
    return Response(_PIXEL, media_type="image/gif", headers={"Cache-Control": "no-cache, no-store, must-revalidate"})


async def _land(collector: Collector, request: HttpRequest, payload: bytes, events: Sequence[dict[str, Any]]) -> None:
    if not events:
        return
    source = _source_of(collector, events)
    headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
    await collector.land(source, enveloped(payload, collector.now(), headers), len(events))


def _source_of(collector: Collector, events: Sequence[dict[str, Any]]) -> Source:
    """Trackers send no key: the only source takes all, else the app id (aid) is what the write key of one must be.

    Raises RefusedError: 400 for events of several apps in one request, 401 for one that is unknown.
    """
    only = collector.sources.only(CONNECTOR)
    if only is not None:
        return only
    apps = {str(event.get("aid", "")) for event in events}
    if len(apps) != 1:
        raise RefusedError(400, "the events are of several apps; send those of one app id at once")
    return collector.sources.with_key(CONNECTOR, apps.pop())
