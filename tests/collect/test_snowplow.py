"""Snowplow's three forms."""

import json
from decimal import Decimal
from typing import Any

import pytest

from pipelines.collect.snowplow_fields import COLUMNS, ECOMMERCE, PLATFORMS
from tests.collect.golden import SAMPLES
from tests.collect.snowplow_events import (
    as_csv,
    as_parquet,
    base64_of,
    contexts,
    described,
    enriched,
    enveloped,
    one,
    payload,
    self_describing,
    several,
    staged,
    statements,
    tracked,
    tsv,
    unstruct,
)
from tests.collect.staged import Row, Staged

ECOMMERCE_VENDOR = "com.snowplowanalytics.snowplow.ecommerce"
PLACE = ("row_number", "element")


def said(found: Staged, *left_out: str) -> list[Row]:
    return [{name: value for name, value in row.items() if name not in left_out} for row in found.interactions]


def sample_events() -> list[dict[str, str]]:
    lines = (SAMPLES / "snowplow" / "input.ndjson").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line.count("\t") == len(COLUMNS) - 1]
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


@pytest.mark.parametrize("delimiter", [",", "\t"], ids=["comma", "tab"])
def test_rows_with_a_header_give_the_interactions_of_the_lines_without_one(delimiter: str) -> None:
    events = sample_events()
    lines, rows = staged(tsv(*events)), staged(as_csv(*events, delimiter=delimiter))
    assert len(lines.interactions) >= 10
    assert said(rows) == said(lines)
    assert rows.codes() == lines.codes()


def test_parquet_gives_the_interactions_of_the_lines() -> None:
    events = sample_events()
    assert said(staged(as_parquet(*events), "input.parquet")) == said(staged(tsv(*events)))


def test_an_order_of_columns_of_its_own_does_not_matter() -> None:
    event = enriched(user_id="u-1", mkt_campaign="spring")
    columns = tuple(sorted(event, reverse=True))
    assert said(staged(as_csv(event, columns=columns)), "properties") == said(staged(tsv(event)), "properties")


def test_a_line_may_begin_with_an_empty_cell_and_end_with_one_and_a_return() -> None:
    row = one(tsv(enriched(app_id="", true_tstamp="")).replace("\n", "\r\n"))
    assert row["event_name"] == "page"
    assert "true_tstamp" not in json.loads(row["properties"])


def test_a_file_may_hold_enriched_and_tracked_events() -> None:
    found = staged(tsv(enriched()) + payload(tracked(), tracked()) + tsv(enriched()))
    assert found.rows(*PLACE) == [(1, 0), (2, 0), (2, 1), (3, 0)]


def test_each_entity_may_stand_in_a_column_of_its_own() -> None:
    robot = "contexts_com_iab_snowplow_spiders_and_robots_1_0_0"
    event = "unstruct_event_com_snowplowanalytics_snowplow_consent_preferences_1_0_2"
    given_ = enriched(
        **{
            "event": "unstruct",
            "event_name": "consent_preferences",
            robot: '[{"spider_or_robot": true}]',
            event: '{"event_type": "allow_all", "consent_scopes": ["marketing"], "consent_version": "2"}',
        }
    )
    row = one(as_csv(given_, columns=tuple(given_)))
    assert (row["event_name"], row["is_machine"]) == ("consent_stated", True)
    assert statements(row) == [("marketing", "granted")]
    assert json.loads(row["consents"])[0]["version"] == "2"
    assert json.loads(row["properties"])[robot] == [{"spider_or_robot": True}]


@pytest.mark.parametrize("wide", ["contexts", "unstruct_event", "contexts_com_example_thing_1_0_0"])
def test_a_column_of_json_that_holds_none_is_refused(wide: str) -> None:
    event = enriched(**{wide: "{no json"})
    assert staged(as_csv(event, columns=tuple(event))).codes() == [(1, "wrong_type_json")]


def test_every_platform_is_a_known_channel() -> None:
    platforms = [*PLATFORMS, "", "telex"]
    rows = several(tsv(*(enriched(platform=platform) for platform in platforms)))
    assert [row["channel"] for row in rows] == [PLATFORMS.get(platform, "web") for platform in platforms]


def test_the_time_is_the_true_one_else_the_derived_else_that_of_the_device() -> None:
    times = {"true_tstamp": "2024-03-01 09:00:00", "derived_tstamp": "2024-03-01 10:00:01"}
    found = several(
        tsv(
            enriched(**times),
            enriched(**times | {"true_tstamp": ""}),
            enriched(derived_tstamp=""),
            enriched(derived_tstamp="", dvce_sent_tstamp="2024-03-01 09:00:01"),
        )
    )
    assert [f"{row['occurred_at']:%H:%M:%S} {row['time_basis']}" for row in found] == [
        "09:00:00 occurred",
        "10:00:01 occurred",
        "10:00:00 occurred",
        "11:00:01 corrected",
    ]
    assert {f"{row['received_at']:%H:%M:%S}" for row in found} == {"10:00:02"}


def test_a_copy_that_the_collector_received_later_is_a_duplicate_and_loses() -> None:
    first, later = enriched(event_id="x"), enriched(event_id="x", collector_tstamp="2024-03-01 10:00:05", user_id="u")
    found = staged(tsv(later, first))
    assert (len(found.interactions), len(found.losers)) == (1, 1)
    assert f"{found.interactions[0]['received_at']:%S}" == "02"


def test_base64_is_read_with_and_without_padding() -> None:
    for text in ("ä", "???>>>", "a", "ab", "abc"):
        event = unstruct(self_describing("link_click", {"text": text}))
        packed = base64_of(event)
        ways = ({"ue_px": packed}, {"ue_px": packed + "=" * (-len(packed) % 4)}, {"ue_pr": event})
        rows = several(payload(*(tracked("ue", **way) for way in ways)))
        assert {row["event_name"] for row in rows} == {"link_click"}
        assert [json.loads(row["properties"])["unstruct_event"] for row in rows] == [json.loads(event)] * 3


def test_base64_that_holds_no_json_is_refused() -> None:
    wrong = ["%%%", base64_of("[1"), "a", "====", base64_of("text")]
    found = staged(payload(*(tracked(cx=text) for text in [*wrong, base64_of("{}")])))
    assert [row["reason_code"] for row in found.rejections] == ["wrong_type_base64"] * len(wrong)
    assert found.rows("element") == [(len(wrong),)]


@pytest.mark.parametrize("field", ["ue_pr", "co"])
def test_json_that_is_none_is_refused(field: str) -> None:
    assert staged(payload(tracked("ue", **{field: "{broken"}))).codes() == [(1, "wrong_type_json")]


def test_a_query_string_is_read_like_an_event_of_a_payload() -> None:
    event = tracked(uid="u-1", url="https://shop.example.com/?utm_campaign=a%26b+c", aid="shop", tna="t", vid="2")
    alone, packed = one(json.dumps(event)), one(payload(event))
    assert {**alone, **dict.fromkeys(PLACE)} == {**packed, **dict.fromkeys(PLACE)}
    assert alone["campaign_id"] == "a&b c"
    assert json.loads(alone["properties"]).keys() == {"e", "dtm", "p", "url", "aid", "tna", "vid"}


def test_the_envelope_of_the_collector_says_when_and_from_what_program() -> None:
    row = one(enveloped(payload(tracked()), "2024-03-01T10:00:01Z", **{"user-agent": 'A "browser"'}))
    assert row["received_at"].isoformat() == "2024-03-01T10:00:01+00:00"
    assert json.loads(row["properties"])["useragent"] == 'A "browser"'
    assert one(payload(tracked()))["is_received_assigned"]


def test_a_tracker_that_gives_no_ids_may_send_again() -> None:
    first, again, other = (tracked(eid=..., stm=stm, dtm=dtm) for stm, dtm in (("5", "1"), ("9", "1"), ("5", "2")))
    found = staged(payload(first, again) + payload(other))
    assert len({event_id for (event_id,) in found.rows("event_id")}) == len(found.interactions) == 2


def test_a_time_that_is_none_is_refused() -> None:
    columns = {"dtm": "original_at", "stm": "sent_at", "ttm": "occurred_at"}
    events = [
        (tracked(**{field: value}), f"wrong_type_{column}")
        for value in ("soon", "1e400", "99999999999999999999", "{}")
        for field, column in columns.items()
    ]
    found = staged("".join(payload(event) for event, _ in events))
    assert [code for _, code in found.codes()] == [code for _, code in events]


def kinds(row: Row) -> dict[str, str]:
    return {found["kind"]: found["value"] for found in row["identifiers"]}


def test_people_are_known_by_user_and_visitor_and_else_by_network() -> None:
    event = {"user_id": "u-1", "network_userid": "n-1"}
    session = contexts(self_describing("client_session", {"userId": "device-1"}))
    enriched_ones = tsv(enriched(**event), enriched(domain_userid="", network_userid="n-1"))
    tracked_ones = payload(tracked(duid=..., tnuid="n-2", nuid="n-3"), tracked(duid=..., co=session))
    assert [kinds(row) for row in several(enriched_ones + tracked_ones)] == [
        {"user_id": "u-1", "anonymous_id": "visitor-1"},
        {"network_user_id": "n-1"},
        {"network_user_id": "n-2"},
        {"anonymous_id": "device-1"},
    ]


def test_an_event_of_nobody_is_kept() -> None:
    row = one(tsv(enriched(domain_userid="", network_userid="00000000-0000-0000-0000-000000000000")))
    assert (row["identifiers"], row["anchor"]) == ([], None)


STRUCTURED: dict[tuple[str, str], str] = {
    ("Mixes", "Play"): "mixes_play",
    ("ecommerce", "add-to-basket"): "ecommerce_add_to_basket",
    ("", "Play"): "play",
    ("", ""): "snowplow_unknown",
    ("!", "?"): "snowplow_unknown",
}


def test_a_structured_event_is_named_by_category_and_action() -> None:
    rows = several(tsv(*(enriched(event="struct", se_category=one, se_action=two) for one, two in STRUCTURED)))
    assert [row["event_name"] for row in rows] == list(STRUCTURED.values())


def test_an_ecommerce_action_has_the_name_of_the_spec() -> None:
    actions = [*ECOMMERCE, "dance"]
    rows = several(tsv(*(described("snowplow_ecommerce_action", {"type": action}) for action in actions)))
    assert [row["event_name"] for row in rows] == [*ECOMMERCE.values(), "snowplow_unknown"]


def test_a_self_describing_event_without_a_name_is_unknown() -> None:
    assert one(payload(tracked("ue", ue_pr='{"data":5}')))["event_name"] == "snowplow_unknown"
    assert one(payload(tracked("ue")))["event_name"] == "snowplow_unknown"


def ecommerce(name: str, **data: Any) -> dict[str, Any]:
    return self_describing(name, data, ECOMMERCE_VENDOR)


def test_a_refund_names_its_order_and_amount() -> None:
    entities = contexts(ecommerce("refund", transaction_id="t-1", refund_amount=12.5, currency="eur"))
    row = one(tsv(described("snowplow_ecommerce_action", {"type": "refund"}, contexts=entities)))
    assert (row["order_id"], row["amount"], row["currency"]) == ("t-1", Decimal("12.5"), "EUR")


def test_the_one_product_of_an_event_is_its_product() -> None:
    product = ecommerce("product", id="p-1", category="tea", price=2.5)
    row = one(tsv(described("snowplow_ecommerce_action", {"type": "product_view"}, contexts=contexts(product))))
    assert (row["product_id"], row["category"], row["items"][0]["amount"]) == ("p-1", "tea", Decimal("2.5"))


@pytest.mark.parametrize("wrong", [{"price": "dear"}, {"quantity": "many"}])
def test_a_product_without_a_number_is_refused(wrong: dict[str, str]) -> None:
    event = enriched(contexts=contexts(ecommerce("product", id="p-1", **wrong)))
    assert staged(tsv(event)).codes() == [(1, "wrong_type_items")]


@pytest.mark.parametrize("wrong", [{"ti_price": "dear"}, {"tr_total": "much"}])
def test_an_amount_that_is_no_number_is_refused(wrong: dict[str, str]) -> None:
    assert staged(tsv(enriched(event="transaction_item", **wrong))).codes() == [(1, "wrong_type_amount")]


def test_robots_are_known_by_the_enrichments() -> None:
    told: list[tuple[dict[str, Any], bool]] = [
        (self_describing("spiders_and_robots", {"spiderOrRobot": True}, "com.iab.snowplow"), True),
        (self_describing("spiders_and_robots", {"spiderOrRobot": False}, "com.iab.snowplow"), False),
        (self_describing("spiders_and_robots", {"spiderOrRobot": True}, "com.example"), False),
        (self_describing("yauaa_context", {"agentClass": "Robot Mobile"}, "nl.basjes"), True),
        (self_describing("yauaa_context", {"agentClass": "Browser"}, "nl.basjes"), False),
    ]
    rows = several(tsv(*(enriched(derived_contexts=contexts(entity)) for entity, _ in told)))
    assert [row["is_machine"] for row in rows] == [is_machine for _, is_machine in told]


ALL_OF_THEM = ("*", "denied")
PREFERENCES: dict[str, list[tuple[str, str]]] = {
    "allow_all": [("necessary", "granted"), ("direct_mail", "granted")],
    "implicit_consent": [("necessary", "implied"), ("direct_mail", "implied")],
    "allow_selected": [ALL_OF_THEM, ("necessary", "granted"), ("direct_mail", "granted")],
    "deny_all": [ALL_OF_THEM, ("necessary", "granted"), ("direct_mail", "granted")],
    "withdrawn": [("*", "withdrawn")],
    "expired": [("*", "expired")],
    "pending": [],
}


def test_scopes_are_what_is_allowed_from_now_on() -> None:
    said = {"consentScopes": ["necessary", "Direct Mail"], "basisForProcessing": "contract"}
    rows = several(tsv(*(described("consent_preferences", {"eventType": action, **said}) for action in PREFERENCES)))
    assert dict(zip(PREFERENCES, map(statements, rows), strict=True)) == PREFERENCES
    assert {said["legal_basis"] for row in rows for said in json.loads(row["consents"] or "[]")} == {"contract"}


def test_scopes_of_another_shape_grant_nothing() -> None:
    shapes: list[Any] = [None, "all", {}, 5]
    rows = several(tsv(*(described("consent_preferences", {"consentScopes": scopes}) for scopes in shapes)))
    assert [statements(row) for row in rows] == [[ALL_OF_THEM]] * len(shapes)


def test_documents_are_granted_and_withdrawn_by_name() -> None:
    said = ({"name": "News Letter"}, {"id": "d"})
    documents = contexts(*(self_describing("consent_document", document) for document in said))
    granted, withdrawn, everything = several(
        tsv(
            described("consent_granted", {"expiry": "2026-01-01T00:00:00Z"}, contexts=documents),
            described("consent_withdrawn", {"all": False}, contexts=documents),
            described("consent_withdrawn", {"all": True}, contexts=documents),
        )
    )
    assert statements(granted) == [("news_letter", "granted"), ("d", "granted")]
    assert {said["expires_at"] for said in json.loads(granted["consents"])} == {"2026-01-01T00:00:00Z"}
    assert statements(withdrawn) == [("news_letter", "withdrawn"), ("d", "withdrawn")]
    assert statements(everything) == [("*", "withdrawn")]
    assert {row["event_name"] for row in (granted, withdrawn, everything)} == {"consent_stated"}


DETAILS = "root_id,root_tstamp,basis_for_processing,consent_version,consent_scopes,event_type\n"


def test_details_on_consent_meet_the_event_that_they_belong_to() -> None:
    event = one(tsv(described("consent_preferences", {"eventType": "pending"}, event_id="root")))
    row = one(DETAILS + 'root,2024-03-01 10:00:02.000,consent,1.0,"[""necessary"",""statistics""]",allow_selected\n')
    assert row["anchor"] == "snowplow_event_id:root"
    assert kinds(event)["snowplow_event_id"] == "root"
    assert (row["event_name"], row["time_basis"]) == ("event_details", "received")
    assert statements(row) == [ALL_OF_THEM, ("necessary", "granted"), ("statistics", "granted")]
    assert json.loads(row["properties"])["consent_scopes"] == ["necessary", "statistics"]


def test_the_same_details_are_a_duplicate_and_others_of_the_event_are_not() -> None:
    rows = [f"root,2024-03-01 10:00:02,{category}\n" for category in ("a", "b", "a")]
    found = staged("root_id,root_tstamp,category\n" + "".join(rows))
    assert [json.loads(text)["category"] for (text,) in found.rows("properties")] == ["a", "b"]
    assert found.rows("anchor") == [(None,), (None,)]


def test_details_of_no_event_are_refused() -> None:
    assert staged("root_id,root_tstamp\n,2024-03-01 10:00:02\n").codes() == [(1, "missing_event_id")]
