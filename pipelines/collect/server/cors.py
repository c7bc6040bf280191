"""Cross-origin requests: pages of every origin may send. Snowplow's trackers ask for credentials to be allowed."""

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

_DEFAULT_HEADERS = "Content-Type, Authorization, SP-Anonymous"
_SECONDS = "3600"


def cors_headers(request: HttpRequest) -> dict[str, str]:
    """The headers of an answer. Nothing is told to a page, and no cookie is set, so every origin may have credentials.

    Source: Fetch Standard, CORS protocol; Snowplow's Stream Collector, CORS.
    """
    origin = request.headers.get("origin")
    if not origin:
        return {"Access-Control-Allow-Origin": "*"}
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin"}


def preflight(request: HttpRequest) -> Response:
    """The answer to a preflight request."""
    wanted = request.headers.get("access-control-request-headers", _DEFAULT_HEADERS)
    return Response(
        status_code=200,
        headers={
            **cors_headers(request),
            "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
            "Access-Control-Allow-Headers": wanted,
            "Access-Control-Max-Age": _SECONDS,
        },
    )
