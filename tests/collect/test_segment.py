import json
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from pipelines.collect.connectors.segment import CALLS
from tests.collect.staged import Row, stage

AT = "2020-07-01T10:00:00Z"
Call = dict[str, Any]
_serial = count(1)


def call(kind: str = "track", **fields: Any) -> Call:
    """A call that is right, with an id of its own; a field given as ... is left out."""
    whole = {"type": kind, "messageId": f"m{next(_serial)}", "userId": "u1", "timestamp": AT, **fields}
    return {name: value for name, value in whole.items() if value is not ...}


def track(event: Any = "Product Viewed", **fields: Any) -> Call:
    return call("track", event=event, **fields)


def about(**properties: Any) -> Call:
    return track(properties=properties)


def lines(*payloads: Any) -> str:
    return "".join((p if isinstance(p, str) else json.dumps(p, ensure_ascii=False)) + "\n" for p in payloads)


def judged(*payloads: Any) -> list[Row | str]:
    """The interaction, or the code of the refusal, of payloads that hold one record each."""
    staged = stage("segment", lines(*payloads))
    return [staged.verdict(row_number) for row_number in range(1, len(payloads) + 1)]


def values(column: str, *payloads: Any) -> list[Any]:
    return [verdict if isinstance(verdict, str) else verdict[column] for verdict in judged(*payloads)]


def properties(*payloads: Any) -> list[Any]:
    return [text if text is None else json.loads(text) for text in values("properties", *payloads)]


def test_a_call_becomes_an_interaction() -> None:
    row = stage("segment", lines(track(messageId="m-1"))).accepted()
    assert row | {"interaction_id": "", "occurred_at": ""} == {
        **dict.fromkeys(row),
        "interaction_id": "",
        "source": "shop",
        "connector": "segment",
        "event_id": "m-1",
        "channel": "web",
        "event_name": "product_viewed",
        "direction": "inbound",
        "initiator": "customer",
        "occurred_at": "",
        "received_at": row["ingested_at"],
        "ingested_at": row["ingested_at"],
        "is_received_assigned": True,
        "time_basis": "occurred",
        "identifiers": [{"kind": "user_id", "value": "u1"}],
        "anchor": "user_id:u1",
        "is_machine": False,
        "batch_id": "batch-1",
        "file_id": "f0",
        "row_number": 1,
        "element": 0,
        "commit_seq": 7,
    }


def test_calls_that_are_no_track_are_named_after_their_kind() -> None:
    others = [kind for kind in CALLS if kind != "track"]
    assert values("event_name", *(call(kind, event="Ignored", name="Home") for kind in others)) == others


EVENT_NAMES = {
    "Product Viewed": "product_viewed",
    "product_viewed": "product_viewed",
    "Order  Completed": "order_completed",
    "productViewed": "product_viewed",
    "ProductViewed": "product_viewed",
    "Step2Done": "step2_done",
    "HTTPRequest": "httprequest",
    "2FA Enabled": "2fa_enabled",
    "Cart: Opened!": "cart_opened",
    "_private_": "private",
    "a__b": "a_b",
    "a\nb": "a_b",
    "Größe Geändert": "größe_geändert",
    "größeGeändert": "größe_geändert",
    "Заказ Оформлен": "заказ_оформлен",
    "注文 完了": "注文_完了",
    "!!!": "missing_event_name",
    " ": "missing_event_name",
    "": "missing_event_name",
    "x" * 256: "event_name_too_long",
    "𝐀 bold": "event_name_not_snake_case",
}


def test_event_names_become_snake_case_in_any_script() -> None:
    assert dict(zip(EVENT_NAMES, values("event_name", *map(track, EVENT_NAMES)), strict=True)) == EVENT_NAMES


@pytest.mark.xfail(strict=True, reason="combining marks are taken for separators, though the rule allows them")
def test_marks_that_belong_to_a_letter_stay_in_the_name() -> None:
    assert values("event_name", track("हिन्दी शब्द"), track("Cafe\u0301 Visited")) == ["हिन्दी_शब्द", "cafe\u0301_visited"]


def test_a_track_call_without_event_is_refused() -> None:
    assert judged(track(...), track(None)) == ["missing_event_name"] * 2


EMAIL_SPEC = {
    "Email Delivered": ("email_delivered", "outbound", "company"),
    "Email Bounced": ("email_bounced", "outbound", "company"),
    "Email Opened": ("email_opened", "inbound", "customer"),
    "Email Link Clicked": ("email_clicked", "inbound", "customer"),
    "Email Marked as Spam": ("email_complained", "inbound", "customer"),
    "Unsubscribed": ("email_unsubscribed", "inbound", "customer"),
}


@pytest.mark.parametrize("event", EMAIL_SPEC)
def test_the_e_mail_spec_has_canonical_names(event: str) -> None:
    row = stage("segment", lines(track(event, context={"channel": "server"}))).accepted()
    assert (row["event_name"], row["direction"], row["initiator"]) == EMAIL_SPEC[event]
    assert row["channel"] == "email"


CHANNELS = {
    "browser": "web",
    "client": "web",
    "SERVER": "web",
    "mobile": "app",
    "iOS": "app",
    "Android": "app",
    "pos": "pos",
    "kiosk_2": "kiosk_2",
    "In Store": "channel_not_snake_case",
    "": "channel_not_snake_case",
}


def test_the_channel_is_that_of_the_context() -> None:
    found = values("channel", *(track(context={"channel": channel}) for channel in CHANNELS))
    assert dict(zip(CHANNELS, found, strict=True)) == CHANNELS


def test_without_a_channel_it_is_the_web() -> None:
    assert values("channel", track(context={}), track(context={"channel": None}), track(context=None)) == ["web"] * 3


AMOUNTS: list[tuple[Call, Any]] = [
    ({"revenue": 12.5, "total": 2, "value": 3}, Decimal("12.5")),
    ({"total": 2, "value": 3}, Decimal(2)),
    ({"value": "3.14159"}, Decimal("3.1416")),
    ({"revenue": None, "total": 2}, Decimal(2)),
    ({"revenue": 0, "total": 2}, Decimal(0)),
    ({"revenue": -12.5}, Decimal("-12.5")),
    ({"revenue": 0.1}, Decimal("0.1")),
    ({"revenue": 1e2}, Decimal(100)),
    ({}, None),
    *(({"revenue": wrong}, "wrong_type_amount") for wrong in ("12,50", "€ 5", "nan", 1e20, True, {}, [1])),
    ({"revenue": 1e13}, "amount_out_of_range"),
]


def test_the_amount_is_revenue_else_total_else_value() -> None:
    assert values("amount", *(about(**given) for given, _ in AMOUNTS)) == [expected for _, expected in AMOUNTS]


def test_the_currency_of_an_amount_is_a_code() -> None:
    currencies = ["eur", "USD", "euros", "€", 5, None]
    found = values("currency", *(about(revenue=1, currency=currency) for currency in currencies))
    assert found == ["EUR", "USD", *["currency_not_iso_4217"] * 3, None]


def test_properties_fill_their_columns() -> None:
    names = ("product_id", "category", "order_id", "campaign_id", "offer_id", "decision_id", "contact_id")
    (row,) = judged(about(quantity="2.5", **{name: f"a {name}" for name in names}))
    assert isinstance(row, dict)
    assert {name: row[name] for name in names} == {name: f"a {name}" for name in names}
    assert row["quantity"] == Decimal("2.5")
    assert judged(about(quantity="two")) == ["wrong_type_quantity"]


def test_a_number_may_be_an_id() -> None:
    assert values("order_id", about(order_id=17)) == ["17"]
    assert values("anchor", track(userId=17)) == ["user_id:17"]
    assert values("event_id", track(messageId=17)) == ["17"]


def test_a_message_id_of_the_properties_is_the_contact() -> None:
    assert values("contact_id", about(message_id="m"), about(message_id="m", contact_id="c")) == ["m", "c"]


def item(product_id: str | None, category: str | None, quantity: Any, amount: Any) -> Row:
    return {"product_id": product_id, "category": category, "quantity": quantity, "amount": amount}


ITEMS: list[tuple[Any, Any]] = [
    (
        [{"product_id": "p", "sku": "s", "category": "c", "quantity": 3, "price": "0.1"}],
        [item("p", "c", 3, Decimal("0.3"))],
    ),
    ([{"sku": "s", "price": 5}], [item("s", None, None, 5)]),
    ([{"product_id": 7}, {"product_id": "q", "quantity": 2}], [item("7", None, None, None), item("q", None, 2, None)]),
    ([{"product_id": "p", "price": 19.99, "quantity": 3}], [item("p", None, 3, Decimal("59.97"))]),
    ([{"product_id": "p", "price": None, "quantity": None}], [item("p", None, None, None)]),
    ([], []),
    (None, None),
    *((wrong, "wrong_type_items") for wrong in ({}, "p", 5, True, [{"price": "x"}], [{"quantity": "many"}])),
]


def test_products_of_an_order_are_its_items() -> None:
    assert values("items", *(about(products=given) for given, _ in ITEMS)) == [expected for _, expected in ITEMS]


@pytest.mark.xfail(strict=True, reason="the product of price and quantity is cast without TRY")
def test_products_whose_amount_is_out_of_range_are_refused() -> None:
    assert judged(about(products=[{"price": 1e13, "quantity": 1e13}])) == ["wrong_type_items"]


@pytest.mark.xfail(strict=True, reason="from_json gives NULL for a member that is no object")
@pytest.mark.parametrize("member", [1, "p", None, [], True])
def test_products_that_are_no_objects_are_refused(member: Any) -> None:
    assert judged(about(products=[{"product_id": "p"}, member])) == ["wrong_type_items"]


def found_identifiers(*payloads: Any) -> list[Any]:
    lists = values("identifiers", *payloads)
    return [f if isinstance(f, str) else {f"{i['kind']}:{i['value']}" for i in f} for f in lists]


def test_identifiers_of_a_call_are_all_those_that_it_names() -> None:
    assert found_identifiers(
        track(anonymousId="a1"),
        track(userId=None, anonymousId=" a1 "),
        call("alias", previousId="a0"),
        call("identify", traits={"email": " A@Example.com ", "phone": "+43 (1) 234-5"}),
        track(traits={"email": "a@example.com"}),
        track(userId="u1", anonymousId="u1"),
    ) == [
        {"user_id:u1", "anonymous_id:a1"},
        {"anonymous_id:a1"},
        {"user_id:u1", "anonymous_id:a0"},
        {"user_id:u1", "email:a@example.com", "phone:+4312345"},
        {"user_id:u1"},
        {"user_id:u1", "anonymous_id:u1"},
    ]


def test_external_ids_are_identifiers_of_their_type() -> None:
    external = [
        {"id": "c7", "type": "crm_id", "collection": "users", "encoding": "none"},
        {"id": " B@Example.com ", "type": "email"},
        {"id": "null", "type": "loyalty_id"},
        {"id": "no type"},
        {"type": "no_id"},
        None,
        5,
    ]
    expected = {"user_id:u1", "crm_id:c7", "email:b@example.com"}
    assert found_identifiers(track(context={"externalIds": external})) == [expected]
    assert found_identifiers(track(userId=None, context={"externalIds": external[:1]})) == [{"crm_id:c7"}]


def test_external_ids_of_another_shape_stay_in_properties() -> None:
    contexts: list[Any] = [{"externalIds": {}}, {"externalIds": "c7"}, {"externalIds": None}]
    assert found_identifiers(*(track(context=context) for context in contexts)) == [{"user_id:u1"}] * 3
    assert properties(*(track(context=context) for context in contexts)) == [{"context": c} for c in contexts]


def test_an_identifier_that_is_given_twice_counts_once() -> None:
    (row,) = judged(track(context={"externalIds": [{"id": "u1", "type": "user_id"}]}))
    assert isinstance(row, dict)
    assert row["identifiers"] == [{"kind": "user_id", "value": "u1"}]


@pytest.mark.parametrize("nobody", [..., None, "", "  ", "null", "undefined", "anonymous", "0000-0000", "-1"])
def test_a_call_of_nobody_is_refused(nobody: Any) -> None:
    assert judged(track(userId=nobody), track(userId=nobody, anonymousId="a1"))[0] == "missing_identifier"


def test_times_come_from_the_call() -> None:
    (row,) = judged(
        track(timestamp=..., originalTimestamp=AT, sentAt="2020-07-01T10:00:01Z", receivedAt="2020-07-01T11:00:01Z")
    )
    assert isinstance(row, dict)
    assert row["occurred_at"].isoformat() == "2020-07-01T11:00:00+00:00"
    assert row["received_at"].isoformat() == "2020-07-01T11:00:01+00:00"
    assert (row["time_basis"], row["is_received_assigned"]) == ("corrected", False)


@pytest.mark.parametrize("field", ["timestamp", "originalTimestamp", "sentAt", "receivedAt"])
@pytest.mark.parametrize("wrong", ["yesterday", 1593597600, True, {}, "2020-13-01"])
def test_a_time_that_is_none_is_refused(field: str, wrong: Any) -> None:
    column = {"timestamp": "occurred_at", "originalTimestamp": "original_at", "sentAt": "sent_at"}
    assert judged(track(**{field: wrong})) == [f"wrong_type_{column.get(field, 'received_at')}"]


WRONG_SHAPES: list[tuple[Any, str]] = [
    (track(type=...), "unknown_call"),
    (track(type="TRACK"), "unknown_call"),
    (track(type=5), "unknown_call"),
    (track(messageId=...), "missing_event_id"),
    (track(messageId=""), "missing_event_id"),
    (track(messageId="null"), "event_id_placeholder"),
    (track(messageId="x" * 1_001), "event_id_too_long"),
    (track(timestamp=...), "missing_time"),
    (track(properties=[1]), "wrong_type_object"),
    (track(properties="{}"), "wrong_type_object"),
    (track(context="web"), "wrong_type_object"),
    (call("identify", traits=[]), "wrong_type_object"),
    (about(order_id="x" * 1_001), "order_id_too_long"),
    ({}, "unknown_call"),
    ({"batch": {}}, "unknown_call"),
    ({"batch": None}, "unknown_call"),
    (5, "not_an_object"),
    ("null", "not_an_object"),
    ('"text"', "not_an_object"),
    ("[1]", "not_an_object"),
    ("[[]]", "not_an_object"),
    ('{"type":"track"', "bad_json"),
    ('{"type":"track"} {}', "bad_json"),
    ("no json", "bad_json"),
    ('{"x":"\\ud800"}', "bad_json"),
]


def test_wrong_shapes_are_refused_and_their_neighbours_stay() -> None:
    payloads = [payload for wrong, _ in WRONG_SHAPES for payload in (wrong, track())]
    found = judged(*payloads)
    assert found[::2] == [code for _, code in WRONG_SHAPES]
    assert all(isinstance(verdict, dict) for verdict in found[1::2])


@pytest.mark.xfail(strict=True, reason="an object or array is read into a VARCHAR as its text")
@pytest.mark.parametrize(
    "wrong",
    [
        track({"a": 1}),
        track(userId={"a": 1}),
        track(userId=[1]),
        track(anonymousId={}),
        track(messageId={}),
        about(order_id={"a": 1}),
        about(category=["a"]),
    ],
    ids=lambda wrong: json.dumps(wrong)[:40],
)
def test_an_object_where_a_text_belongs_is_refused(wrong: Call) -> None:
    (verdict,) = judged(wrong)
    assert isinstance(verdict, str)


def test_what_has_no_column_stays_in_properties_unchanged() -> None:
    given = {"color": "blé", "nested": {"a": [1, 2.50, None]}, "revenue": 5}
    assert properties(
        track(properties=given),
        track(context={"ip": "192.0.2.1"}, integrations={"All": True}, version=2),
        call("identify", traits={"plan": "pro", "email": "a@example.com"}),
        call("page", name="Home", properties={"url": "/"}),
        track(),
        track(properties={}, context=None, traits=None),
    ) == [
        given,
        {"context": {"ip": "192.0.2.1"}, "integrations": {"All": True}, "version": 2},
        {"traits": {"plan": "pro", "email": "a@example.com"}},
        {"url": "/", "name": "Home"},
        None,
        None,
    ]


def test_explicit_nulls_stay_in_properties() -> None:
    assert properties(
        track(properties={"a": None, "b": {"c": None}}),
        track(context={"a": None}, integrations={"b": None}, custom=None),
        track(custom=None),
        track(custom=None, anonymousId=None, version=1),
    ) == [
        {"a": None, "b": {"c": None}},
        {"context": {"a": None}, "integrations": {"b": None}, "custom": None},
        {"custom": None},
        {"custom": None, "version": 1},
    ]


def test_exact_numbers_stay_exact_in_properties() -> None:
    text = json.dumps(track())[:-1] + ',"properties":{"big":12345678901234567890,"exact":1.10}}'
    assert values("properties", text) == ['{"big":12345678901234567890,"exact":1.10}']


@pytest.mark.xfail(strict=True, reason="the members are joined as text")
def test_no_name_stands_twice_in_properties() -> None:
    (text,) = values(
        "properties", track(properties={"context": "checkout", "custom": 1}, context={"ip": "x"}, custom=2)
    )
    names = json.loads(text, object_pairs_hook=lambda pairs: [name for name, _ in pairs])
    assert len(names) == len(set(names))


@pytest.mark.xfail(strict=True, reason="an empty text stands for no value in the typed columns alone")
def test_an_empty_text_is_no_value_in_any_column() -> None:
    names = ("order_id", "product_id", "category", "campaign_id", "offer_id", "decision_id", "contact_id")
    (row,) = judged(about(**dict.fromkeys(names, "")))
    assert isinstance(row, dict)
    assert [row[name] for name in names] == [None] * len(names)


@pytest.mark.xfail(strict=True, reason="an empty revenue hides the total")
def test_an_empty_revenue_leaves_the_total() -> None:
    assert values("amount", about(revenue="", total=2)) == [Decimal(2)]


def test_a_batch_holds_calls_that_are_judged_one_by_one() -> None:
    batch = {"batch": [track(messageId="a"), track(type="?"), 5, [], track(messageId="b"), None]}
    staged = stage("segment", lines(batch, track(messageId="c")))
    assert staged.rows("row_number", "element", "event_id") == [(1, 0, "a"), (1, 4, "b"), (2, 0, "c")]
    assert [(r["row_number"], r["element"]) for r in staged.rejections] == [(1, 1), (1, 2), (1, 3), (1, 5)]
    assert staged.counts == {"f0": (7, 3)}


def test_an_array_holds_calls_as_a_batch_does() -> None:
    staged = stage("segment", lines([track(messageId="a"), 5, track(messageId="b")]))
    assert staged.rows("element", "event_id") == [(0, "a"), (2, "b")]
    assert [(r["element"], r["reason_code"]) for r in staged.rejections] == [(1, "not_an_object")]


def test_a_batch_that_is_empty_holds_no_records() -> None:
    staged = stage("segment", lines({"batch": []}, []))
    assert (staged.interactions, staged.rejections, staged.counts) == ([], [], {})


def test_times_of_the_envelope_hold_for_calls_without_their_own() -> None:
    calls = [
        track(timestamp=..., originalTimestamp=AT),
        track(timestamp=..., originalTimestamp=AT, sentAt="2020-07-01T10:30:00Z"),
    ]
    batch = {"batch": calls, "sentAt": "2020-07-01T10:00:01Z", "receivedAt": "2020-07-01T11:00:01Z"}
    staged = stage("segment", lines(batch))
    assert [row["occurred_at"].isoformat() for row in staged.interactions] == [
        "2020-07-01T11:00:00+00:00",
        "2020-07-01T10:30:01+00:00",
    ]
    assert [row["is_received_assigned"] for row in staged.interactions] == [False, False]


def test_a_wrong_time_of_the_envelope_refuses_its_calls() -> None:
    staged = stage("segment", lines({"batch": [track(), track()], "sentAt": "now"}))
    assert [code for _, code in staged.codes()] == ["wrong_type_sent_at"] * 2


def test_a_call_with_a_field_batch_that_is_no_array_is_a_call() -> None:
    assert properties(track(batch=5), track(properties={"batch": [1]})) == [{"batch": 5}, {"batch": [1]}]


@pytest.mark.xfail(strict=True, reason="of the envelope only its times reach the calls")
def test_the_context_of_a_batch_holds_for_its_calls() -> None:
    batch = {"batch": [track()], "context": {"channel": "mobile", "ip": "192.0.2.1"}}
    row = stage("segment", lines(batch)).accepted()
    assert row["channel"] == "app"
    assert json.loads(row["properties"])["context"]["ip"] == "192.0.2.1"


@pytest.mark.parametrize("blank", ["", " ", "\t", "\r"])
def test_white_space_around_a_call_does_not_matter(blank: str) -> None:
    assert values("event_id", blank * 3 + json.dumps(track(messageId="m")) + blank) == ["m"]


@pytest.mark.parametrize("start", ["", "\n", "  "])
def test_a_document_over_several_lines_is_one_payload(start: str) -> None:
    text = start + json.dumps({"batch": [track(messageId="a"), track(messageId="b")]}, indent=2)
    array = start + json.dumps([track(messageId="c"), track(messageId="d")], indent=2)
    staged = stage("segment", text, array)
    assert staged.rows("file_id", "row_number", "element", "event_id") == [
        ("f0", 1, 0, "a"),
        ("f0", 1, 1, "b"),
        ("f1", 1, 0, "c"),
        ("f1", 1, 1, "d"),
    ]
