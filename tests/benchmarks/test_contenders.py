import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contender import Tables, contender
from benchmarks.measure import Measurement, measure, write_calls
from schemas.tables import tables

EVENTS = 2_000


@pytest.fixture(scope="module")
def measurements(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measurement]:
    folder = tmp_path_factory.mktemp("benchmark")
    files = write_calls(folder / "events", EVENTS, 20, 2)
    return {name: measure(name, EVENTS, files, files[:1], folder / name) for name in ("by_hand", "rowwise")}


@pytest.fixture(params=["by_hand", "rowwise"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[list[Any]], Tables]:
    """Ingests lines (texts, or calls as dicts) with one of the peers."""

    def loaded(lines: list[Any]) -> Tables:
        file = tmp_path / "calls.jsonl"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        file.write_text("\n".join(texts) + "\n", encoding="utf-8")
        chosen = contender(request.param)
        chosen.prepare(tmp_path / "result")
        chosen.ingest([file], tmp_path / "result")
        return chosen.connect(tmp_path / "result")

    return loaded


def call(message: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "messageId": message,
        "event": "Order Completed",
        "anonymousId": "a-1",
        "timestamp": "2025-03-01T10:00:00Z",
        "receivedAt": "2025-03-01T10:00:01Z",
        **fields,
    }


def test_the_row_wise_pipeline_and_the_script_agree_on_every_figure(
    measurements: dict[str, Measurement],
) -> None:
    assert measurements["rowwise"].figures == measurements["by_hand"].figures


def test_one_event_in_a_hundred_is_a_copy_and_none_is_rejected(measurements: dict[str, Measurement]) -> None:
    figures = measurements["by_hand"].figures
    assert figures["interactions: COUNT(*)"] == "1980"
    assert figures["daily_activity: SUM(interaction_count)"] == "1980"
    assert figures["rejections: COUNT(*)"] == "0"


def test_a_measurement_knows_seconds_and_memory(measurements: dict[str, Measurement]) -> None:
    for name, found in measurements.items():
        assert (found.contender, found.events) == (name, EVENTS)
        assert found.seconds > 0
        assert found.peak_mib > 10


@pytest.mark.parametrize("table", ["interactions", "rejections", "daily_activity", "daily_categories", "orders"])
def test_the_script_writes_the_columns_of_the_warehouse(table: str, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(json.dumps(call("m-1")) + "\n", encoding="utf-8")
    script = contender("by_hand")
    script.prepare(tmp_path / "result")
    script.ingest([file], tmp_path / "result")
    found = script.connect(tmp_path / "result").execute(f"DESCRIBE {table}").fetchall()
    assert tuple(row[0] for row in found) == tables()[table].column_names


def test_the_script_sorts_interactions_by_time(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    lines = [json.dumps(call(f"m-{hour}", timestamp=f"2025-03-01T0{hour}:00:00Z")) for hour in (3, 1, 2)]
    file.write_text("\n".join(lines), encoding="utf-8")
    script = contender("by_hand")
    script.prepare(tmp_path / "result")
    script.ingest([file], tmp_path / "result")
    found = script.connect(tmp_path / "result").execute("SELECT event_id, row_number FROM interactions")
    assert found.fetchall() == [("m-1", 2), ("m-2", 3), ("m-3", 1)]


BROKEN: list[tuple[Any, str]] = [
    ('{"type": "track", "messageId": "m-2"', "bad_json"),
    (call("m-2", type="shout"), "unknown_call"),
    (call("m-2", event=None), "missing_event_name"),
    (call(""), "missing_event_id"),
    (call("null"), "event_id_placeholder"),
    (call("m-2", properties="none"), "wrong_type_object"),
    (call("m-2", anonymousId="undefined"), "missing_identifier"),
    (call("m-2", timestamp="yesterday"), "wrong_type_occurred_at"),
    (call("m-2", timestamp=None, receivedAt=None), "missing_time"),
    (call("m-2", properties={"revenue": "a lot"}), "wrong_type_amount"),
    (call("m-2", properties={"products": [{"price": "cheap"}]}), "wrong_type_items"),
    (call("m-2", properties={"revenue": 1, "currency": "euro"}), "currency_not_iso_4217"),
    (call("m-2", timestamp="1969-12-31T00:00:00Z"), "occurred_at_out_of_range"),
    (call("m-2", event="-"), "event_name_not_snake_case"),
]


def test_each_broken_call_is_rejected_with_its_reason_and_its_neighbours_are_kept(
    load: Callable[[list[Any]], Tables],
) -> None:
    found = load([call("m-1"), *(line for line, _ in BROKEN), call("m-3")])
    reasons = found.execute("SELECT reason_code FROM rejections ORDER BY ALL").fetchall()
    assert reasons == sorted((reason_code,) for _, reason_code in BROKEN)
    assert found.execute("SELECT event_id FROM interactions ORDER BY ALL").fetchall() == [("m-1",), ("m-3",)]


def test_the_copy_that_was_received_first_wins(load: Callable[[list[Any]], Tables]) -> None:
    later = call("m-1", receivedAt="2025-03-01T12:00:00Z", properties={"revenue": 2})
    earlier = call("m-1", receivedAt="2025-03-01T11:00:00Z", properties={"revenue": 1})
    found = load([later, earlier, later])
    assert found.execute("SELECT amount::DOUBLE FROM interactions").fetchall() == [(1.0,)]


def test_time_follows_the_client_corrected_for_a_wrong_clock(load: Callable[[list[Any]], Tables]) -> None:
    wrong = {
        "timestamp": None,
        "originalTimestamp": "2025-03-01T08:00:00Z",
        "sentAt": "2025-03-01T08:00:10Z",
        "receivedAt": "2025-03-01T10:00:10Z",
    }
    future = {"timestamp": "2025-03-09T00:00:00Z", "receivedAt": "2025-03-01T10:00:00Z"}
    found = load([call("m-1", **wrong), call("m-2", **future)]).execute(
        "SELECT event_id, hour(occurred_at), day(occurred_at), time_basis FROM interactions ORDER BY ALL"
    )
    assert found.fetchall() == [("m-1", 10, 1, "corrected"), ("m-2", 10, 1, "clamped")]


def test_an_order_counts_its_lines_and_their_categories(load: Callable[[list[Any]], Tables]) -> None:
    products = [
        {"product_id": "p-1", "category": "tea", "price": 2.5, "quantity": 2},
        {"sku": "p-2", "category": "toys", "price": "3"},
    ]
    properties = {"order_id": "o-1", "revenue": 8, "total": 9, "currency": "eur", "products": products}
    found = load([call("m-1", properties=properties, userId=" u-1 ")])
    assert found.execute("SELECT order_id, line_count, amount::DOUBLE FROM orders").fetchall() == [("o-1", 2, 8.0)]
    categories = "SELECT anchor, category, amount::DOUBLE FROM daily_categories ORDER BY ALL"
    assert found.execute(categories).fetchall() == [("user_id:u-1", "tea", 5.0), ("user_id:u-1", "toys", 3.0)]


def test_all_identifiers_of_an_identify_call_are_kept_and_the_strongest_is_the_anchor(
    load: Callable[[list[Any]], Tables],
) -> None:
    said = call(
        "m-1",
        type="identify",
        traits={"email": "One@Example.com", "phone": "+1 (202) 555-0100"},
        context={"externalIds": [{"id": "L-1", "type": "loyalty_id"}]},
    )
    found = load([said]).execute("SELECT anchor, [i.kind || ':' || i.value FOR i IN identifiers] FROM interactions")
    assert found.fetchall() == [
        (
            "loyalty_id:L-1",
            ["anonymous_id:a-1", "email:one@example.com", "loyalty_id:L-1", "phone:+12025550100"],
        )
    ]


def test_the_channel_is_email_for_events_of_mails(load: Callable[[list[Any]], Tables]) -> None:
    calls = [
        call("m-1", event="Email Link Clicked"),
        call("m-2", event="productViewed", context={"channel": "ios"}),
        call("m-3", type="page", event=None),
    ]
    found = load(calls).execute("SELECT event_id, event_name, channel FROM interactions ORDER BY ALL")
    assert found.fetchall() == [
        ("m-1", "email_clicked", "email"),
        ("m-2", "product_viewed", "app"),
        ("m-3", "page", "web"),
    ]


def test_what_has_no_column_stays_in_properties(load: Callable[[list[Any]], Tables]) -> None:
    said = call("m-1", properties={"colour": "red"}, context={"locale": "de-DE"})
    found = load([said]).execute("SELECT properties->>'$.colour', properties->>'$.context.locale' FROM interactions")
    assert found.fetchall() == [("red", "de-DE")]


def test_an_unknown_contender_is_an_error() -> None:
    with pytest.raises(AttributeError, match="CONTENDER"):
        contender("figures")
