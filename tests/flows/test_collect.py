import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path

import pytest

from flows.collected import land_collected
from pipelines.collect.landing import pending
from tests.collect.server.running import KEY, basic, running
from tests.flows.cli import EVENTS, rapport
from warehouse.home import Home
from warehouse.scan import find_traces

SOURCE = f'[sources.shop]\nconnector = "segment"\nwrite_key = "{KEY}"\n'


@pytest.fixture
def place(home: str) -> Path:
    """A home with a source."""
    with (Path(home) / "rapport.toml").open("a", encoding="utf-8") as file:
        file.write(SOURCE)
    return Path(home)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def interrupt_after(task: threading.Thread) -> None:
    """End this process's command once the task is done, as a person would."""

    def wait() -> None:
        task.join()
        os.kill(os.getpid(), signal.SIGTERM)

    task.start()
    threading.Thread(target=wait).start()


def send_events(port: int, events: Sequence[object]) -> None:
    """Post a batch as soon as somebody listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("POST", "/v1/batch", json.dumps({"batch": events}), {"Authorization": basic(KEY, "")})
            assert connection.getresponse().status == 200
            return
        except ConnectionError:
            time.sleep(0.02)
        finally:
            connection.close()


def test_what_is_collected_is_taken_up_by_the_next_run(place: Path) -> None:
    port = free_port()
    interrupt_after(threading.Thread(target=send_events, args=(port, EVENTS)))
    answer = rapport("--home", str(place), "collect", "--port", str(port), "--json")
    assert (answer.code, answer.object) == (0, {"events": len(EVENTS)})
    assert f"collecting on http://127.0.0.1:{port}" in answer.err
    assert KEY not in answer.err + answer.out
    found = rapport("--home", str(place), "run", "--json").object
    assert (found["files"], found["loaded"]) == (1, len(EVENTS))
    assert pending(Home(place)) == []
    assert list((place / "landing" / "open").iterdir()) == []


def test_a_home_without_sources_or_an_address_in_use_is_told(home: str, place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        answer = rapport("--home", str(place), "collect", "--port", port)
    assert (answer.code, "cannot be listened on" in answer.err) == (2, True)
    (Path(home) / "rapport.toml").write_text("", encoding="utf-8")
    answer = rapport("--home", home, "collect")
    assert (answer.code, "no source can be served" in answer.err) == (1, True)


def test_following_loads_what_comes_until_it_is_interrupted(place: Path) -> None:
    home = Home(place)
    rapport("--home", str(place), "run")  # the first run of a day has something to do, also without events

    def drop() -> None:
        for number in range(2):
            with running(place) as collector:
                send_events(collector.port, EVENTS[number : number + 1])
            while pending(home) or len(list(home.landing.glob("*.jsonl"))) <= number:
                time.sleep(0.02)

    interrupt_after(threading.Thread(target=drop))
    answer = rapport("--home", str(place), "follow", "--every", "0.1", "--json")
    assert answer.code == 0
    assert (answer.object["runs"], answer.object["loaded"]) == (2, 2)
    assert answer.err.count("loaded 1") == 2


def test_a_segment_that_a_killed_process_had_landed_is_not_landed_again(place: Path) -> None:
    home = Home(place)
    with running(place) as collector:
        send_events(collector.port, EVENTS)
        # The name of a segment that was landed, but not removed: what a kill between the two leaves.
        (landed,) = _landed_while_living(collector.home)
        again = collector.collector.writer._folder.root / "segment" / "shop" / Path(landed).name
        again.write_bytes((home.root / landed).read_bytes())
        assert land_collected(home) == []
        assert not again.exists()
    assert len(pending(home)) == 1


def _landed_while_living(home: Home) -> list[str]:
    return [file.path for file in land_collected(home, is_sealing=True)]


def test_an_erasure_reaches_what_a_living_collector_has_not_sealed(shop: str, tmp_path: Path) -> None:
    person, place = "one@example.com", tmp_path / "shop"
    shutil.copytree(shop, place)
    with running(place) as collector:
        send_events(collector.port, EVENTS)
        assert find_traces(Home(place).collected, [person.encode()])
        answer = rapport("--home", str(place), "erase", f"email:{person}", "--json", RAPPORT_ERASE_GRACE_SECONDS="0")
        assert answer.code == 0, answer.err
        assert find_traces(place, [person.encode()]) == []
    assert len(pending(Home(place))) == 1
