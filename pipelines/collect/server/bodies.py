"""The bodies of requests: read up to a limit, unpacked up to it, within a budget that all requests share."""

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import Gauge
from starlette.requests import Request as HttpRequest

from pipelines.collect.webhook import RefusedError

_READ_SECONDS = 30.0
_MOST_DIGITS = 18  # of a length that can be meant
_OVERHEAD = 4096  # bytes, about what a request takes beside its body
_USUAL_RATIO = 20  # of a packed body to what is in it
_WBITS = {"gzip": 31, "x-gzip": 31, "deflate": 47}


class Budget:
    """Bytes that all requests at work may hold together. Used by one event loop, so it needs no lock."""

    def __init__(self, limit: int, gauge: Gauge) -> None:
        self._left, self._gauge = limit, gauge

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """The share of one request, which is given back at its end."""
        share = Share(self)
        try:
            share.take(_OVERHEAD)
            yield share
        finally:
            self.change(-share.size)

    def change(self, size: int) -> None:
        """Take `size` bytes, or give them back. Raises RefusedError (429) where they are not there."""
        if size > self._left:
            raise RefusedError(429, "the collector is busy; send it again later")
        self._left -= size
        self._gauge.inc(size)


@dataclass
class Share:
    """What one request holds of a budget."""

    budget: Budget
    size: int = 0

    def take(self, size: int) -> None:
        """Take more. Raises RefusedError (429)."""
        self.budget.change(size)
        self.size += size

    def give_back(self, size: int) -> None:
        """Give some of it back."""
        self.budget.change(-size)
        self.size -= size


async def read_body(request: HttpRequest, share: Share, limit: int) -> bytes:
    """The body without its Content-Encoding. Raises RefusedError: 400, 408, 413 over `limit` bytes, 415, 429."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and said.isascii() and (len(said) > _MOST_DIGITS or int(said) > limit):
        raise _too_large(limit)
    try:
        raw = await asyncio.wait_for(_received(request, share, limit), _READ_SECONDS)
    except TimeoutError as problem:
        raise RefusedError(408, "the body did not come in time") from problem
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return raw
    if encoding not in _WBITS:
        raise RefusedError(415, "Content-Encoding is none of gzip, deflate, identity")
    return await _unpacked(raw, _WBITS[encoding], share, limit)


async def _received(request: HttpRequest, share: Share, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        share.take(len(part))
        parts.append(part)
    return b"".join(parts)


async def _unpacked(raw: bytes, wbits: int, share: Share, limit: int) -> bytes:
    """Unpack within what most bodies need; only one that needs more gets its share of the whole limit."""
    usual = min(limit, _USUAL_RATIO * len(raw))
    for room in sorted({usual, limit}):
        share.take(room)
        try:
            body = await asyncio.to_thread(unpacked, raw, wbits, room)
        except RefusedError:
            share.give_back(room)
            if room == limit:
                raise
        else:
            share.give_back(room - len(body))
            return body
    raise _too_large(limit)


def unpacked(data: bytes, wbits: int, limit: int) -> bytes:
    """Packed data, unpacked. Raises RefusedError: 413 over `limit` bytes, 400 for what is damaged or cut off."""
    unpacking = zlib.decompressobj(wbits)
    try:
        body = unpacking.decompress(data, limit + 1)
    except zlib.error as problem:
        raise RefusedError(400, "the body is not what Content-Encoding says") from problem
    if len(body) > limit:
        raise _too_large(limit)
    if not unpacking.eof or unpacking.unused_data:
        raise RefusedError(400, "the packed body is cut off, or something follows it")
    return body


def _too_large(limit: int) -> RefusedError:
    return RefusedError(413, f"the body is larger than {limit:,} bytes; send less at once")
