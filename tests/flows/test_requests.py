"""Requests of persons: a run tells that they came, `rapport requests` lists them, and their commands answer them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.flows.cli import rapport

NOW = datetime.now(UTC).replace(microsecond=0)
SHOP = {"shop_id": 954889, "shop_domain": "example.myshopify.com"}


def person(number: int) -> dict[str, Any]:
    return {"id": 191160 + number, "email": f"person.{number}@example.com", "phone": None}


def hook(topic: str, event: str, body: dict[str, Any], age: timedelta = timedelta()) -> str:
    """A line as the collector lands a request of Shopify's."""
    headers = {"x-shopify-topic": topic, "x-shopify-event-id": event, "x-shopify-triggered-at": f"{NOW - age:%FT%TZ}"}
    return json.dumps({"rapport_request": {"received_at": f"{NOW - age:%FT%TZ}", "headers": headers}, "body": body})


def landed(folder: Path, *lines: str) -> str:
    path = folder / "hooks.ndjson"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_each_request_of_shopify_s_is_told_listed_and_answered(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    file = landed(
        tmp_path,
        hook("customers/update", "e1", {**person(1), "orders_count": 1, "total_spent": "1.00"}, timedelta(days=4)),
        hook("customers/update", "e2", {**person(2), "orders_count": 0, "total_spent": "0.00"}, timedelta(days=4)),
        hook("customers/redact", "e3", {**SHOP, "customer": person(1), "orders_to_redact": [1]}, timedelta(days=3)),
        hook("customers/data_request", "e4", {**SHOP, "customer": person(2), "data_request": {"id": 9}}, timedelta(2)),
        hook("shop/redact", "e5", SHOP, timedelta(days=1)),
        hook("shop/redact", "e6", SHOP, timedelta(days=100)),
    )
    assert rapport(*home, "init").code == 0
    inbox = tmp_path / "home" / "landing" / "inbox" / "shopify"
    Path(file).rename(inbox / "hooks.ndjson")

    ran = rapport(*home, "run")
    assert ran.code == 0
    assert "Persons ask to be erased or for what is known (4)" in ran.out
    assert rapport(*home, "run", "--json").object["requests"] == 0

    listed = rapport(*home, "requests", "--json").object["requests"]
    assert [(each["request"], each["who"], each["answer"]) for each in listed] == [
        ("erase", "customer_id:191161", "erase customer_id:191161"),
        ("access", "customer_id:191162", "access customer_id:191162 --html FILE"),
        ("erase a shop", "example.myshopify.com", ""),
    ]
    assert listed[0]["due_at"] == f"{NOW + timedelta(days=27):%FT%TZ}"
    shown = rapport(*home, "requests").out
    assert "erase customer_id:191161" in shown
    assert "docs/erasing.md" in shown

    page = tmp_path / "page.html"
    assert rapport(*home, "access", "customer_id:191162", "--html", str(page)).code == 0
    assert "person.2@example.com" in page.read_text(encoding="utf-8")
    erased = rapport(*home, *listed[0]["answer"].split(), "--json").object
    assert (erased["persons"], erased["search"]["traces"]) == (1, [])
    left = rapport(*home, "requests", "--json").object["requests"]
    assert [each["request"] for each in left] == ["access", "erase a shop"]


def test_loading_alone_tells_of_requests_too(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    file = landed(tmp_path, hook("customers/data_request", "e1", {**SHOP, "customer": person(1)}))
    assert "Persons ask to be erased or for what is known (1)" in rapport(*home, "ingest", "shopify", file).out
    assert rapport(*home, "ingest", "shopify", file, "--json").object["requests"] == 0
    assert len(rapport(*home, "requests", "--json").object["requests"]) == 1


def test_without_requests_nobody_asks_for_anything(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    assert rapport(*home, "init").code == 0
    assert rapport(*home, "run").code == 0
    assert rapport(*home, "requests").out == "Nobody asks for anything.\n"
