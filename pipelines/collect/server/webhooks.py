"""Webhooks of all providers whose connector says how: its check, its handshake, what of a request is landed."""

import asyncio
import re
from http.client import HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from pipelines.collect.server.bodies import Share, read_body
from pipelines.collect.server.collector import MEBIBYTE, Collector
from pipelines.collect.server.lines import enveloped
from pipelines.collect.server.sources import Source, webhook_of
from pipelines.collect.signatures import BASIC, basic
from pipelines.collect.webhook import Answer, RefusedError, Request, Secrets, Webhook

CONFIRM = "confirm_subscriptions"
# The only addresses that are fetched: Amazon's notification service, in all its regions.
_CONFIRMED_HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_FETCH_SECONDS = 10.0


async def receive(collector: Collector, request: HttpRequest, share: Share) -> Response:
    """One request of a provider."""
    connector = request.path_params["connector"]
    source = collector.sources.named(connector, request.path_params.get("source", connector))
    webhook = webhook_of(connector)
    if webhook is None:
        raise RefusedError(404, f"connector '{connector}' takes no webhooks here")
    body = await read_body(request, share, collector.settings.max_body_mb * MEBIBYTE)
    asked = Request(request.method, _url(collector, request), _headers(request), body, collector.now())
    # Signatures take their time, and a check may fetch a certificate.
    judged = await asyncio.to_thread(_judged, webhook, asked, source.secrets)
    if isinstance(judged, Answer):
        return await _answered(judged, source)
    token, line = judged
    await collector.land(source, line, 1, token)
    return JSONResponse({"success": True})


def _judged(webhook: Webhook, asked: Request, secrets: Secrets) -> Answer | tuple[str | None, bytes]:
    """The answer of a handshake, or the token and the line that is landed."""
    answer = webhook.handshake(asked, secrets)
    if answer is not None:
        return answer
    if asked.method not in ("POST", "PUT"):
        raise RefusedError(405, "events are sent by POST")
    token = _checked(webhook, asked, secrets)
    kept = {name: asked.headers[name] for name in webhook.headers if name in asked.headers}
    return token, enveloped(webhook.record(asked), asked.received_at, kept)


def _checked(webhook: Webhook, asked: Request, secrets: Secrets) -> str | None:
    """The token of a genuine request. Basic is asked for where there is no signature, or where the source sets it."""
    if not webhook.secrets or all(secrets.get(name) for name in BASIC):
        basic(asked, secrets)
    return webhook.check(asked, secrets)


async def _answered(answer: Answer, source: Source) -> Response:
    if answer.fetch_url:
        if source.secrets.get(CONFIRM, "").lower() != "true":
            raise RefusedError(403, f"subscriptions are not confirmed here; set {CONFIRM} of the source")
        await asyncio.to_thread(_fetch, answer.fetch_url)
    return Response(answer.body, answer.status, media_type=answer.media_type)


def _fetch(url: str) -> None:
    """Confirm a subscription; a redirection is not followed. Raises RefusedError (403, 502)."""
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.port not in (None, 443) or not _CONFIRMED_HOST.fullmatch(parts.hostname or ""):
        raise RefusedError(403, "the address that confirms the subscription is not Amazon's")
    connection = HTTPSConnection(parts.hostname or "", timeout=_FETCH_SECONDS)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        status = connection.getresponse().status
    except (OSError, HTTPException) as problem:
        raise RefusedError(502, "the subscription could not be confirmed") from problem
    finally:
        connection.close()
    if status != 200:
        raise RefusedError(502, "the subscription was not confirmed")


def _url(collector: Collector, request: HttpRequest) -> str:
    """The address as the sender wrote it, as far as a proxy lets one know."""
    base = collector.settings.public_url.rstrip("/")
    if not base:
        base = f"{request.url.scheme}://{request.headers.get('host', '')}"
    path = request.scope.get("raw_path") or request.url.path.encode()
    query = request.scope.get("query_string", b"")
    return base + path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")


def _headers(request: HttpRequest) -> dict[str, str]:
    """Names in lower case; a header that comes again is joined by commas (RFC 9110, 5.3)."""
    return {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
