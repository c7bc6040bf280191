"""The application: which path is served by what."""

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipelines.collect.server import cloudevents, snowplow, tracking, webhooks
from pipelines.collect.server.collector import Collector, Handle, endpoint
from pipelines.collect.server.metrics import MEDIA_TYPE

_TP2 = "/com.snowplowanalytics.snowplow/tp2"
_ANY = ["GET", "HEAD", "POST", "PUT"]


def collector_app(collector: Collector) -> Starlette:
    """The ASGI application of `collector`."""

    def route(path: str, name: str, handle: Handle, methods: list[str], *, has_preflight: bool = True) -> Route:
        return Route(path, endpoint(collector, name, handle, has_preflight=has_preflight), methods=methods)

    async def health(_request: HttpRequest) -> Response:
        is_alive = collector.writer.is_alive
        return JSONResponse({"status": "ok" if is_alive else "the writer has ended"}, 200 if is_alive else 503)

    async def metrics(_request: HttpRequest) -> Response:
        return Response(collector.metrics.shown(), media_type=MEDIA_TYPE)

    return Starlette(
        routes=[
            route("/v1/{call}", "tracking", tracking.track, ["POST", "OPTIONS"]),
            route(_TP2, "snowplow", snowplow.payload_data, ["POST", "OPTIONS"]),
            route("/i", "pixel", snowplow.pixel, ["GET", "OPTIONS"]),
            route("/cloudevents", "cloudevents", cloudevents.events, ["POST", "OPTIONS"], has_preflight=False),
            route("/webhooks/{connector}", "webhooks", webhooks.receive, _ANY),
            route("/webhooks/{connector}/{source}", "webhooks", webhooks.receive, _ANY),
            Route("/health", health),
            Route("/metrics", metrics),
        ]
    )
