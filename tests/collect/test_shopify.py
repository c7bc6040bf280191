"""Shopify: versions of orders, refunds inside and beside them, records without a topic, signatures."""

import base64
import hmac
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipelines.collect.connectors import connectors
from pipelines.collect.webhook import RefusedError, Request
from schemas.vocabulary import ORDER_EVENTS, REFUND_EVENTS
from tests.collect.staged import Row, Staged, stage

CREATED, UPDATED = "2025-03-01T10:00:00Z", "2025-03-02T10:00:00Z"
CUSTOMER = {"id": 11, "email": "ann@example.com"}
BACK: dict[str, Any] = {
    "id": 90,
    "order_id": 5,
    "created_at": UPDATED,
    "refund_line_items": [],
    "transactions": [{"kind": "refund", "status": "success", "amount": "4.50", "currency": "EUR"}],
}


def order(**said: Any) -> dict[str, Any]:
    return {
        "id": 5,
        "created_at": CREATED,
        "updated_at": CREATED,
        "financial_status": "paid",
        "total_price": "12.00",
        "currency": "EUR",
        "customer": CUSTOMER,
        "line_items": [{"product_id": 1, "quantity": 2, "price": "6.00"}],
        **said,
    }


def request(topic: str, body: Any, event: str = "e1", received: str = UPDATED) -> dict[str, Any]:
    headers = {"x-shopify-topic": topic, "x-shopify-event-id": event, "x-shopify-triggered-at": UPDATED}
    return {"rapport_request": {"received_at": received, "headers": headers}, "body": body}


def staged(*lines: Any) -> Staged:
    return stage("shopify", "".join(json.dumps(line) + "\n" for line in lines))


def by_id(found: Staged) -> dict[str, Row]:
    return {row["event_id"]: row for row in found.interactions}


@pytest.mark.parametrize("first", ["orders/create", "orders/updated"])
def test_the_newest_version_of_an_order_counts_whatever_brings_it(first: str) -> None:
    newer = order(updated_at=UPDATED, total_price="10.00")
    for lines in (
        [request(first, order()), request("orders/updated", newer, "e2"), order()],
        [newer, request(first, order())],
    ):
        found = staged(*lines)
        assert found.rows("event_id", "event_name", "amount") == [("order:5", "order_completed", Decimal(10))]
        assert {row["amount"] for row in found.losers} == {Decimal(12)}


def test_versions_are_compared_as_times_in_whatever_zone_they_are_written() -> None:
    east = order(updated_at="2025-03-01T12:30:00+05:30", total_price="1.00")  # 07:00 UTC
    west = order(updated_at="2025-03-01T04:00:00-05:00", total_price="2.00")  # 09:00 UTC
    assert staged(west, east).accepted(1)["amount"] == Decimal(2)


def test_a_refund_inside_an_order_is_a_record_of_its_own() -> None:
    found = staged(order(updated_at=UPDATED, refunds=[BACK, {**BACK, "id": 91, "transactions": []}]))
    assert found.counts == {"f0": (3, 3)}
    refund = by_id(found)["refund:90"]
    assert (refund["event_name"], refund["amount"], refund["currency"]) == ("order_refunded", Decimal("-4.5"), "EUR")
    assert (refund["order_id"], refund["anchor"]) == ("5", "customer_id:11")
    assert by_id(found)["refund:91"]["amount"] is None


def test_a_refund_that_comes_twice_counts_once_and_has_the_customer_of_its_order() -> None:
    inside = request("orders/updated", order(updated_at="2025-03-02T10:00:01Z", refunds=[BACK]), "e2")
    for lines in ([request("refunds/create", BACK), inside], [inside, request("refunds/create", BACK)]):
        found = staged(*lines)
        assert found.counts == {"f0": (3, 3)}
        assert sorted(by_id(found)) == ["order:5", "refund:90"]
        assert by_id(found)["refund:90"]["anchor"] == "customer_id:11"


def test_records_of_an_array_keep_their_numbers_whatever_stands_in_the_others() -> None:
    found = staged([order(id=6, refunds=[{**BACK, "id": 91}]), order(refunds=[BACK])])
    places = {row["event_id"]: row["element"] for row in found.interactions}
    assert (places["order:6"], places["order:5"]) == (0, 1)
    alone = staged([{"id": 6}, order(refunds=[BACK])])
    assert {row["event_id"]: row["element"] for row in alone.interactions}["refund:90"] == places["refund:90"]


@pytest.mark.parametrize(
    ("status", "amount"),
    [("pending", -12), ("authorized", -12), ("voided", -12), ("paid", None), ("refunded", None), (None, None)],
)
def test_a_cancellation_takes_back_what_was_never_paid(status: str | None, amount: int | None) -> None:
    cancelled = order(cancelled_at=UPDATED, updated_at=UPDATED, financial_status=status, cancel_reason="customer")
    found = by_id(staged(request("orders/cancelled", cancelled)))
    assert found["order:5"]["amount"] == Decimal(12)
    row = found["cancellation:5"]
    assert row["amount"] == (None if amount is None else Decimal(amount))
    assert (row["event_name"], row["order_id"], row["initiator"]) == ("order_cancelled", "5", "customer")
    assert row["occurred_at"] == datetime(2025, 3, 2, 10, tzinfo=UTC)


def test_only_whole_orders_and_refunds_make_rows_of_orders() -> None:
    topics = ("orders/paid", "orders/fulfilled", "checkouts/create", "customers/create")
    found = staged(*(request(topic, order(), topic) for topic in topics))
    assert not {row["event_name"] for row in found.interactions} & {*ORDER_EVENTS, *REFUND_EVENTS}
    assert [row["items"] is not None for row in found.interactions] == [False, False, True, False]


def test_the_event_id_of_the_request_is_the_key_of_what_is_no_state() -> None:
    cart = {"id": "c", "token": "c", "line_items": [], "updated_at": UPDATED}
    lines = [request("carts/update", cart, "a"), request("carts/update", cart, "a", "2025-03-02T11:00:00Z")]
    assert staged(*lines, request("carts/update", cart, "b")).rows("event_id") == [("a",), ("b",)]


def test_the_same_export_gives_the_same_ids_again() -> None:
    customer = {**CUSTOMER, "orders_count": 1, "total_spent": "12.00", "updated_at": UPDATED}
    first, again = staged(customer), staged(customer, customer)
    assert first.rows("event_id", "event_name") == again.rows("event_id", "event_name")
    assert first.accepted()["event_name"] == "customer_updated"


@pytest.mark.parametrize(
    ("state", "status"),
    [("subscribed", "granted"), ("unsubscribed", "denied"), ("not_subscribed", None), ("pending", None), (None, None)],
)
def test_consents_of_customers_are_statements_of_their_own_time(state: str | None, status: str | None) -> None:
    consent = {"state": state, "consent_updated_at": CREATED}
    body = {**CUSTOMER, "updated_at": UPDATED, "sms_marketing_consent": consent}
    row = staged(request("customers/update", body)).accepted()
    said = json.loads(row["consents"]) if row["consents"] else []
    assert [(one["channel"], one["purpose"], one["status"], one["stated_at"]) for one in said] == (
        [("sms", "marketing", status, CREATED)] if status else []
    )


def test_a_request_to_be_forgotten_names_the_person_whom_an_operator_erases() -> None:
    body = {"shop_id": 1, "shop_domain": "example.myshopify.com", "customer": CUSTOMER, "orders_to_redact": [5]}
    row = staged(request("customers/redact", body)).accepted()
    assert (row["event_name"], row["anchor"], row["direction"]) == (
        "customer_redact_requested", "customer_id:11", "inbound",
    )  # fmt: skip
    assert json.loads(row["properties"]) == body


@pytest.mark.parametrize("topic", ["app/uninstalled", "shop/update", "locations/create", "company_locations/update"])
def test_an_address_of_the_shop_names_no_customer(topic: str) -> None:
    body = {"id": 548380009, "email": "shop@example.com", "phone": "+15005550001"}
    row = staged(request(topic, body)).accepted()
    assert (row["identifiers"], row["anchor"]) == ([], None)


def test_a_refund_in_the_customer_s_currency_has_items_in_that_currency() -> None:
    def worth(shop: str, customer: str) -> dict[str, Any]:
        return {
            "shop_money": {"amount": shop, "currency_code": "EUR"},
            "presentment_money": {"amount": customer, "currency_code": "CAD"},
        }

    line = {"quantity": 1, "subtotal": 4.5, "subtotal_set": worth("4.50", "6.75"), "line_item": {"product_id": 1}}
    paid = {"kind": "refund", "status": "success", "amount": "6.75", "currency": "CAD"}
    row = staged(request("refunds/create", {**BACK, "refund_line_items": [line], "transactions": [paid]})).accepted()
    assert (row["amount"], row["currency"], row["items"][0]["amount"]) == (Decimal("-6.75"), "CAD", Decimal("-6.75"))
    unpaid = staged(request("refunds/create", {**BACK, "refund_line_items": [line], "transactions": []})).accepted()
    assert (unpaid["amount"], unpaid["currency"], unpaid["items"][0]["amount"]) == (None, "EUR", Decimal("-4.5"))


def test_what_is_no_shape_of_shopify_s_is_kept_as_unknown() -> None:
    row = staged({"id": 1, "title": "A product", "updated_at": UPDATED, "email": "ann@example.com"}).accepted()
    assert (row["event_name"], row["anchor"]) == ("shopify_unknown", "email:ann@example.com")
    assert json.loads(row["properties"])["title"] == "A product"


@pytest.mark.parametrize(
    "bad", [{"transactions": [{"kind": "refund", "status": "success", "amount": "x"}]}, {"id": None}]
)
def test_a_broken_refund_is_refused_by_itself(bad: dict[str, Any]) -> None:
    found = staged(order(refunds=[{**BACK, **bad}]))
    assert sorted(by_id(found)) == ["order:5"]
    assert len(found.rejections) == 1


@pytest.mark.parametrize("flaw", ["", "body", "secret", "missing"])
def test_only_requests_that_shopify_signed_are_taken(flaw: str) -> None:
    body = b'{"id": 1}'
    digest = hmac.digest(b"other" if flaw == "secret" else b"shhh", body, "sha256")
    headers = {} if flaw == "missing" else {"x-shopify-hmac-sha256": base64.b64encode(digest).decode()}
    sent = b'{"id": 2}' if flaw == "body" else body
    asked = Request("POST", "https://example.com/webhooks/shopify", headers, sent, datetime(2025, 3, 1, tzinfo=UTC))
    webhook = connectors()["shopify"].webhook
    assert webhook is not None
    if flaw:
        with pytest.raises(RefusedError):
            webhook.check(asked, {"secret": "shhh"})
    else:
        assert webhook.check(asked, {"secret": "shhh"}) is None
