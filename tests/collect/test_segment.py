import json
from decimal import Decimal
from typing import Any

import pytest

from pipelines.collect.connectors.segment import CALLS
from tests.collect.segment_calls import AT, Call, about, call, judged, lines, properties, track, values
from tests.collect.staged import Row, stage


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
    "2FA Enabled": "2_fa_enabled",
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
    "\U0001d400 bold": "event_name_not_snake_case",
}


def test_event_names_become_snake_case_in_any_script() -> None:
    assert dict(zip(EVENT_NAMES, values("event_name", *map(track, EVENT_NAMES)), strict=True)) == EVENT_NAMES


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
    "kiosk_2": "unknown_channel",
    "In Store": "channel_not_snake_case",
    "": "channel_not_snake_case",
}


def test_the_channel_is_that_of_the_context() -> None:
    found = values("channel", *(track(context={"channel": channel}) for channel in CHANNELS))
    assert dict(zip(CHANNELS, found, strict=True)) == CHANNELS


def test_without_a_channel_it_is_the_web() -> None:
    assert values("channel", track(context={}), track(context={"channel": None}), track(context=None)) == ["web"] * 3


NO_NUMBERS: list[Any] = ["12,50", "€ 5", "nan", 1e20, True, {}, [1]]
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
    *(({"revenue": wrong}, "wrong_type_amount") for wrong in NO_NUMBERS),
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


NO_PRODUCTS: list[Any] = [{}, "p", 5, True, [{"price": "x"}], [{"quantity": "many"}]]
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
    *((wrong, "wrong_type_items") for wrong in NO_PRODUCTS),
]


def test_products_of_an_order_are_its_items() -> None:
    assert values("items", *(about(products=given) for given, _ in ITEMS)) == [expected for _, expected in ITEMS]


def test_products_whose_amount_is_out_of_range_are_refused() -> None:
    assert judged(about(products=[{"price": 1e13, "quantity": 1e13}])) == ["wrong_type_items"]


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


def stamped(preferences: Any, **fields: Any) -> Call:
    return track(context={"consent": {"categoryPreferences": preferences}}, **fields)


def test_preferences_by_category_are_statements_on_consent() -> None:
    found = values(
        "consents",
        stamped({"Advertising": True, "DataSharing": False, "C 0001": "true"}),
        stamped({}),
        stamped(None),
        track(context={"consent": {}}),
        track(context={"consent": None}),
        track(),
    )
    assert [[(s["purpose"], s["status"], s["channel"]) for s in json.loads(said or "[]")] for said in found] == [
        [("advertising", "granted", "web"), ("data_sharing", "denied", "web"), ("c_0001", "granted", "web")],
        [("*", "denied", "web")],
        [],
        [],
        [],
        [],
    ]


@pytest.mark.parametrize("kind", CALLS)
def test_every_call_may_carry_consent(kind: str) -> None:
    context = {"consent": {"categoryPreferences": {"Ads": True}}, "channel": "mobile"}
    (said,) = values("consents", call(kind, event="Any", previousId="p", context=context))
    assert [(s["purpose"], s["channel"]) for s in json.loads(said)] == [("ads", "app")]


def test_what_an_identify_call_repeats_is_marked_as_not_said_there() -> None:
    context = {"consent": {"categoryPreferences": {"Ads": True}}}
    identified, updated = values(
        "consents", call("identify", context=context), track("Segment Consent Preference Updated", context=context)
    )
    assert [json.loads(said)[0].get("is_explicit") for said in (identified, updated)] == ["false", None]


def test_the_consent_of_a_batch_holds_for_its_calls() -> None:
    context = {"consent": {"categoryPreferences": {"Ads": True}}}
    staged = stage("segment", lines({"batch": [track(), track(context={"channel": "mobile"})], "context": context}))
    assert [json.loads(said)[0]["channel"] for (said,) in staged.rows("consents")] == ["web", "app"]


@pytest.mark.parametrize("wrong", ["yes", 1, {"a": True}, [], None])
def test_a_preference_that_is_neither_true_nor_false_is_refused(wrong: Any) -> None:
    assert judged(stamped({"Ads": wrong})) == ["wrong_type_consent"]


@pytest.mark.parametrize("wrong", ["granted", [], 5])
def test_consent_of_another_shape_is_refused(wrong: Any) -> None:
    assert judged(stamped(wrong), track(context={"consent": wrong})) == ["wrong_type_consent"] * 2


def test_a_changed_preference_is_an_event_about_consent() -> None:
    names = ["Segment Consent Preference Updated", "Segment Consent Preference"]
    assert values("event_name", *map(track, names)) == ["consent_stated"] * 2


def test_the_campaign_of_the_context_holds_unless_the_event_has_one() -> None:
    context = {"campaign": {"name": "spring"}}
    found = values("campaign_id", track(context=context), track(context=context, properties={"campaign_id": "own"}))
    assert found == ["spring", "own"]


def test_live_chat_is_a_channel_of_its_own_in_which_the_company_sends_what_is_received() -> None:
    said = {"message_body": "Hello"}
    names = ["Live Chat Message Sent", "Live Chat Message Received", "Live Chat Conversation Started"]
    rows = [row for row in judged(*(track(name, properties=said) for name in names)) if isinstance(row, dict)]
    assert [(row["channel"], row["direction"], row["text"]) for row in rows] == [
        ("chat", "inbound", "Hello"),
        ("chat", "outbound", "Hello"),
        ("chat", "inbound", "Hello"),
    ]


def test_the_envelope_of_the_collector_says_when_a_call_was_received() -> None:
    envelope = {"rapport_request": {"received_at": "2020-07-01T10:00:01Z", "headers": {}}, "body": track()}
    assert [at.isoformat() for at in values("received_at", envelope)] == ["2020-07-01T10:00:01+00:00"]
