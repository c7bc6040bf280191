"""For every hand-written rule, rows that pass and rows that it refuses first: changes of a valid row."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Changes = dict[str, Any]

VALID: dict[str, Changes] = {
    "interactions": {
        "interaction_id": "0" * 32,
        "source": "shop",
        "connector": "segment",
        "event_id": "e-1",
        "channel": "web",
        "event_name": "product_viewed",
        "direction": "inbound",
        "initiator": "customer",
        "occurred_at": datetime(2020, 6, 1, tzinfo=UTC),
        "received_at": datetime(2020, 6, 1, tzinfo=UTC),
        "ingested_at": datetime(2020, 6, 1, tzinfo=UTC),
        "is_received_assigned": False,
        "time_basis": "occurred",
        "identifiers": [{"kind": "user_id", "value": "u1"}],
        "is_machine": False,
        "batch_id": "b1",
        "file_id": "f1",
        "row_number": 1,
        "element": 0,
        "commit_seq": 1,
    },
}


def _ids(*columns: str) -> dict[str, tuple[list[Changes], list[Changes]]]:
    return {
        f"{column}_too_long": ([{column: "x" * 1_000}, {column: "é" * 1_000}], [{column: "x" * 1_001}])
        for column in columns
    }


def _instants(*columns: str) -> dict[str, tuple[list[Changes], list[Changes]]]:
    return {
        f"{column}_out_of_range": (
            [{column: datetime(1970, 1, 1, tzinfo=UTC)}, {column: datetime(2199, 12, 31, tzinfo=UTC)}],
            [{column: datetime(1969, 12, 31, tzinfo=UTC)}, {column: datetime(2200, 1, 1, 1, tzinfo=UTC)}],
        )
        for column in columns
    }


def _numbers(*columns: str) -> dict[str, tuple[list[Changes], list[Changes]]]:
    limit, step = Decimal(10**10), Decimal("0.0001")
    return {
        f"{column}_out_of_range": (
            [{column: limit}, {column: -limit}, {column: Decimal(0)}, {column: None}],
            [{column: limit + step}, {column: -limit - step}],
        )
        for column in columns
    }


def _names(column: str, *right: str) -> dict[str, tuple[list[Changes], list[Changes]]]:
    wrong = (
        "",
        " ",
        "Order Completed",
        "orderCompleted",
        "order-completed",
        "_a",
        "a_",
        "a__b",
        "a\n",
        "a.b",
    )
    return {
        f"{column}_not_snake_case": ([{column: name} for name in right], [{column: name} for name in wrong]),
        f"{column}_too_long": ([{column: right[-1]}], [{column: "x" * 256}, {column: "X" * 256}]),
    }


# suite -> code -> (rows that pass every rule, rows that fail this rule first)
SAMPLES: dict[str, dict[str, tuple[list[Changes], list[Changes]]]] = {
    "interactions": {
        "event_id_blank": ([{"event_id": " 7 "}], [{"event_id": ""}, {"event_id": " \t\n"}]),
        "event_id_placeholder": (
            [{"event_id": "nullable"}, {"event_id": "0"}],
            [{"event_id": "null"}, {"event_id": "undefined"}, {"event_id": "NaN"}],
        ),
        **_ids("event_id", "order_id", "product_id", "campaign_id", "offer_id", "contact_id"),
        **_names(
            "event_name", "a", "order_completed", "2fa_enabled", "step_2", "заказ_оформлен", "注文_完了", "x" * 255
        ),
        **_names("channel", "web", "in_app", "pos"),
        "unknown_channel": (
            [{"channel": "email"}, {"channel": "survey"}],
            [{"channel": "store_visit"}, {"channel": "emails"}, {"channel": "訪問"}],
        ),
        **_instants("occurred_at", "received_at"),
        **_numbers("amount", "margin", "quantity"),
        "currency_not_iso_4217": (
            [
                {"amount": 1, "currency": "EUR"},
                {"amount": 1, "currency": None},
                {"amount": None, "currency": "euros"},
            ],
            [{"amount": 1, "currency": code} for code in ("", "eur", "€", "EURO", "EUR\n", " EUR")],
        ),
        "score_not_finite": (
            [{"score": -1e308}, {"score": 9.5}, {"score": None}],
            [{"score": float("nan")}, {"score": float("inf")}, {"score": float("-inf")}],
        ),
        "sentiment_out_of_range": (
            [{"sentiment": -1.0}, {"sentiment": 1.0}, {"sentiment": None}],
            [{"sentiment": 1.01}, {"sentiment": -2.0}, {"sentiment": float("nan")}],
        ),
    },
}
