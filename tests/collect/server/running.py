"""A collector on a loopback port, requests to it, and what it wrote."""

import base64
import gzip
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn

from pipelines.collect.server.app import collector_app
from pipelines.collect.server.collector import Collector
from pipelines.collect.server.open_landing import request_seal, sealed_segments
from pipelines.collect.server.serve import collecting, listening, server_of
from pipelines.collect.server.sources import Source, Sources
from warehouse.home import Home
from warehouse.settings import CollectorSettings

KEY = "key-1"
SOURCES = Sources(
    (
        Source("shop", "segment", {"write_key": KEY}),
        Source("other", "segment", {"write_key": "key-2"}),
        Source("web", "snowplow", {}),
        Source("bus", "cloudevents", {"write_key": KEY}),
        Source("mailgun", "mailgun", {"secret": "s"}),
        Source("postmark", "postmark", {"username": "u", "password": "p"}),
    )
)


@dataclass(frozen=True)
class Answer:
    """The answer to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def object(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Running:
    """A collector at work."""

    home: Home
    port: int
    collector: Collector

    def ask(self, method: str, path: str, body: bytes | str = b"", **headers: str) -> Answer:
        """Send a request; `_` in the name of a header stands for `-`."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            data = body.encode() if isinstance(body, str) else body
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, data or None, named)
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    def landed(self) -> list[tuple[str, Any]]:
        """(source, line) of what was landed, after all segments were sealed."""
        assert request_seal(self.home, 20.0)
        return landed(self.home.root)

    def post(self, path: str, found: object, *, key: str = KEY, is_packed: bool = False, **headers: str) -> Answer:
        """Post JSON, as clients do."""
        data = json.dumps(found).encode()
        if is_packed:
            data, headers = gzip.compress(data), {**headers, "Content_Encoding": "gzip"}
        if key:
            headers["Authorization"] = basic(key, "")
        return self.ask("POST", path, data, **headers)


def basic(user: str, password: str) -> str:
    """The header of Basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def application(collector: Collector) -> uvicorn.Server:
    """The server that `rapport collect` runs."""
    return server_of(collector_app(collector))


@contextmanager
def running(root: Path, sources: Sources = SOURCES, **changes: Any) -> Iterator[Running]:
    """A collector at work on the home at `root`, on a free port; it ends in good order."""
    settings = replace(CollectorSettings(port=0), **changes)
    with listening(settings) as listener, collecting(Home(root), settings, sources) as collector:
        server = application(collector)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Running(Home(root), listener.getsockname()[1], collector)
        finally:
            server.should_exit = True
            thread.join()


def landed(root: Path) -> list[tuple[str, Any]]:
    """(source, line) of all sealed segments, in their order."""
    return [
        (segment.source, json.loads(line))
        for segment in sealed_segments(Home(root))
        for line in segment.path.read_text(encoding="utf-8").splitlines()
    ]
