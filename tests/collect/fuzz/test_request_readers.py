"""The collector answers whatever request comes, and what it lands is what the connectors read: record for record."""

import base64
import gzip
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from urllib.parse import quote, urlencode

from pipelines.collect.connectors import connectors
from pipelines.collect.server.sources import SPOKEN
from tests.collect.fuzz.asgi import WRITE_KEY, Ask, Taking, answers, taking
from tests.collect.fuzz.byte_mutants import damaged
from tests.collect.fuzz.json_mutants import mutated, written
from tests.collect.fuzz.judge import demand_whole
from tests.collect.fuzz.odd import KEYS, TEXTS, odd_value
from tests.collect.fuzz.requests import MEDIA_TYPES, header_value, hostile_body
from tests.collect.fuzz.rounds import for_some_time, fuzz, judged
from tests.collect.fuzz.samples import Pool, lines_of
from tests.collect.staged import stage

_REQUESTS = 250
_STATUSES = {200, 307, 400, 401, 403, 404, 405, 409, 413, 415, 429, 502}
_CALLS = ("identify", "track", "page", "screen", "group", "alias", "batch", "t", "import", "none", "%00", "..", "")
_TP2 = "/com.snowplowanalytics.snowplow/tp2"
_CLOUDEVENTS = (
    "application/cloudevents+json", "application/cloudevents-batch+json", "application/json", "text/plain; charset=x",
    "application/octet-stream", "", "application/cloudevents+json; charset=utf-16",
)  # fmt: skip
_NAMES = (
    "origin", "content-length", "content-encoding", "cookie", "host", "referer", "user-agent", "x-forwarded-for",
    "webhook-request-origin", "webhook-request-rate", "access-control-request-headers", "ce-id", "ce-type", "ce-time",
    "ce-source", "ce-specversion", "ce-", "ce-\xe9", "transfer-encoding",
)  # fmt: skip
_NO_TEXT = str.maketrans(dict.fromkeys("\r\n\0", " "))


@for_some_time
def test_any_request_is_answered_and_what_is_landed_is_read(seconds: float, tmp_path: Path) -> None:
    with taking(tmp_path) as collector:

        def one_round(random: Random, pool: Pool) -> int:
            collector.taken.clear()
            judged([_ask(random, pool) for _ in range(_REQUESTS)], lambda some: _judge_answers(collector, some))
            return _REQUESTS

        fuzz("collector", seconds, one_round)


def _judge_answers(collector: Taking, asks: Sequence[Ask]) -> None:
    collector.taken.clear()
    for ask, (status, body) in zip(asks, answers(collector, asks), strict=True):
        assert status in _STATUSES, (status, body, ask)
    landed: dict[str, list[tuple[bytes, int]]] = defaultdict(list)
    for connector, line, events in collector.taken:
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert isinstance(json.loads(line.decode()), dict)
        landed[connector].append((line, events))
    for connector, lines in landed.items():
        _judge_landed(connector, lines)


def _judge_landed(connector: str, lines: Sequence[tuple[bytes, int]]) -> None:
    """Of the protocols that the collector speaks itself, as many records are read as events were answered for."""
    staged = stage(connector, b"".join(line for line, _ in lines))
    demand_whole(staged, len(lines))
    if connector in SPOKEN:
        received = sum(received for received, _ in staged.counts.values())
        assert received == sum(events for _, events in lines)


def _ask(random: Random, pool: Pool) -> Ask:
    kind = random.choice(("segment", "segment", "snowplow", "pixel", "cloudevents", "webhook", "webhook", "other"))
    method = "GET" if kind == "pixel" else random.choice(("POST",) * 8 + ("GET", "OPTIONS", "HEAD", "PUT", "DELETE"))
    body, headers = b"", {name: header_value(random) for name in _NAMES if random.random() < 0.06}
    if random.random() < 0.85:
        login = random.choice((f"{WRITE_KEY}:", "u:p", "u:p"))
        headers["authorization"] = random.choice(
            (f"Bearer {WRITE_KEY}", "Basic " + base64.b64encode(login.encode()).decode())
        )
    elif random.random() < 0.8:
        headers["authorization"] = header_value(random)
    if kind == "segment":
        target, body = f"/v1/{random.choice(_CALLS)}", _segment(random, pool)
    elif kind == "snowplow":
        target, body = _TP2, _tracked(random, pool)
    elif kind == "pixel":
        target = "/i?" + _query(random, pool)
    elif kind == "cloudevents":
        target, body = "/cloudevents" + random.choice(("", "", f"?access_token={WRITE_KEY}")), _event(random, pool)
        headers |= _event_headers(random)
    elif kind == "webhook":
        name = random.choice([name for name, found in connectors().items() if found.webhook is not None])
        target = f"/webhooks/{name}" + random.choice(("", "", "", f"/{name}", "/none", "/%2F", "?a=%ff&b"))
        headers["content-type"] = random.choice(MEDIA_TYPES)
        body = hostile_body(name, headers["content-type"], random, pool)
    else:
        target = "/" + quote(random.choice((*TEXTS, *KEYS)).encode("utf-8", "replace"))
        target = random.choice((target, "/health", "/metrics", f"/v1{target}", f"/webhooks{target}", "//", "*"))
    packed, encoding = _packed(body, random)
    headers |= {"content-encoding": encoding} if encoding else {}
    pieces = [packed[:50], packed[50:]] if random.random() < 0.3 else [packed]
    return Ask(method, target, [_header(*item) for item in headers.items()], pieces)


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    return name.encode("latin-1"), value.translate(_NO_TEXT).encode("latin-1", "replace")


def _packed(body: bytes, random: Random) -> tuple[bytes, str]:
    kind = random.random()
    if kind < 0.7:
        return body, ""
    if kind < 0.8:
        return gzip.compress(body), random.choice(("gzip", "x-gzip", "GZIP ", "deflate"))
    if kind < 0.85:
        return zlib.compress(body), random.choice(("deflate", "gzip"))
    if kind < 0.93:
        return damaged(gzip.compress(body), random), "gzip"
    if kind < 0.95:
        return gzip.compress(b"[" * 3_000_000), "gzip"
    return body, random.choice(("gzip", "br", "identity", "gzip, gzip", "\xe9"))


def _written(value: object, random: Random) -> bytes:
    text = written(value, is_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    return damaged(text, random) if random.random() < 0.15 else text


def _segment(random: Random, pool: Pool) -> bytes:
    documents = lines_of("segment").documents
    call = mutated(random.choice(documents), documents, random, pool)
    if random.random() < 0.4:
        return _written(call, random)
    several = [random.choice((call, random.choice(documents))) for _ in range(random.choice((0, 1, 5)))]
    return _written({"batch": several, "writeKey": WRITE_KEY, "sentAt": odd_value(random, pool)}, random)


def _tracked(random: Random, pool: Pool) -> bytes:
    documents = lines_of("snowplow").documents
    return _written(mutated(random.choice(documents), documents, random, pool), random)


def _query(random: Random, pool: Pool) -> str:
    events = [event for document in lines_of("snowplow").documents for event in _members(document)]
    event = mutated(random.choice(events), events, random, pool) if random.random() < 0.8 else odd_value(random, pool)
    members = event.items() if isinstance(event, dict) else [(random.choice(KEYS), event)]
    texts = [(str(key), value if isinstance(value, str) else written(value)) for key, value in members]
    found = urlencode(texts, errors="surrogatepass")
    return damaged(found.encode(), random).decode("ascii", "ignore") if random.random() < 0.3 else found


def _members(document: object) -> Iterator[dict[str, object]]:
    data = document.get("data") if isinstance(document, dict) else None
    yield from (member for member in data or [] if isinstance(member, dict))


def _event(random: Random, pool: Pool) -> bytes:
    documents = lines_of("cloudevents").documents
    event = mutated(random.choice(documents), documents, random, pool)
    return _written(random.choice((event, [event], [event, random.choice(documents)])), random)


def _event_headers(random: Random) -> dict[str, str]:
    headers = {"content-type": random.choice(_CLOUDEVENTS)}
    if random.random() < 0.5:
        headers |= {"ce-id": "e-1", "ce-source": "/s", "ce-specversion": "1.0", "ce-type": "com.example.some"}
        headers |= {f"ce-{name}": header_value(random) for name in ("id", "time", "other") if random.random() < 0.3}
    return headers
