"""`python -m benchmarks.collector`: durable events per second of `rapport collect`, from clients on the loopback.

A collector in a process of its own takes Segment batches of `--batch` events from `--clients` processes, each over one
connection that stays open. A batch counts when it is answered: then it is on the disk. Printed are events per second,
the times of the answers, and the collector's memory after a tenth and at the end. Besides, how long the disk alone
takes for an fsync of as many bytes. Exit code 0 within the limits, 1 beyond one, 2 for wrong usage.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from warehouse.home import Home

LEAST_EVENTS_PER_SECOND = 5_000
MOST_P99_SECONDS = 0.1
MOST_GROWTH = 1.1
_KEY = "benchmark"
_PROBES = 50
_PAUSE = 0.25


@dataclass(frozen=True)
class Outcome:
    """What was measured; times in seconds, memory in MiB, the answers' times over all clients."""

    events: int
    seconds: float
    p50: float
    p99: float
    longest: float
    early_mib: float
    final_mib: float
    fsync_p50: float
    fsync_longest: float

    @property
    def events_per_second(self) -> float:
        """Durable events a second."""
        return self.events / self.seconds

    @property
    def is_within(self) -> bool:
        """Whether speed, times and memory are within the limits."""
        is_flat = self.final_mib <= self.early_mib * MOST_GROWTH
        return is_flat and self.events_per_second >= LEAST_EVENTS_PER_SECOND and self.p99 < MOST_P99_SECONDS


def measure(folder: Path, events: int, batch: int, clients: int) -> Outcome:
    """Send `events` events in batches of `batch` from `clients` clients to a collector on a new home in `folder`."""
    batches = max(1, events // batch // clients)
    probes = _probe(folder, batch * 400)
    with collector(folder / "home") as (process, port), ProcessPoolExecutor(clients, get_context("spawn")) as pool:
        for ready in [pool.submit(send, port, f"warm{n}", 5, batch) for n in range(clients)]:
            ready.result()
        began = time.perf_counter()
        sending = [pool.submit(send, port, f"client{n}", batches, batch) for n in range(clients)]
        memory = list(_watched(process, sending))
        seconds = time.perf_counter() - began
        times = np.concatenate([one.result() for one in sending])
    return Outcome(
        events=batches * batch * clients,
        seconds=seconds,
        p50=float(np.quantile(times, 0.5)),
        p99=float(np.quantile(times, 0.99)),
        longest=float(times.max()),
        early_mib=max(memory[: max(1, len(memory) // 10)]),
        final_mib=memory[-1],
        fsync_p50=float(np.median(probes)),
        fsync_longest=max(probes),
    )


@contextmanager
def collector(root: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A collector on a new home, with its port; it is ended in good order."""
    home = Home(root)
    home.prepare()
    home.settings_file.write_text(f'[sources.load]\nconnector = "segment"\nwrite_key = "{_KEY}"\n', encoding="utf-8")
    command = [
        sys.executable,
        "-c",
        "from flows.main import main; main()",
        "--home",
        str(root),
        "collect",
        "--port",
        "0",
    ]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAPPORT_")}
    # Each word of the command is ours. A process of multiprocessing would hold this module's numpy too, whose memory is
    # not the collector's.
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=kept) as process:  # noqa: S603 (see above)
        try:
            if process.stderr is None:
                raise RuntimeError("the collector has no stderr")
            yield process, int(process.stderr.readline().rpartition(":")[2])
        finally:
            process.terminate()


def send(port: int, name: str, batches: int, size: int) -> list[float]:
    """Send batches one after the other; gives the seconds until each answer. Raises RuntimeError for one but 200."""
    headers = {"Authorization": "Basic " + b64encode(f"{_KEY}:".encode()).decode(), "Content-Type": "application/json"}
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    times = []
    for number in range(batches):
        body = _batch(f"{name}-{number}", size)
        began = time.perf_counter()
        connection.request("POST", "/v1/batch", body, headers)
        response = connection.getresponse()
        response.read()
        times.append(time.perf_counter() - began)
        if response.status != 200:
            raise RuntimeError(f"the collector answered {response.status}")
    connection.close()
    return times


def _batch(name: str, size: int) -> str:
    """A batch of calls of about 400 bytes."""
    call = json.dumps(
        {
            "type": "track",
            "event": "Order Completed",
            "timestamp": "2024-03-01T10:00:00.000Z",
            "context": {
                "library": {"name": "benchmark", "version": "1"},
                "page": {"url": "https://shop.example.com/tea"},
            },
            "properties": {
                "order_id": "o-1",
                "revenue": 12.5,
                "currency": "EUR",
                "products": [{"product_id": "p1", "category": "Tea", "quantity": 1, "price": 12.5}],
            },
        }
    )[1:]
    calls = ",".join(f'{{"messageId":"{name}-{n}","userId":"u-{n}",{call}' for n in range(size))
    return f'{{"batch":[{calls}],"sentAt":"2024-03-01T10:00:01.000Z"}}'


def _watched(process: "subprocess.Popen[str]", sending: Sequence["Future[list[float]]"]) -> Iterator[float]:
    """The process's resident MiB from time to time until all is sent."""
    while True:
        yield _resident_mib(process.pid)
        if all(one.done() for one in sending):
            return
        time.sleep(_PAUSE)


def _resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1024 * 1024)


def _probe(folder: Path, size: int) -> list[float]:
    """Seconds that the disk takes for each of some appended writes of `size` bytes with their fsync."""
    folder.mkdir(parents=True, exist_ok=True)
    times = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(_PROBES):
            began = time.perf_counter()
            file.write(b"x" * size)
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return times


def _show(found: Outcome) -> None:
    table = Table(title=f"{found.events:,} events in {found.seconds:.1f} s", title_justify="left")
    for column in ("figure", "measured", "limit"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    table.add_row("durable events/s", f"{found.events_per_second:,.0f}", f">= {LEAST_EVENTS_PER_SECOND:,}")
    table.add_row("answer p50", f"{found.p50 * 1000:.1f} ms", "")
    table.add_row("answer p99", f"{found.p99 * 1000:.1f} ms", f"< {MOST_P99_SECONDS * 1000:.0f} ms")
    table.add_row("longest answer", f"{found.longest * 1000:.1f} ms", "")
    table.add_row("memory after a tenth", f"{found.early_mib:.0f} MiB", "")
    table.add_row("memory at the end", f"{found.final_mib:.0f} MiB", f"<= {found.early_mib * MOST_GROWTH:.0f} MiB")
    table.add_row("fsync of the disk alone, p50", f"{found.fsync_p50 * 1000:.1f} ms", "")
    table.add_row("fsync of the disk alone, longest", f"{found.fsync_longest * 1000:.1f} ms", "")
    Console().print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collector", description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the home is made; default: the system's temporary folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        found = measure(Path(folder), given.events, given.batch, given.clients)
    if given.json:
        sys.stdout.write(json.dumps({**asdict(found), "events_per_second": found.events_per_second}) + "\n")
    else:
        _show(found)
    return 0 if found.is_within else 1


if __name__ == "__main__":
    sys.exit(main())
