"""SIGKILL under load: every event that was answered is there afterwards, exactly once."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest

from flows.collected import land_collected
from flows.run import run_plain
from tests.collect.server.running import KEY, basic, running
from tests.flows.cli import ROOT
from warehouse.home import Home
from warehouse.reader import open_lake

BATCH = 20


class Client:
    """Sends batches one after the other, and one without an answer again, as clients do."""

    def __init__(self, name: str) -> None:
        self._name, self._numbers = name, count()
        self._unanswered: list[str] = []
        self.answered: list[str] = []

    def send(self, port: int) -> None:
        """Send a batch. Raises OSError or HTTPException without an answer."""
        if not self._unanswered:
            self._unanswered = [f"{self._name}-{next(self._numbers)}" for _ in range(BATCH)]
        calls = [
            {"type": "track", "event": "Product Viewed", "messageId": event_id, "userId": "u1",
             "timestamp": "2024-03-01T10:00:00Z"}
            for event_id in self._unanswered
        ]  # fmt: skip
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("POST", "/v1/batch", json.dumps({"batch": calls}), {"Authorization": basic(KEY, "")})
            assert connection.getresponse().status == 200
        finally:
            connection.close()
        self.answered += self._unanswered
        self._unanswered = []


@contextmanager
def victim(root: Path) -> Iterator[int]:
    """A collector in a process of its own, which is killed at the end; gives its port."""
    command = [sys.executable, "-m", "tests.collect.server.victim", str(root)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.send_signal(signal.SIGKILL)


def load_until(stop: Event, client: Client, port: int) -> None:
    while not stop.is_set():
        try:
            client.send(port)
        except (OSError, HTTPException):
            return


def kill_under_load(root: Path, kills: int, seed: int) -> None:
    home, chance = Home(root), random.Random(seed)
    home.prepare()
    clients = [Client("a"), Client("b")]
    for _ in range(kills):
        stop, before = Event(), [len(client.answered) for client in clients]
        with victim(root) as port:
            threads = [Thread(target=load_until, args=(stop, client, port)) for client in clients]
            for thread in threads:
                thread.start()
            while [len(client.answered) for client in clients] == before:
                time.sleep(0.01)
            time.sleep(chance.random() * 0.4)
        stop.set()
        for thread in threads:
            thread.join()
        if chance.random() < 0.5:
            land_collected(home)
    with running(root) as last:
        for client in clients:
            client.send(last.port)
    run_plain(home, None, lambda _: None)
    sent = [event_id for client in clients for event_id in client.answered]
    with open_lake(root) as lake:
        kept = [event_id for (event_id,) in lake.select("SELECT event_id FROM interactions").fetchall()]
        ((received, other),) = lake.select(
            "SELECT SUM(received_count), SUM(rejected_count + suppressed_count) FROM landing_files"
        ).fetchall()
    assert len(sent) == len(set(sent)) >= kills * BATCH
    assert sorted(kept) == sorted(sent)
    assert (received >= len(sent), other) == (True, 0)
    assert not any(path.is_file() for path in home.collected.rglob("*.jsonl"))


def test_three_kills_under_load_lose_nothing_and_duplicate_nothing(tmp_path: Path) -> None:
    kill_under_load(tmp_path, 3, 1)


@pytest.mark.long
def test_thirty_kills_under_load_lose_nothing_and_duplicate_nothing(tmp_path: Path) -> None:
    kill_under_load(tmp_path, 30, 2)
