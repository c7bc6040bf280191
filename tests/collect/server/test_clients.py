"""Clients as their makers ship them, pointed at a running collector: one interaction per call, sent twice still one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient
from snowplow_tracker.emitters import Emitter
from snowplow_tracker.events.page_view import PageView
from snowplow_tracker.events.self_describing import SelfDescribing
from snowplow_tracker.events.structured_event import StructuredEvent
from snowplow_tracker.self_describing_json import SelfDescribingJson
from snowplow_tracker.subject import Subject
from snowplow_tracker.tracker import Tracker
from snowplow_tracker.typing import Method, PayloadDictList

from flows.run import run_plain
from tests.collect.server.running import KEY, running
from warehouse.home import Home
from warehouse.reader import open_lake

AT = datetime(2024, 3, 1, 10, tzinfo=UTC)
CALLS = ["alias", "group", "identify", "order_completed", "page", "screen"]


def send_tracking(kind: Any, prefix: str, port: int) -> None:
    """All calls of a client that speaks Segment's API."""

    def fail(problem: Exception, _items: object) -> None:
        pytest.fail(str(problem))

    client = kind(KEY, host=f"http://127.0.0.1:{port}", on_error=fail, gzip=True, upload_interval=0.01)
    client.identify("u1", {"email": "one@example.com"}, timestamp=AT, message_id=f"{prefix}1")
    client.track("u1", "Order Completed", {"revenue": 12.5, "currency": "EUR"}, timestamp=AT, message_id=f"{prefix}2")
    client.page("u1", "Shop", "Tea", {"url": "/tea"}, timestamp=AT, message_id=f"{prefix}3")
    client.screen("u1", "App", "Home", timestamp=AT, message_id=f"{prefix}4")
    client.group("u1", "g1", {"plan": "pro"}, timestamp=AT, message_id=f"{prefix}5")
    client.alias("a1", "u1", timestamp=AT, message_id=f"{prefix}6")
    client.flush()
    client.join()


def send_snowplow(method: Method, port: int) -> None:
    """A page view, a structured and a self-describing event; then the same requests again."""
    sent: PayloadDictList = []
    failures: list[object] = []
    emitter = Emitter(
        "127.0.0.1",
        protocol="http",
        port=port,
        method=method,
        batch_size=3,
        on_success=sent.extend,
        on_failure=lambda count, failed: failures.append((count, failed)),
    )
    tracker = Tracker("t", [emitter], app_id="shop", subject=Subject().set_user_id("u2"))
    tracker.track(PageView("https://shop.example.com/tea", "Tea"))
    tracker.track(StructuredEvent("shop", "add"))
    tracker.track(SelfDescribing(SelfDescribingJson("iglu:com.example/tea/jsonschema/1-0-0", {"kind": "green"})))
    emitter.flush()
    assert len(sent) == 3
    emitter.send_events(list(sent))
    assert failures == []


def loaded(root: Path) -> tuple[list[tuple[Any, ...]], tuple[int, int]]:
    """What a run makes of what was collected: the interactions, and how many records were duplicates, or rejected."""
    run_plain(Home(root), None, lambda _: None)
    with open_lake(root) as lake:
        rows = lake.select("SELECT connector, event_name, occurred_at FROM interactions ORDER BY ALL").fetchall()
        counted = lake.select("SELECT SUM(duplicate_count), SUM(rejected_count) FROM landing_files").fetchall()
    return rows, counted[0]


def test_clients_of_segment_and_of_rudderstack_give_one_interaction_a_call(tmp_path: Path) -> None:
    Home(tmp_path).prepare()
    with running(tmp_path) as collector:
        for kind, prefix in ((SegmentClient, "s"), (RudderClient, "r")) * 2:
            send_tracking(kind, prefix, collector.port)
    rows, counted = loaded(tmp_path)
    assert rows == [("segment", name, AT) for name in CALLS for _ in range(2)]
    assert counted == (12, 0)


def test_the_tracker_of_snowplow_gives_one_interaction_an_event(tmp_path: Path) -> None:
    Home(tmp_path).prepare()
    methods: tuple[Method, ...] = ("post", "get")
    with running(tmp_path) as collector:
        for method in methods:
            send_snowplow(method, collector.port)
    rows, counted = loaded(tmp_path)
    assert [row[0] for row in rows] == ["snowplow"] * 6
    assert counted == (6, 0)
