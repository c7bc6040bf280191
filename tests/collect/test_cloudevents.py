"""CloudEvents in structured and batched mode, and as the collector lands them."""

import base64
import json
from typing import Any

import pytest

from pipelines.collect.connectors import connectors
from schemas.keys import key
from tests.collect.staged import Row, Staged, stage

Event = dict[str, Any]


def event(**fields: Any) -> Event:
    """An event that is right; a field given as ... is left out."""
    whole = {
        "specversion": "1.0",
        "id": "1",
        "source": "/shop",
        "type": "com.example.order.completed",
        "time": "2024-03-01T10:00:00Z",
        "data": {"user_id": "u-1"},
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def landed(received_at: str = "2024-03-01T10:00:05Z", **fields: Any) -> Event:
    """An event in the envelope in which the collector lands it, whatever the mode in which it came."""
    return {"rapport_request": {"received_at": received_at, "headers": {}}, "body": event(**fields)}


def staged(*payloads: Any) -> Staged:
    return stage("cloudevents", "".join(json.dumps(payload, ensure_ascii=False) + "\n" for payload in payloads))


def rows(*payloads: Any) -> list[Row]:
    found = staged(*payloads)
    assert not found.rejections
    return found.interactions


def data_of(row: Row) -> Event:
    found = json.loads(row["properties"])
    assert isinstance(found, dict)
    return found


def without_place(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("row_number", "element", "properties")}


def test_a_structured_event_a_batch_and_a_landed_one_say_the_same() -> None:
    one = event(data={"user_id": "u-1", "order_id": "o-1", "amount": 5})
    structured, batched = rows(one), rows([one])
    assert [without_place(row) for row in structured] == [without_place(row) for row in batched]
    times = ("received_at", "is_received_assigned")
    all_rows = (*structured, *rows(landed(data=one["data"])))
    kept = [{name: value for name, value in without_place(row).items() if name not in times} for row in all_rows]
    assert kept[0] == kept[1]
    assert data_of(structured[0])["cloudevent"]["id"] == "1"


def test_source_and_id_together_are_the_key() -> None:
    given = [("/shop", "1"), ("/shop", "2"), ("/till", "1"), ("/shop", "1"), ("/sho", "p1")]
    found = rows(*(event(source=source, id=id_) for source, id_ in given))
    assert [row["event_id"] for row in found] == [key(*pair) for pair in dict.fromkeys(given)]


NAMES = {
    "com.example.order.completed": "order_completed",
    "com.example.order.completed.v2": "order_completed",
    "com.example.order.completed/v1.2": "order_completed",
    "org.example.someevent": "someevent",
    "com.github.pull_request.opened": "pull_request_opened",
    "com.example": "com_example",
    "Order Completed": "order_completed",
    "order.completed": "order_completed",
    "orderCompleted": "order_completed",
    "io.example.rev2": "rev2",
    "app.user.created": "app_user_created",
    "???": "cloudevents_unknown",
}


def test_the_name_is_the_type_without_owner_and_version() -> None:
    found = rows(*(event(id=str(n), type=name) for n, name in enumerate(NAMES)))
    assert dict(zip(NAMES, (row["event_name"] for row in found), strict=True)) == NAMES


def test_identifiers_are_those_of_the_data_and_a_subject_that_is_written_as_one() -> None:
    said: list[tuple[Event, set[str]]] = [
        (
            {"data": {"userId": "u", "anonymousId": "a", "customer_id": 7}},
            {"user_id:u", "anonymous_id:a", "customer_id:7"},
        ),
        ({"data": {}, "subject": "email:A@Example.com"}, {"email:a@example.com"}),
        ({"data": {"phone": "+43 1"}, "subject": "order:17"}, {"phone:+431"}),
        ({"data": {"user_id": "u"}, "subject": "user_id:u"}, {"user_id:u"}),
        ({"data": ..., "subject": "user_id:u:1"}, {"user_id:u:1"}),
    ]
    found = rows(*(event(id=str(n), **fields) for n, (fields, _) in enumerate(said)))
    kinds = [{f"{i['kind']}:{i['value']}" for i in row["identifiers"]} for row in found]
    assert kinds == [expected for _, expected in said]


@pytest.mark.parametrize("channel", [None, "pos", "chat"])
def test_the_channel_is_that_of_the_data_or_of_the_name(channel: str | None) -> None:
    kinds = ["com.example.email.opened", "com.example.sms.delivered", "com.example.page"]
    found = rows(*(event(id=kind, type=kind, data={"user_id": "u", "channel": channel}) for kind in kinds))
    assert [row["channel"] for row in found] == ([channel] * 3 if channel else ["email", "sms", "web"])
    assert [row["direction"] for row in found] == ["inbound", "outbound", "inbound"]


def test_data_in_base64_are_read_if_they_are_json_and_kept_as_they_came() -> None:
    texts = [b'{"user_id":"u-9"}', b"no json", b"\xff\xfe"]
    packed = [base64.b64encode(text).decode() for text in texts]
    given = (event(id=text, data=..., data_base64=text, subject="email:a@example.com") for text in [*packed, "%%"])
    found = rows(*given)
    assert [len(row["identifiers"]) for row in found] == [2, 1, 1, 1]
    assert [data_of(row)["cloudevent"]["data_base64"] for row in found] == [*packed, "%%"]


@pytest.mark.parametrize("data", ["text", [1, {"a": None}], 5, True], ids=repr)
def test_data_that_are_no_object_stay_whole(data: Any) -> None:
    (row,) = rows(event(data=data, subject="user_id:u-1", datacontenttype="text/plain", comexample=1))
    assert data_of(row)["data"] == data
    assert data_of(row)["cloudevent"].keys() >= {"datacontenttype", "comexample", "type", "source"}


def test_without_a_time_it_is_that_of_the_request() -> None:
    (row,) = rows(landed(time=...))
    assert (row["occurred_at"].isoformat(), row["time_basis"]) == ("2024-03-01T10:00:05+00:00", "received")


def test_consents_of_the_data_are_what_the_event_says_on_consent() -> None:
    consents = [{"purpose": "marketing", "status": "granted"}]
    found = rows(
        *(event(id=str(n), data={"user_id": "u", "consents": said}) for n, said in enumerate([consents, "yes"]))
    )
    assert [json.loads(row["consents"] or "null") for row in found] == [consents, None]


REFUSED: list[tuple[Event, str]] = [
    ({"specversion": "0.3"}, "unknown_specversion"),
    ({"specversion": ...}, "unknown_specversion"),
    ({"id": ...}, "missing_event_id"),
    ({"source": ""}, "missing_source"),
    ({"type": ...}, "missing_event_name"),
    ({"type": {"a": 1}}, "wrong_type_text"),
    ({"data": {"user_id": ["u"]}}, "wrong_type_text"),
    ({"data": {"user_id": "u", "amount": "much"}}, "wrong_type_amount"),
    ({"data": {"user_id": "u", "products": {"price": 1}}}, "wrong_type_items"),
    ({"data": {"user_id": "u", "products": [None]}}, "wrong_type_items"),
    ({"data": {"user_id": "u", "products": [{"quantity": "many"}]}}, "wrong_type_items"),
    ({"data": {}}, "missing_identifier"),
    ({"time": "soon"}, "wrong_type_occurred_at"),
    ({"time": ...}, "missing_time"),
    ({"data": {"user_id": "u", "channel": "telex"}}, "unknown_channel"),
]


def test_what_is_not_right_is_refused_with_its_reason() -> None:
    codes = [code for _, code in staged(*(event(**fields) for fields, _ in REFUSED)).codes()]
    assert codes == [code for _, code in REFUSED]


def test_every_known_channel_is_possible() -> None:
    assert {"pos", "call", "post", "survey"} <= set(connectors()["cloudevents"].channels)
