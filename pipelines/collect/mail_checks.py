"""Checks and handshakes that several e-mail providers share."""

from collections.abc import Mapping

from pipelines.collect.signatures import Check, basic, same_as
from pipelines.collect.webhook import Answer, Request, Secrets

BEARER = {"authorization": "Bearer "}
_READING = ("GET", "HEAD")


def token_or_basic(headers: Mapping[str, str]) -> Check:
    """The setting auth_token in one of `headers` (name -> what stands before it) if the source has it, else Basic."""
    checks = {name: same_as(name, "auth_token", prefix=prefix) for name, prefix in headers.items()}

    def check(request: Request, secrets: Secrets) -> str | None:
        if not secrets.get("auth_token"):
            basic(request, secrets)
            return None
        given = [name for name in checks if name in request.headers]
        return checks[given[0] if given else next(iter(checks))](request, secrets)

    return check


def answer_to_reading(request: Request, _secrets: Secrets) -> Answer | None:
    """200 for a GET or HEAD, by which providers see whether the address is there; None for all else."""
    return Answer(200) if request.method in _READING else None
