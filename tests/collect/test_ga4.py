"""Google Analytics 4's export to BigQuery."""

import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.keys import key
from tests.collect.golden import SAMPLES
from tests.collect.landed import blanked
from tests.collect.staged import Row, Staged, stage

Event = dict[str, Any]
AT = 1_612_069_510_766_593


def parameters(**values: Any) -> list[Event]:
    kinds = {str: "string_value", int: "int_value", float: "double_value"}
    return [{"key": name, "value": {kinds[type(value)]: value}} for name, value in values.items()]


def event(name: Any = "page_view", **fields: Any) -> Event:
    """A row of the export that is right; a field given as ... is left out."""
    whole = {
        "event_date": "20210131",
        "event_timestamp": str(AT),
        "event_name": name,
        "event_params": parameters(ga_session_id=5),
        "event_bundle_sequence_id": "7",
        "user_pseudo_id": "visitor-1",
        "stream_id": "21",
        "platform": "WEB",
        **fields,
    }
    return {field: value for field, value in whole.items() if value is not ...}


def staged(*events: Event) -> Staged:
    return stage("ga4", "".join(json.dumps(one) + "\n" for one in events))


def rows(*events: Event) -> list[Row]:
    """The interactions of events that are told apart by their times."""
    found = staged(*({**one, "event_timestamp": str(AT + n)} for n, one in enumerate(events)))
    assert not found.rejections
    return found.interactions


def values(column: str, *events: Event) -> list[Any]:
    return [row[column] for row in rows(*events)]


VALUE = pa.struct(
    [
        ("string_value", pa.string()),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("double_value", pa.float64()),
    ]
)
PARAMETER = pa.struct([("key", pa.string()), ("value", VALUE)])
ITEM = pa.struct(
    [("item_id", pa.string()), ("item_category", pa.string()), ("price", pa.float64()), ("quantity", pa.int64())]
)


def repeated(kind: pa.DataType, is_plain: bool) -> pa.DataType:
    """A repeated field as an export writes it: as a list, or in the three levels of older ones."""
    return pa.list_(kind) if is_plain else pa.struct([("list", pa.list_(pa.struct([("element", kind)])))])


def as_parquet(events: list[Event], is_plain: bool) -> bytes:
    schema = pa.schema(
        [
            ("event_timestamp", pa.int64()),
            ("event_name", pa.string()),
            ("event_params", repeated(PARAMETER, is_plain)),
            ("event_bundle_sequence_id", pa.int64()),
            ("user_pseudo_id", pa.string()),
            ("stream_id", pa.string()),
            ("platform", pa.string()),
            ("items", repeated(ITEM, is_plain)),
        ]
    )

    def folded(values: list[Event]) -> Any:
        return values if is_plain else {"list": [{"element": value} for value in values]}

    def whole(one: Event) -> Event:
        numbers = {name: int(one[name]) for name in ("event_timestamp", "event_bundle_sequence_id")}
        return {**one, **numbers, "event_params": folded(one["event_params"]), "items": folded(one.get("items", []))}

    target = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([whole(one) for one in events], schema=schema), target)
    return target.getvalue()


@pytest.mark.parametrize("is_plain", [True, False], ids=["list", "three levels"])
def test_parquet_gives_the_interactions_of_the_lines(is_plain: bool) -> None:
    items = [{"item_id": "p-1", "item_category": "tea", "price": 2.5, "quantity": 2}]
    events = [event(), event("purchase", items=items, event_params=parameters(currency="EUR", value=5.0, offer_id="o"))]
    found = stage("ga4", as_parquet(events, is_plain), names=["input.parquet"])

    def said(one: Staged) -> list[Row]:
        return [{n: v for n, v in row.items() if n != "properties"} for row in one.interactions]

    assert said(found) == said(staged(*events))
    assert json.loads(found.interactions[0]["properties"])["stream_id"] == "21"


def test_blanks_take_rows_out_of_parquet() -> None:
    events = [event(user_pseudo_id=f"visitor-number-{n}") for n in range(3)]
    content = as_parquet(events, is_plain=True)
    written, report = blanked(content, [(1, 0)], [b"visitor-number-2"], connector="ga4", name="input.parquet")
    after = stage("ga4", written, names=["input.parquet"])
    assert [row["anchor"] for row in after.interactions] == ["anonymous_id:visitor-number-1"]
    assert (report.by_needle, after.suppressed) == (((3, 0),), {"f0": 2})


def test_the_id_is_the_hash_of_what_identifies_an_event() -> None:
    (row,) = rows(event(event_params=[]))
    assert row["event_id"] == key("21", "visitor-1", str(AT), "page_view", "7", "[]")
    changed: list[Event] = [
        {"stream_id": "22"},
        {"user_pseudo_id": "v"},
        {"event_name": "x"},
        {"event_bundle_sequence_id": "8"},
    ]
    again: list[Event] = [
        {"event_params": parameters(ga_session_id=6)},
        {"user_id": "u"},
        {"geo": {"country": "Austria"}},
    ]
    found = staged(event(), event(), *(event(**one) for one in (*changed, *again)))
    assert len(found.interactions) == 6  # who and where are no part of it: a later export of the day may say more


def test_the_time_is_in_microseconds() -> None:
    (row,) = rows(event())
    assert row["occurred_at"].isoformat() == "2021-01-31T05:05:10.766593+00:00"
    wrong = ["soon", "", "99999999999999999999", "2021-01-31"]
    codes = [code for _, code in staged(*(event(event_timestamp=at) for at in wrong)).codes()]
    assert codes == ["wrong_type_occurred_at", "missing_time", "wrong_type_occurred_at", "wrong_type_occurred_at"]


def test_events_have_the_names_of_the_spec() -> None:
    names = {
        "purchase": "order_completed",
        "view_item": "product_viewed",
        "Sign-Up now": "sign_up_now",
        "scroll": "scroll",
    }
    assert values("event_name", *map(event, names)) == list(names.values())


def test_the_amount_is_the_revenue_of_an_order_else_the_value_of_the_event() -> None:
    eur = parameters(currency="eur", value=7)
    said: list[tuple[Event, str | None]] = [
        (event("purchase", event_params=eur, ecommerce={"purchase_revenue": 9.5, "transaction_id": "t"}), "9.5"),
        (event("purchase", event_params=eur, ecommerce={"transaction_id": "(not set)"}), "7"),
        (event("refund", event_params=eur, ecommerce={"refund_value": "3", "purchase_revenue": 1}), "3"),
        (event("view_item", event_params=eur, ecommerce={"purchase_revenue": 1}), "7"),
        (event("view_item"), None),
    ]
    found = rows(*(one for one, _ in said))
    assert [row["amount"] for row in found] == [None if amount is None else Decimal(amount) for _, amount in said]
    assert [row["order_id"] for row in found] == ["t", None, None, None, None]
    assert {row["currency"] for row in found[:4]} == {"EUR"}


def test_items_are_products_and_a_single_one_is_the_product_of_the_event() -> None:
    item = {"item_id": "p-1", "item_category": "tea", "price": "2.5", "quantity": "2"}
    one, two, none = rows(event(items=[item]), event(items=[item, {"item_id": "(not set)"}]), event(items=[]))
    expected = {"product_id": "p-1", "category": "tea", "quantity": Decimal(2), "amount": Decimal(5)}
    assert (one["product_id"], one["category"], one["items"]) == ("p-1", "tea", [expected])
    assert (two["product_id"], two["items"][0]) == (None, expected)
    assert two["items"][1]["product_id"] is None
    assert none["items"] is None


def test_the_campaign_is_that_of_the_event_and_no_placeholder() -> None:
    source = {"manual_campaign_name": "spring"}
    assert values(
        "campaign_id",
        event(collected_traffic_source=source, event_params=parameters(campaign="x")),
        event(collected_traffic_source={**source, "manual_campaign_id": "k-1"}),
        event(event_params=parameters(campaign="news")),
        event(event_params=parameters(campaign="(direct)")),
        event(traffic_source={"name": "first visit"}),
    ) == ["spring", "k-1", "news", None, None]


def test_consent_mode_states_consents() -> None:
    found = values(
        "consents",
        event(privacy_info={"analytics_storage": "Yes", "ads_storage": "No"}),
        event(privacy_info={"analytics_storage": "Unset", "uses_transient_token": "No"}),
        event(privacy_info=None),
    )
    assert [(said["purpose"], said["status"]) for said in json.loads(found[0])] == [
        ("analytics_storage", "granted"),
        ("ads_storage", "denied"),
    ]
    assert found[1:] == [None, None]


def test_an_app_is_another_channel_than_the_web() -> None:
    assert values("channel", *(event(platform=name) for name in ("WEB", "IOS", "ANDROID", ...))) == [
        "web",
        "app",
        "app",
        "web",
    ]


def test_who_denies_consent_has_no_id_and_is_kept() -> None:
    (row,) = rows(event(user_pseudo_id=None, privacy_info={"analytics_storage": "No"}))
    assert (row["anchor"], row["identifiers"]) == (None, [])


def test_a_table_of_users_is_of_an_unknown_kind() -> None:
    user = {"pseudo_user_id": "visitor-1", "user_info": {"last_active_timestamp_micros": str(AT)}}
    found = staged(user, {**user, "user_info": None}, {**user, "user_info": {"last_active_timestamp_micros": "x"}})
    assert found.rows("event_name", "anchor") == [("ga4_unknown", "anonymous_id:visitor-1")]
    assert found.codes() == [(2, "missing_time"), (3, "wrong_type_occurred_at")]


REFUSED: list[tuple[Event, str]] = [
    ({"event_name": ...}, "missing_event_name"),
    ({"event_name": "!"}, "missing_event_name"),
    ({"event_name": {"a": 1}}, "wrong_type_text"),
    ({"ecommerce": "x"}, "wrong_type_object"),
    ({"event_params": {"a": 1}}, "wrong_type_params"),
    ({"event_params": "x"}, "wrong_type_params"),
    ({"items": [{"price": "dear"}]}, "wrong_type_items"),
    ({"event_params": parameters(value="much")}, "wrong_type_amount"),
    ({"user_pseudo_id": ...}, "missing_identifier"),
    ({"event_timestamp": ...}, "missing_time"),
]


def test_what_is_not_right_is_refused_with_its_reason() -> None:
    found = staged(*(event(**{"name": "page_view", **fields}) for fields, _ in REFUSED))
    assert [code for _, code in found.codes()] == [code for _, code in REFUSED]


def test_the_sample_has_every_kind_of_the_export() -> None:
    lines = (SAMPLES / "ga4" / "input.ndjson").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line).get("event_name") for line in lines} >= {"purchase", "refund", "view_item", "screen_view"}
