"""Segment's HTTP tracking API, which RudderStack's and Jitsu's clients speak, too.

Source: Segment, HTTP Tracking API Source (limits, authentication); analytics.js 2.0 for the short paths.
"""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from pipelines.collect.server.bodies import Share, read_body
from pipelines.collect.server.collector import Collector
from pipelines.collect.server.keys import key_of
from pipelines.collect.server.lines import dumped, instant, line, parsed
from pipelines.collect.server.sources import Source
from pipelines.collect.webhook import RefusedError

CONNECTOR = "segment"
MAX_EVENT_BYTES = 32 * 1024
MAX_BATCH_BYTES = 500 * 1024
_BATCH = "batch"
_CALLS = {name: name for name in ("identify", "track", "page", "screen", "group", "alias", _BATCH)}
# What browsers call them.
_SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias", "b": _BATCH}
CALLS = {**_CALLS, **_SHORT, "import": _BATCH}
# What only the server knows, or must not be kept.
_OURS = ("receivedAt", "writeKey")

Event = dict[str, Any]


async def track(collector: Collector, request: HttpRequest, share: Share) -> Response:
    """A call, or a batch of them."""
    name = request.path_params["call"]
    if name not in CALLS:
        raise RefusedError(404, f"'{name}' is no call; there are {', '.join(_CALLS)}")
    key = key_of(request)
    source = collector.sources.with_key(CONNECTOR, key) if key else None
    received_at = instant(collector.now())
    body = await _body(request, share)
    found = parsed(body)
    if not isinstance(found, dict):
        raise RefusedError(400, "the body is not a JSON object")
    source = source or _source_of(collector, found)
    call = CALLS[name]
    events = _events(found, call)
    _demand_small(body, events, call)
    if events:
        await collector.land(source, _line(body, found, events, call, received_at), len(events))
    return JSONResponse({"success": True})


async def _body(request: HttpRequest, share: Share) -> bytes:
    try:
        return await read_body(request, share, MAX_BATCH_BYTES)
    except RefusedError as refused:
        if refused.status != 413:
            raise
        raise RefusedError(400, f"a batch may have {MAX_BATCH_BYTES:,} bytes; send less at once") from refused


def _source_of(collector: Collector, found: Event) -> Source:
    """Browsers cannot always send a header, and say the key in the body."""
    key = found.get("writeKey")
    return collector.sources.with_key(CONNECTOR, key if isinstance(key, str) else "")


def _events(found: Event, call: str) -> list[Event]:
    events = found.get(_BATCH) if call == _BATCH else [found]
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise RefusedError(400, "'batch' is not an array of objects")
    return events


def _demand_small(body: bytes, events: Sequence[Event], call: str) -> None:
    """Raise RefusedError (400) for an event over the limit. None of a small body is."""
    if len(body) <= MAX_EVENT_BYTES:
        return
    if call != _BATCH or any(len(dumped(event)) > MAX_EVENT_BYTES for event in events):
        raise RefusedError(400, f"an event may have {MAX_EVENT_BYTES:,} bytes; send smaller ones")


def _line(body: bytes, found: Event, events: Sequence[Event], call: str, received_at: str) -> bytes:
    """The line that is landed: the body as it came, with the server's received time before it, and the call's type."""
    ours: Event = {"receivedAt": received_at}
    if call != _BATCH and found.get("type") != call:
        ours["type"] = call
    taken = (*_OURS, "type") if call == _BATCH or "type" in ours else _OURS
    is_changed = _take(found, taken)
    if call == _BATCH:
        is_changed = sum(_take(event, _OURS) for event in events) + is_changed
    payload = dumped(found) if is_changed else body.strip()
    others = payload[1:].lstrip()
    return line(dumped(ours)[:-1] + (b"" if others.startswith(b"}") else b",") + others)


def _take(event: Event, names: Sequence[str]) -> int:
    """Take fields away; gives how many there were."""
    return sum(event.pop(name, _take) is not _take for name in names)
