"""A collector that is asked without a network: what an HTTP server hands to the application, however odd."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pipelines.collect.connectors import connectors
from pipelines.collect.server.app import collector_app
from pipelines.collect.server.collector import Collector
from pipelines.collect.server.serve import collecting
from pipelines.collect.server.sources import KEY, SPOKEN, Source, Sources
from pipelines.collect.signatures import BASIC
from warehouse.home import Home
from warehouse.settings import CollectorSettings

WRITE_KEY = "key-1"
_LOGIN = dict(zip(BASIC, ("u", "p"), strict=True))


@dataclass(frozen=True)
class Ask:
    """A request: the path with its query as the sender wrote it, headers as bytes, the body in pieces."""

    method: str
    target: str
    headers: Sequence[tuple[bytes, bytes]]
    pieces: Sequence[bytes]

    @property
    def scope(self) -> dict[str, Any]:
        """What the HTTP server says of it."""
        path, _, query = self.target.partition("?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "root_path": "",
            "headers": list(self.headers),
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }


@dataclass(frozen=True)
class Taking(Collector):
    """A collector that keeps what it would land: (connector, line, number of events)."""

    taken: list[tuple[str, bytes, int]] = field(default_factory=list)

    async def land(self, source: Source, data: bytes, events: int, token: str | None = None) -> None:
        """Keep it."""
        assert token is None or isinstance(token, str)
        self.taken.append((source.connector, data, events))


def all_sources() -> Sources:
    """A source for each connector that takes requests, which knows it by Basic, and others for each protocol."""
    webhooks = [name for name, found in connectors().items() if found.webhook is not None]
    spoken = [Source(name, name, {KEY: WRITE_KEY}) for name in SPOKEN]
    return Sources((*spoken, *(Source(name, name, _LOGIN | {"auth_token": "t", "secret": "s"}) for name in webhooks)))


@contextmanager
def taking(root: Path) -> Iterator[Taking]:
    """A collector on a home at `root`."""
    settings = CollectorSettings(port=0, max_body_mb=1)
    with collecting(Home(root), settings, all_sources()) as found:
        yield Taking(found.settings, found.sources, found.writer, found.budget, found.metrics)


def answers(collector: Collector, asks: Sequence[Ask]) -> list[tuple[int, bytes]]:
    """Status and body of the answer to each request. Raises what the application raises."""
    app = collector_app(collector)

    async def all_of_them() -> list[tuple[int, bytes]]:
        return [await _answer(app, ask) for ask in asks]

    return asyncio.run(all_of_them())


async def _answer(app: Any, ask: Ask) -> tuple[int, bytes]:
    sent: list[Any] = []
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in ask.pieces]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(ask.scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    for name, value in sent[0]["headers"]:
        assert not {b"\r", b"\n", b"\0"} & {value[n : n + 1] for n in range(len(value))}, name
    return sent[0]["status"], body
