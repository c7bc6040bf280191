"""The key that a request carries: as user of Basic, or as Bearer token."""

import base64
from binascii import Error as BadBase64

from starlette.requests import Request as HttpRequest


def key_of(request: HttpRequest) -> str:
    """The write key in the header Authorization: the user of Basic, else a Bearer token; empty if there is none."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[0]
    except (BadBase64, ValueError):
        return ""
