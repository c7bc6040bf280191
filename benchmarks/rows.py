"""Segment calls one at a time in plain Python, for the row-wise pipeline: the same columns and checks.

A row holds only what Beam's coders write natively (pickled dates and decimals would slow the pipeline): times
are microseconds since 1970, money and quantities ten-thousandths, both as integers.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from schemas.identifiers import anchor, normalised
from schemas.keys import key
from warehouse.settings import IdentitySettings

Row = dict[str, Any]

CALLS = ("identify", "track", "page", "screen", "group", "alias")
ALIASES = {
    "email_link_clicked": "email_clicked",
    "email_marked_as_spam": "email_complained",
    "unsubscribed": "email_unsubscribed",
}
CHANNELS = {
    "browser": "web",
    "client": "web",
    "server": "web",
    "mobile": "app",
    "ios": "app",
    "android": "app",
}
PLACEHOLDERS = ("null", "NULL", "none", "None", "nan", "NaN", "undefined", "n/a", "N/A")
IDS = ("event_id", "order_id", "product_id", "campaign_id", "offer_id", "contact_id")
SOURCE = "segment"
IDENTITY = IdentitySettings()
SCALE = 4
LIMIT = 10 ** (12 + SCALE)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HORIZON = (datetime(2200, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
SKEW = timedelta(minutes=5) // MICROSECOND
FUTURE = timedelta(hours=24) // MICROSECOND

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_GAP = re.compile(r"[\W_]+")
_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_BLOCKED = re.compile(r"[0-]*|test(\+[^@]*)?@.*|" + "|".join(map(re.escape, IDENTITY.blocked_values)), re.IGNORECASE)
_CURRENCY = re.compile(r"[A-Z]{3}")
_KNOWN = (
    *("type", "messageId", "userId", "anonymousId", "previousId", "event", "timestamp"),
    *("originalTimestamp", "sentAt", "receivedAt", "properties"),
)


class RejectedError(ValueError):
    """The record does not pass; `reason_code` says why."""

    def __init__(self, reason_code: str) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code


def interaction(line: str) -> Row:
    """Read the columns of `interactions` that one call gives. Raises RejectedError."""
    call = _call(line)
    properties, context = call.get("properties") or {}, call.get("context") or {}
    row = _names(call, context) | _times(call) | _numbers(properties)
    row |= {name: properties.get(name) for name in ("product_id", "category", "order_id", "campaign_id", "offer_id")}
    row["contact_id"] = properties.get("contact_id") or properties.get("message_id")
    row["identifiers"] = _identifiers(call, context)
    pairs = [(i["kind"], i["value"]) for i in row["identifiers"]]
    row["anchor"] = anchor(pairs, IDENTITY.priorities)
    rest = {name: value for name, value in call.items() if name not in _KNOWN}
    row["properties"] = json.dumps(properties | rest)
    _check(row)
    return row


def _call(line: str) -> Row:
    try:
        call = json.loads(line)
    except json.JSONDecodeError as problem:
        raise RejectedError("bad_json") from problem
    if not isinstance(call, dict):
        raise RejectedError("not_an_object")
    if call.get("type") not in CALLS:
        raise RejectedError("unknown_call")
    if call["type"] == "track" and not call.get("event"):
        raise RejectedError("missing_event_name")
    if not call.get("messageId"):
        raise RejectedError("missing_event_id")
    if not all(isinstance(call.get(name) or {}, dict) for name in ("properties", "context", "traits")):
        raise RejectedError("wrong_type_object")
    return call


def _names(call: Row, context: Row) -> Row:
    name = call["type"]
    if name == "track":
        name = _GAP.sub("_", _CAMEL.sub("_", call["event"]).lower()).strip("_")
        name = ALIASES.get(name, name)
    said = (context.get("channel") or "web").lower()
    return {
        "interaction_id": key(SOURCE, call["messageId"]),
        "source": SOURCE,
        "connector": SOURCE,
        "event_id": call["messageId"],
        "event_name": name,
        "channel": "email" if name.startswith("email_") else CHANNELS.get(said, said),
        "direction": "inbound",
        "initiator": "customer",
        "is_machine": False,
    }


def _times(call: Row) -> Row:
    occurred = _instant(call.get("timestamp"), "occurred_at")
    original = _instant(call.get("originalTimestamp"), "original_at")
    sent = _instant(call.get("sentAt"), "sent_at")
    received = _instant(call.get("receivedAt"), "received_at")
    basis = "occurred"
    if received is not None and sent is not None and abs(received - sent) > SKEW and original is not None:
        original += received - sent
        basis = "corrected" if occurred is None else basis
    candidates = [(occurred, basis), (original, basis), (sent, "sent"), (received, "received")]
    found, basis = next(((at, how) for at, how in candidates if at is not None), (-1, ""))
    if not basis:
        raise RejectedError("missing_time")
    if received is not None and found > received + FUTURE:
        found, basis = received, "clamped"
    now = (datetime.now(UTC) - EPOCH) // MICROSECOND
    return {
        "occurred_at": found,
        "time_basis": basis,
        "received_at": now if received is None else received,
        "ingested_at": now,
        "is_received_assigned": received is None,
    }


def _numbers(properties: Row) -> Row:
    money = next((properties[n] for n in ("revenue", "total", "value") if properties.get(n) is not None), None)
    currency = properties.get("currency")
    return {
        "amount": _decimal(money, "amount"),
        "currency": currency and currency.upper(),
        "quantity": _decimal(properties.get("quantity"), "quantity"),
        "items": [_item(product) for product in properties["products"]] if properties.get("products") else None,
    }


def _item(product: Row) -> Row:
    price, quantity = _decimal(product.get("price"), "items"), _decimal(product.get("quantity"), "items")
    return {
        "product_id": product.get("product_id") or product.get("sku"),
        "category": product.get("category"),
        "quantity": quantity,
        "amount": price if price is None or quantity is None else price * quantity // 10**SCALE,
    }


def _identifiers(call: Row, context: Row) -> list[dict[str, str]]:
    traits = call.get("traits") or {} if call["type"] == "identify" else {}
    given = [
        ("user_id", call.get("userId")),
        ("anonymous_id", call.get("anonymousId")),
        ("anonymous_id", call.get("previousId")),
        ("email", traits.get("email")),
        ("phone", traits.get("phone")),
        *((external.get("type"), external.get("id")) for external in context.get("externalIds") or []),
    ]
    pairs = {(kind, normalised(kind, value, IDENTITY.phone_region)) for kind, value in given if kind and value}
    kept = sorted(pair for pair in pairs if not _BLOCKED.fullmatch(pair[1]))
    if not kept:
        raise RejectedError("missing_identifier")
    return [{"kind": kind, "value": value} for kind, value in kept]


def _check(row: Row) -> None:
    if not row["event_id"].strip() or row["event_id"] in PLACEHOLDERS:
        raise RejectedError("event_id_placeholder")
    for name in IDS:
        if row[name] is not None and len(row[name]) > 1_000:
            raise RejectedError(f"{name}_too_long")
    for name in ("event_name", "channel"):
        if not _NAME.fullmatch(row[name]):
            raise RejectedError(f"{name}_not_snake_case")
    for name in ("occurred_at", "received_at"):
        if not 0 <= row[name] <= HORIZON:
            raise RejectedError(f"{name}_out_of_range")
    for name in ("amount", "quantity"):
        if row[name] is not None and abs(row[name]) > LIMIT:
            raise RejectedError(f"{name}_out_of_range")
    if row["amount"] is not None and row["currency"] and not _CURRENCY.fullmatch(row["currency"]):
        raise RejectedError("currency_not_iso_4217")


def _instant(text: str | None, name: str) -> int | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError) as problem:
        raise RejectedError(f"wrong_type_{name}") from problem
    return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - EPOCH) // MICROSECOND


def _decimal(value: object, name: str) -> int | None:
    if value is None or value == "":
        return None
    try:
        return round(Decimal(str(value)).scaleb(SCALE))
    except (InvalidOperation, ValueError, OverflowError) as problem:
        raise RejectedError(f"wrong_type_{name}") from problem
