"""Every webhook answers whatever request comes: refused with a reason, or landed so that its records are read."""

import hmac
import json
from collections.abc import Iterator, Sequence
from random import Random

import pytest

from pipelines.collect import signatures
from pipelines.collect.connectors import connectors
from pipelines.collect.server.lines import enveloped
from pipelines.collect.webhook import Answer, RefusedError, Request, Secrets, Webhook
from tests.collect.fuzz.judge import demand_received, demand_whole
from tests.collect.fuzz.requests import AT, hostile_request, hostile_secrets
from tests.collect.fuzz.rounds import for_some_time, fuzz, judged
from tests.collect.fuzz.samples import Pool
from tests.collect.staged import stage

WEBHOOKS = {name: found.webhook for name, found in connectors().items() if found.webhook is not None}
_REQUESTS = 300
_SHARE = 0.1  # of the time of a parser
_STATUSES = {400, 401, 403, 405, 409, 413, 415, 502}
_QUOTED = 12  # characters, from which on a reason would quote what was sent


@for_some_time
@pytest.mark.parametrize("name", WEBHOOKS)
def test_any_request_is_refused_or_landed(name: str, seconds: float) -> None:
    webhook = WEBHOOKS[name]

    def one_round(random: Random, pool: Pool) -> int:
        with pytest.MonkeyPatch.context() as patched:
            if random.random() < 0.7:  # signatures that fit, so that what follows is reached
                patched.setattr(hmac, "compare_digest", lambda _one, _other: True)
                patched.setattr(signatures, "_verifies", lambda _verify: True)
            lines = list(_landed(webhook, _requests(name, webhook, random, pool)))
        if lines:
            judged(lines, lambda some: _judge_landed(name, some))
        return _REQUESTS

    fuzz(f"webhook {name}", seconds * _SHARE, one_round)


def _requests(name: str, webhook: Webhook, random: Random, pool: Pool) -> Iterator[tuple[Request, Secrets]]:
    """Requests with the settings of their source; what earlier ones were asked for stands in the later ones."""
    headers, settings = {"authorization"}, {"username", "password", *webhook.secrets}
    for _ in range(_REQUESTS):
        yield hostile_request(name, headers, random, pool), hostile_secrets(settings, random)


def _landed(webhook: Webhook, requests: Iterator[tuple[Request, Secrets]]) -> Iterator[bytes]:
    """The lines that requests are landed as, whatever their checks say."""
    for request, secrets in requests:
        try:
            _demand_answers(webhook, request, secrets)
            record = webhook.record(request)
        except RefusedError as refused:
            _demand_refused(refused, request, secrets)
            continue
        except Exception as problem:
            problem.add_note(f"{dict(secrets)!r} {request!r}"[:3000])
            raise
        assert b"\n" not in record
        assert isinstance(json.loads(record.decode()), dict | list)
        yield enveloped(
            record, AT, {name: request.headers[name] for name in webhook.headers if name in request.headers}
        )


def _demand_answers(webhook: Webhook, request: Request, secrets: Secrets) -> None:
    try:
        answer = webhook.handshake(request, secrets)
        token = webhook.check(request, secrets)
    except RefusedError as refused:
        _demand_refused(refused, request, secrets)
        return
    assert answer is None or (isinstance(answer, Answer) and 200 <= answer.status < 500)
    assert token is None or isinstance(token, str)


def _demand_refused(refused: RefusedError, request: Request, secrets: Secrets) -> None:
    assert refused.status in _STATUSES
    assert refused.reason
    sent = [*request.headers.values(), *secrets.values(), request.body.decode("latin-1")]
    assert not any(text in refused.reason for text in sent if len(text) >= _QUOTED)


def _judge_landed(name: str, lines: Sequence[bytes]) -> None:
    """Each landed line is at least one record, unless it is an empty array, batch or list of parts."""
    staged = stage(name, b"".join(lines))
    demand_whole(staged, len(lines))
    demand_received(staged, sum(b"[]" not in line.replace(b" ", b"") for line in lines))
