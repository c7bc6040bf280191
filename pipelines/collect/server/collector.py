"""What all endpoints share: the sources, the writer, the limits, and how an answer is made of what happened."""

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from pipelines.collect.server.bodies import Budget, Share
from pipelines.collect.server.cors import cors_headers, preflight
from pipelines.collect.server.metrics import Metrics
from pipelines.collect.server.sources import Source, Sources
from pipelines.collect.server.writer import Lines, TokenUsedError, Writer
from pipelines.collect.webhook import RefusedError
from warehouse.settings import CollectorSettings

MEBIBYTE = 1024 * 1024
_RETRY_SECONDS = "5"
_RETRIED = (429, 503)
_LOG = logging.getLogger("rapport.collector")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Collector:
    """One collector at work. `now` is the server's clock: the received time of all that comes."""

    settings: CollectorSettings
    sources: Sources
    writer: Writer
    budget: Budget
    metrics: Metrics
    now: Callable[[], datetime] = _now

    async def land(self, source: Source, data: bytes, events: int, token: str | None = None) -> None:
        """Wait until whole lines are on the disk. Raises RefusedError: 503 if the disk takes none, 409 for a token.

        `token` is remembered with the lines, or not at all.
        """
        own = None if token is None else f"{source.connector}:{source.name}:{token}"
        try:
            await asyncio.wrap_future(self.writer.submit(Lines(source.target, data, own)))
        except OSError as problem:
            raise RefusedError(503, "the events cannot be stored now; send them again later") from problem
        except TokenUsedError as problem:
            raise RefusedError(409, "the token of this request has been used before") from problem
        self.metrics.events.labels(*source.target).inc(events)


Handle = Callable[[Collector, HttpRequest, Share], Awaitable[Response]]


def endpoint(
    collector: Collector, name: str, handle: Handle, *, has_preflight: bool = True
) -> Callable[[HttpRequest], Awaitable[Response]]:
    """`handle` with its share of the budget, its refusals as answers, CORS headers and metrics."""

    async def answered(request: HttpRequest) -> Response:
        begun = time.perf_counter()
        if has_preflight and request.method == "OPTIONS":
            return preflight(request)
        response = await _guarded(collector, name, handle, request)
        response.headers.update(cors_headers(request))
        collector.metrics.requests.labels(name, str(response.status_code)).inc()
        collector.metrics.seconds.labels(name).observe(time.perf_counter() - begun)
        return response

    return answered


async def _guarded(collector: Collector, name: str, handle: Handle, request: HttpRequest) -> Response:
    try:
        with collector.budget.share() as share:
            return await handle(collector, request, share)
    except RefusedError as refused:
        return refusal(refused)
    except ClientDisconnect:
        return refusal(RefusedError(400, "the request broke off"))
    except Exception as problem:  # noqa: BLE001 (its text may quote a payload, which must not reach a log)
        _LOG.error("%s", _place(problem, name))
        return refusal(RefusedError(500, "the collector cannot take this request; its log says where"))


def refusal(refused: RefusedError) -> Response:
    """The answer to a request that was not landed."""
    headers = {"Retry-After": _RETRY_SECONDS} if refused.status in _RETRIED else {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="rapport"'
    code = HTTPStatus(refused.status).name.lower()
    return JSONResponse({"success": False, "code": code, "message": refused.reason}, refused.status, headers)


def _place(problem: Exception, name: str) -> str:
    """The type of an error and where it was raised, without its text."""
    last = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{name}: {type(problem).__name__} in {Path(last.filename).name}, line {last.lineno}"
