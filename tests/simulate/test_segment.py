from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.simulate.worlds import Record, Written

REQUIRED: dict[str, set[str]] = {
    "page": {"anonymousId", "properties"},
    "track": {"anonymousId", "event", "properties"},
    "identify": {"anonymousId", "userId", "traits"},
    "alias": {"previousId", "userId"},
}
COMMON = {"type", "messageId", "context", "originalTimestamp", "sentAt", "receivedAt", "timestamp"}
PRODUCT = {"product_id", "sku", "category", "name", "price"}
PROPERTIES = {
    "Products Searched": {"query"},
    "Product Viewed": PRODUCT | {"currency"},
    "Product Added": PRODUCT | {"currency", "quantity"},
    "Coupon Redeemed": {"coupon_id", "offer_id", "campaign_id", "order_id", "discount", "currency"},
}
ORDER = {
    "order_id",
    "affiliation",
    "subtotal",
    "total",
    "revenue",
    "shipping",
    "tax",
    "discount",
    "currency",
    "products",
}


def instant(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def first_copies(calls: list[Record]) -> list[Record]:
    return list({call["messageId"]: call for call in reversed(calls)}.values())


def tracked(written: Written, event: str) -> list[Record]:
    return [call for call in first_copies(written.calls) if call.get("event") == event]


def test_every_type_of_call_has_its_required_fields(written: Written) -> None:
    assert {call["type"] for call in written.calls} == set(REQUIRED)
    for call in written.calls:
        assert COMMON | REQUIRED[call["type"]] <= set(call)
        assert {"userAgent", "locale", "page"} <= set(call["context"])
        assert len(call["messageId"]) <= 100


def test_what_is_unknown_is_left_out_and_never_null(written: Written) -> None:
    def has_null(value: Any) -> bool:
        members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
        return value is None or any(has_null(member) for member in members)

    assert not any(has_null(line) for line in written.lines)
    assert any("userId" not in call for call in written.calls)


@pytest.mark.parametrize("event", sorted(PROPERTIES))
def test_track_calls_carry_the_properties_of_the_spec(event: str, written: Written) -> None:
    found = tracked(written, event)
    assert found
    assert all(set(call["properties"]) == PROPERTIES[event] for call in found)


def test_an_order_is_the_sum_of_its_products(written: Written) -> None:
    for call in tracked(written, "Order Completed"):
        order = call["properties"]
        assert set(order) - {"coupon"} == ORDER
        goods = sum(product["price"] * product["quantity"] for product in order["products"])
        assert order["subtotal"] == pytest.approx(goods)
        assert order["revenue"] == pytest.approx(order["subtotal"] - order["discount"])
        assert order["total"] == pytest.approx(order["revenue"] + order["shipping"])
        assert ("coupon" in order) == (order["discount"] > 0)


def test_times_lie_in_the_world_and_the_timestamp_corrects_the_clock(written: Written) -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    for call in written.calls:
        sent, original = instant(call["sentAt"]), instant(call["originalTimestamp"])
        occurred, received = instant(call["timestamp"]), instant(call["receivedAt"])
        assert start <= occurred < start + timedelta(days=written.world.days)
        assert occurred == received - (sent - original)


def test_some_clocks_are_wrong_and_some_calls_are_late(written: Written) -> None:
    skews = [instant(call["timestamp"]) - instant(call["originalTimestamp"]) for call in written.calls]
    delays = [instant(call["receivedAt"]) - instant(call["timestamp"]) for call in written.calls]
    assert 0 < sum(abs(skew) > timedelta(minutes=5) for skew in skews) < 0.2 * len(skews)
    assert 0.005 < sum(delay > timedelta(hours=1) for delay in delays) / len(delays) < 0.06


def test_calls_are_written_in_the_order_of_receipt(written: Written) -> None:
    received = [call["receivedAt"] for call in written.calls]
    assert received == sorted(received)


def test_lines_are_single_calls_and_batches(written: Written) -> None:
    batches = [line for line in written.lines if "batch" in line]
    assert 0 < len(batches) < 0.1 * len(written.lines)
    assert all(set(line) == {"batch", "sentAt"} and len(line["batch"]) > 1 for line in batches)


def test_a_retried_call_keeps_its_message_and_is_received_later(written: Written) -> None:
    counts = Counter(call["messageId"] for call in written.calls)
    copied = {message for message, count in counts.items() if count > 1}
    assert len(copied) == len(written.calls) - len(counts) == int(0.01 * len(counts))
    for message in copied:
        first, second = (call for call in written.calls if call["messageId"] == message)
        assert first["receivedAt"] < second["receivedAt"]
        moved = {"sentAt", "receivedAt", "timestamp"}
        assert {k: v for k, v in first.items() if k not in moved} == {k: v for k, v in second.items() if k not in moved}


def test_a_visitor_is_unknown_until_the_login(written: Written) -> None:
    landing = [call for call in written.calls if call["type"] == "page" and call["properties"]["path"] == "/"]
    assert landing
    assert not any("userId" in call for call in landing)


def test_an_identify_call_names_the_loyalty_card(written: Written) -> None:
    cards = {row["user_id"]: row["loyalty_id"] for row in written.truth}
    for call in (call for call in written.calls if call["type"] == "identify"):
        expected = {"type": "loyalty_id", "collection": "users", "encoding": "none"}
        assert call["context"]["externalIds"] == [{"id": cards[call["userId"]], **expected}]
