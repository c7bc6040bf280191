"""Google Analytics 4: the export to BigQuery, as JSON lines or Parquet.

Source: Google, BigQuery Export schema; Recommended events.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from pipelines.collect.connector import Check, Connector, Field, Plan, line_amount_sql, money_sql
from pipelines.collect.consent import listed_sql, statement_sql
from pipelines.collect.json_records import (
    CONTENT,
    JsonFormat,
    first_sql,
    is_nested_sql,
    is_no_object_sql,
    joined_sql,
    members_sql,
    rest_sql,
)
from pipelines.collect.naming import cases_sql, snake_sql
from schemas.keys import key_sql
from schemas.table import literal, quoted

# Recommended events -> Segment's e-commerce spec.
_EVENTS = {
    "page_view": "page",
    "screen_view": "screen",
    "purchase": "order_completed",
    "in_app_purchase": "order_completed",
    "refund": "order_refunded",
    "view_item": "product_viewed",
    "view_item_list": "product_list_viewed",
    "select_item": "product_clicked",
    "add_to_cart": "product_added",
    "remove_from_cart": "product_removed",
    "view_cart": "cart_viewed",
    "begin_checkout": "checkout_started",
    "add_payment_info": "payment_info_entered",
    "add_to_wishlist": "product_added_to_wishlist",
    "view_promotion": "promotion_viewed",
    "select_promotion": "promotion_clicked",
    "search": "products_searched",
    "share": "product_shared",
    "sign_up": "signed_up",
    "login": "signed_in",
}
_KNOWN = {
    "event_timestamp": "VARCHAR",
    "event_name": "VARCHAR",
    "event_bundle_sequence_id": "VARCHAR",
    "event_value_in_usd": "VARCHAR",
    "stream_id": "VARCHAR",
    "platform": "VARCHAR",
    "user_id": "VARCHAR",
    "user_pseudo_id": "VARCHAR",
    "pseudo_user_id": "VARCHAR",
    "event_params": "JSON",
    "items": "JSON",
    "ecommerce": "JSON",
    "privacy_info": "JSON",
    "collected_traffic_source": "JSON",
    "user_info": "JSON",
}
_ECOMMERCE = {"transaction_id": "VARCHAR", "purchase_revenue": "VARCHAR", "refund_value": "VARCHAR"}
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "o": ("r.ecommerce", _ECOMMERCE),
        "s": ("r.collected_traffic_source", {"manual_campaign_id": "VARCHAR", "manual_campaign_name": "VARCHAR"}),
        "v": ("r.privacy_info", {"analytics_storage": "VARCHAR", "ads_storage": "VARCHAR"}),
        "i": ("r.user_info", {"last_active_timestamp_micros": "VARCHAR"}),
    },
)
_MICROSECONDS = "TRY(make_timestamptz(TRY_CAST({raw} AS BIGINT)))"
_VALUE = '{"string_value":"VARCHAR","int_value":"VARCHAR","float_value":"VARCHAR","double_value":"VARCHAR"}'
_PARAMETERS = f'[{{"key":"VARCHAR","value":{_VALUE}}}]'
_ITEM_NAMES = ("item_id", "item_category", "quantity", "price")
_ITEM_SHAPE = json.dumps([dict.fromkeys(_ITEM_NAMES, "VARCHAR")])


def _listed(value: str) -> str:
    """The array of a repeated field; an export to Parquet may write it as {"list":[{"element":…}]}."""
    return f"""CASE {first_sql(value)}
        WHEN '[' THEN {value}
        WHEN '{{' THEN CASE WHEN json_exists({value}, '$.list')
            THEN to_json(json_extract({value}, '$.list[*].element')) END
    END"""


def _parameter(name: str) -> str:
    """The value of an event's parameter as text, whatever its type."""
    found = f"list_filter(parameters, lambda parameter: parameter.key = {literal(name)})[1].value"
    kinds = ", ".join(f"{found}.{kind}_value" for kind in ("string", "int", "double", "float"))
    return f"nullif(COALESCE({kinds}), '')"


def _records(form: JsonFormat) -> str:
    return f"""
        WITH records AS ({form.records_sql()}),
        listed AS (
            SELECT *, from_json({_listed("r.event_params")}, '{_PARAMETERS}') AS parameters,
                from_json({_listed("r.items")}, '{_ITEM_SHAPE}') AS bought,
                nullif(r.event_name, '') IS NULL AND (r.user_info IS NOT NULL OR r.pseudo_user_id <> '') AS is_user
            FROM records
        ),
        named AS (
            SELECT *, CASE WHEN is_user THEN 'ga4_unknown' ELSE {snake_sql("r.event_name")} END AS wire
            FROM listed
        )
        SELECT *, {cases_sql("wire", _EVENTS, "nullif(wire, '')")} AS event_name
        FROM named
    """


# What identifies an event, as it has no id (wire formats); a table of users has a row for each and day.
_ID = key_sql(
    *(
        f"COALESCE({part}, '')"
        for part in (
            "r.stream_id", "r.user_pseudo_id", "r.event_timestamp", "r.event_name", "r.event_bundle_sequence_id",
            "to_json(parameters)::VARCHAR",
        )
    )
)  # fmt: skip
_EVENT_ID = f"CASE WHEN is_user THEN {key_sql(CONTENT)} ELSE {_ID} END"
_CHANNEL = "CASE WHEN upper(r.platform) IN ('IOS', 'ANDROID') THEN 'app' ELSE 'web' END"
_AMOUNT = f"""COALESCE(CASE event_name WHEN 'order_completed' THEN nullif(o.purchase_revenue, '')
    WHEN 'order_refunded' THEN nullif(o.refund_value, '') END, {_parameter("value")})"""
# What Google writes where there is none: (direct), (organic), (not set).
_NAMED_CAMPAIGN = (
    f"COALESCE(s.manual_campaign_id, s.manual_campaign_name, {_parameter('campaign_id')}, {_parameter('campaign')})"
)
_CAMPAIGN = f"CASE WHEN NOT starts_with({_NAMED_CAMPAIGN}, '(') THEN {_NAMED_CAMPAIGN} END"
_QUANTITY = money_sql("item.quantity")
_ITEM_AMOUNT = line_amount_sql("item.price", "item.quantity")
_PLACEHOLDER = "'(not set)'"
_ITEM = f"""{{
    'product_id': nullif(item.item_id, {_PLACEHOLDER}), 'category': nullif(item.item_category, {_PLACEHOLDER}),
    'quantity': {_QUANTITY}, 'amount': {_ITEM_AMOUNT}
}}"""
_ONLY = "CASE WHEN len(bought) = 1 THEN bought[1] END"
_BAD_ITEMS = f"""len(list_filter(bought, lambda item: (item.quantity IS NOT NULL AND {_QUANTITY} IS NULL)
    OR (item.price IS NOT NULL AND {_ITEM_AMOUNT} IS NULL))) > 0"""
# Consent mode rides on every event; `Unset` says nothing.
_STATEMENTS = ", ".join(
    f"CASE WHEN lower(v.{name}) IN ('yes', 'no') THEN "
    + statement_sql(literal(name), "its_channel", f"CASE lower(v.{name}) WHEN 'yes' THEN 'granted' ELSE 'denied' END")
    + " END"
    for name in ("analytics_storage", "ads_storage")
)
_STATED = f"list_filter([{_STATEMENTS}], lambda statement: statement IS NOT NULL)"
_CONSENTS = f"""CASE WHEN v IS NOT NULL
    THEN list_transform([{_CHANNEL}], lambda its_channel: {listed_sql(_STATED)})[1] END"""
_TAKEN = ("event_timestamp", "user_id", "user_pseudo_id")

_CHECKS = (
    Check(
        "missing_event_name",
        "event_name IS NULL",
        "the field 'event_name' is missing; check that the file holds the export's table of events",
    ),
    Check(
        "wrong_type_text",
        is_nested_sql(f"r.{name}" for name in ("event_name", "user_id", "user_pseudo_id", "stream_id", "platform")),
        "an id or a name is an object or array; export it as text",
    ),
    Check(
        "wrong_type_object",
        is_no_object_sql(["r.ecommerce", "r.privacy_info", "r.user_info"]),
        "'ecommerce', 'privacy_info' or 'user_info' is not an object; export the table unchanged",
    ),
    Check(
        "wrong_type_params",
        f"r.event_params IS NOT NULL AND {first_sql('r.event_params')} <> 'n' AND parameters IS NULL",
        "'event_params' is not an array of keys and values; export the table unchanged",
    ),
    Check(
        "wrong_type_items",
        _BAD_ITEMS,
        "an item's price or quantity is no number; mend the tag",
    ),
    Check(
        "missing_identifier",
        "len(identifiers) = 0 AND NOT is_user AND r.privacy_info IS NULL",
        "there is no 'user_pseudo_id' or 'user_id'; export the table unchanged",
    ),
)


def _plan(form: JsonFormat) -> Plan:
    return Plan(
        records=_records(form),
        fields={
            "event_id": Field(_EVENT_ID),
            "event_name": Field("event_name"),
            "channel": Field(_CHANNEL),
            "direction": Field("'inbound'"),
            "initiator": Field("'customer'"),
            "occurred_at": Field(
                "CASE WHEN is_user THEN i.last_active_timestamp_micros ELSE r.event_timestamp END", _MICROSECONDS
            ),
            "received_at": Field("request_received_at"),
            "amount": Field(_AMOUNT),
            "currency": Field(f"upper({_parameter('currency')})"),
            "product_id": Field(f"nullif(({_ONLY}).item_id, {_PLACEHOLDER})"),
            "category": Field(f"nullif(({_ONLY}).item_category, {_PLACEHOLDER})"),
            "order_id": Field(f"nullif(COALESCE(o.transaction_id, {_parameter('transaction_id')}), {_PLACEHOLDER})"),
            "campaign_id": Field(_CAMPAIGN),
            "offer_id": Field(_parameter("offer_id")),
            "decision_id": Field(_parameter("decision_id")),
            "properties": Field(joined_sql(members_sql(rest_sql(dict.fromkeys(_TAKEN, ""))))),
        },
        identifiers=(
            ("'user_id'", "r.user_id"),
            ("'anonymous_id'", "COALESCE(nullif(r.user_pseudo_id, ''), r.pseudo_user_id)"),
        ),
        items=f"CASE WHEN len(bought) > 0 THEN list_transform(bought, lambda item: {_ITEM}) END",
        consents=_CONSENTS,
        checks=_CHECKS,
    )


def _planned(_mapping: str, columns: Sequence[str]) -> Plan:
    """Rows of Parquet are read as the objects that the export to JSON has."""
    if not columns:
        return _plan(_FORMAT)
    members = ", ".join(f"{literal(name)}: {quoted(name)}" for name in columns)
    payload = f"CASE WHEN problem IS NULL THEN to_json({{{members}}})::VARCHAR END"
    relation = (
        f"(SELECT file_no, row_number, problem, {payload} AS payload, NULL::VARCHAR AS request_received_at, "
        "NULL::VARCHAR AS request_headers FROM input)"
    )
    return _plan(replace(_FORMAT, relation=relation))


CONNECTOR = Connector(
    doc="Google Analytics 4: the export to BigQuery as JSON lines or Parquet",
    channels=("web", "app"),
    framing="mixed",
    plan=_planned,
    records=_FORMAT,
)
