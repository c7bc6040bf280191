"""A collector from its start to its end: folder, writer, application, HTTP server, signals."""

import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from pipelines.collect.server.app import collector_app
from pipelines.collect.server.bodies import Budget
from pipelines.collect.server.collector import MEBIBYTE, Collector
from pipelines.collect.server.metrics import Metrics
from pipelines.collect.server.open_landing import CollectorFolder
from pipelines.collect.server.sources import Sources, served_sources
from pipelines.collect.server.tokens import UsedTokens
from pipelines.collect.server.writer import Sealing, Writer
from warehouse.errors import UsageError
from warehouse.home import Home
from warehouse.settings import CollectorSettings, Settings

_TOKENS = "tokens.sqlite"
_BACKLOG = 2048
_DAY = 86_400.0
_END_SECONDS = 30
_IDLE_SECONDS = 75  # longer than usual proxies keep a connection, so that they end it
_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def collecting(home: Home, settings: CollectorSettings, sources: Sources) -> Iterator[Collector]:
    """A collector that writes to `home`; at the end its segments are sealed."""
    metrics = Metrics()
    sealing = Sealing(settings.seal_seconds, settings.seal_mb * MEBIBYTE)
    folder = CollectorFolder(home)
    tokens = UsedTokens(home.collected / _TOKENS, settings.token_days * _DAY)
    writer = Writer(folder, sealing, tokens, metrics)
    writer.start()
    try:
        yield Collector(settings, sources, writer, Budget(settings.queue_mb * MEBIBYTE, metrics.held_bytes), metrics)
    finally:
        writer.close()


def serve(
    home: Home, settings: Settings, tell: Callable[[str], None], environment: Mapping[str, str] = os.environ
) -> int:
    """Collect until SIGINT or SIGTERM; gives how many events were taken.

    Raises RapportError for sources that cannot be served, UsageError for the address.
    """
    sources, lacking = served_sources(settings.sources, environment)
    for text in lacking:
        tell(text)
    with listening(settings.collector) as listener, collecting(home, settings.collector, sources) as collector:
        server = server_of(collector_app(collector))
        host, port = listener.getsockname()[:2]
        tell(f"collecting on http://{f'[{host}]' if ':' in host else host}:{port}")
        with stopping(server):
            server.run(sockets=[listener])
        tell("sealing what was collected")
        return collector.metrics.total_events()


def server_of(app: Starlette) -> uvicorn.Server:
    """The HTTP server: it logs no request, and ends after it has answered those at work."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_END_SECONDS,
        )
    )


@contextmanager
def listening(settings: CollectorSettings) -> Iterator[socket.socket]:
    """A socket at the address of the settings; port 0 is a free one. Raises UsageError for one that is not free."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as problem:
        raise UsageError(
            f"{settings.host}:{settings.port} cannot be listened on ({problem}); choose another host or port"
        ) from problem
    with listener:
        # Connections inherit it; else an answer in two pieces waits 40 ms for the sender's delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


@contextmanager
def stopping(server: uvicorn.Server) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the server in good order: uvicorn raises them again when it has ended."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
