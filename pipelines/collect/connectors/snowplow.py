"""Snowplow: enriched events as TSV or as rows with a header, tables of details, and the tracker protocol.

Source: Snowplow, Canonical event model; Tracker protocol; schemas consent_preferences, consent_granted,
consent_withdrawn, snowplow_ecommerce_action, add_to_cart, remove_from_cart.
"""

from collections.abc import Sequence

from pipelines.collect.connector import Check, Connector, Field, Plan, line_amount_sql, money_sql
from pipelines.collect.consent import listed_sql, purpose_sql, statement_sql
from pipelines.collect.json_records import is_nested_sql, joined_sql
from pipelines.collect.naming import cases_sql, snake_sql
from pipelines.collect.snowplow_fields import ECOMMERCE, EVENTS, PLATFORMS, ROOT_ID, SELF_DESCRIBING
from pipelines.collect.snowplow_records import FORMAT, lines_sql, rows_sql
from schemas.table import literal

_TEXTS = (
    "event_id", "event_name", "platform", "user_id", "domain_userid", "network_userid", "mkt_campaign", "se_category",
    "se_action", "tr_orderid", "tr_currency", "ti_orderid", "ti_sku", "ti_category", "ti_currency",
)  # fmt: skip


def _said(value: str, *names: str) -> str:
    """A member of a JSON value, which the tracker calls by the first name and a table by the second."""
    found = ", ".join(f"json_extract_string({value}, {literal(f'$.{name}')})" for name in names)
    return f"nullif(COALESCE({found}), '')"


_ITSELF = f"COALESCE(nullif({snake_sql('e.event_name')}, ''), 'snowplow_unknown')"
_SELF_DESCRIBED = f"""CASE
    WHEN e.event_name = 'snowplow_ecommerce_action'
        THEN {cases_sql("data ->> '$.type'", ECOMMERCE, "'snowplow_unknown'")}
    ELSE {cases_sql("e.event_name", SELF_DESCRIBING, _ITSELF)}
END"""
_STRUCTURED = "concat_ws(' ', e.se_category, e.se_action)"
_NAME = f"""CASE e.event
    WHEN 'details' THEN 'event_details'
    WHEN 'unstruct' THEN {_SELF_DESCRIBED}
    WHEN 'struct' THEN COALESCE(nullif({snake_sql(_STRUCTURED)}, ''), 'snowplow_unknown')
    ELSE {cases_sql("e.event", EVENTS, "'snowplow_unknown'")}
END"""

# A visitor's device; the tracker of an app has it in the session.
_ANONYMOUS = f"COALESCE(e.domain_userid, {_said('e.sessions[1]', 'userId', 'user_id')})"
_IS_CONSENT = "event_name IN ('consent_stated', 'cmp_visible')"
_IN_CART = "event_name IN ('product_added', 'product_removed')"
_SKU, _CART_CATEGORY, _CART_QUANTITY = (
    f"CASE WHEN {_IN_CART} THEN {_said('data', name)} END" for name in ("sku", "category", "quantity")
)
_ONLY_PRODUCT = "CASE WHEN len(e.products) = 1 THEN e.products[1] END"
_LINE_AMOUNT = f"""CASE WHEN {money_sql("e.ti_price")} IS NULL THEN e.ti_price
    ELSE {line_amount_sql("e.ti_price", "e.ti_quantity")}::VARCHAR END"""
_AMOUNT = f"""COALESCE(e.tr_total, CASE event_name
    WHEN 'order_completed' THEN {_said("e.transactions[1]", "revenue")}
    WHEN 'order_refunded' THEN {_said("e.refunds[1]", "refund_amount", "refundAmount")}
END, {_LINE_AMOUNT})"""
_CURRENCY = f"""upper(COALESCE(e.tr_currency, e.ti_currency, {_said("e.transactions[1]", "currency")},
    {_said("e.refunds[1]", "currency")}))"""
_ORDER = f"""COALESCE(e.tr_orderid, e.ti_orderid, {_said("e.transactions[1]", "transaction_id", "transactionId")},
    {_said("e.refunds[1]", "transaction_id", "transactionId")})"""

_PRODUCT_PRICE = money_sql(_said("product", "price"))
_PRODUCT_QUANTITY = money_sql(_said("product", "quantity"))
_ITEM = f"""{{
    'product_id': {_said("product", "id")},
    'category': {_said("product", "category")},
    'quantity': {_PRODUCT_QUANTITY},
    'amount': TRY_CAST({_PRODUCT_PRICE} * COALESCE({_PRODUCT_QUANTITY}, 1) AS DECIMAL(18,4))
}}"""
_BAD_PRODUCT = f"""
    ({_said("product", "price")} IS NOT NULL AND {_PRODUCT_PRICE} IS NULL)
    OR ({_said("product", "quantity")} IS NOT NULL AND {_PRODUCT_QUANTITY} IS NULL)
"""

# What a robot is by the enrichments: the IAB's list, and Yauaa's class of the agent.
_IS_ROBOT = f"""COALESCE({_said("e.robots[1]", "spiderOrRobot", "spider_or_robot")} = 'true', FALSE)
    OR COALESCE(starts_with({_said("e.agents[1]", "agentClass", "agent_class")}, 'Robot'), FALSE)"""

_BASIS = f"COALESCE({_said('data', 'basisForProcessing', 'basis_for_processing')}, 'consent')"
_VERSION = _said("data", "consentVersion", "consent_version")
_ACTION = _said("data", "eventType", "event_type")
_SCOPES = "COALESCE(json_extract(data, '$.consentScopes'), json_extract(data, '$.consent_scopes'))"


def _everything(status: str) -> str:
    return f"""[{statement_sql("'*'", "its_channel", literal(status), _BASIS, _VERSION)}]"""


def _scopes(status: str) -> str:
    one = statement_sql(purpose_sql("scope"), "its_channel", literal(status), _BASIS, _VERSION)
    return f"""list_transform(from_json({_SCOPES}, '["VARCHAR"]'), lambda scope: {one})"""


# Scopes are what is allowed from now on. Who does not allow all takes back the others, whichever there are.
_PREFERENCES = f"""CASE
    WHEN {_ACTION} = 'pending' THEN []
    WHEN {_ACTION} = 'withdrawn' THEN {_everything("withdrawn")}
    WHEN {_ACTION} = 'expired' THEN {_everything("expired")}
    WHEN {_ACTION} = 'implicit_consent' THEN {_scopes("implied")}
    WHEN {_ACTION} = 'allow_all' THEN {_scopes("granted")}
    ELSE list_concat({_everything("denied")}, {_scopes("granted")})
END"""


def _documents(status: str, **others: str) -> str:
    """A statement for each document of an event consent_granted or consent_withdrawn."""
    name = purpose_sql(f"COALESCE({_said('document', 'name')}, {_said('document', 'id')})")
    one = statement_sql(name, "its_channel", literal(status), version=_said("document", "version"), **others)
    return f"list_transform(e.documents, lambda document: {one})"


_WITHDRAWN = f"""CASE WHEN {_said("data", "all")} = 'true' THEN [{statement_sql("'*'", "its_channel", "'withdrawn'")}]
    ELSE {_documents("withdrawn")} END"""
_STATED = f"""CASE
    WHEN e.event_name = 'consent_withdrawn' THEN {_WITHDRAWN}
    WHEN e.event_name = 'consent_preferences' OR (e.event = 'details' AND json_exists(data, '$.consent_scopes'))
        THEN {_PREFERENCES}
END"""
_CHANNEL = cases_sql("e.platform", PLATFORMS, "'web'")
_DOCUMENTS = _documents("granted", expires_at=_said("data", "expiry"))
_CONSENTS = f"""list_transform([{_CHANNEL}], lambda its_channel: CASE
    WHEN e.event_name = 'consent_granted' THEN {listed_sql(_DOCUMENTS)} ELSE {listed_sql(_STATED)}
END)[1]"""

_CHECKS = (
    Check(
        "wrong_cell_count",
        "fault = 'wrong_cell_count'",
        "the line has not the 131 cells of the enriched format; export all columns, with tabs between them",
    ),
    Check(
        "wrong_type_json",
        "fault = 'wrong_type_json'",
        "contexts or the self-describing event are no JSON; mend the tracker or the export",
    ),
    Check(
        "wrong_type_base64",
        "fault = 'wrong_type_base64'",
        "'ue_px' or 'cx' is no JSON in URL-safe Base64; mend the tracker, or send 'ue_pr' and 'co'",
    ),
    Check(
        "wrong_type_text",
        is_nested_sql(f"e.{name}" for name in _TEXTS),
        "an id, a name or a category is an object or array; send it as text",
    ),
    Check(
        "wrong_type_items",
        f"len(list_filter(e.products, lambda product: {_BAD_PRODUCT})) > 0",
        "a product's price or quantity is no number; mend the tracking",
    ),
)


def _plan(records: str, device: str) -> Plan:
    return Plan(
        records=f"WITH events AS ({records}) SELECT *, {_NAME} AS event_name FROM events",
        fields={
            "event_id": Field("e.event_id"),
            "event_name": Field("event_name"),
            "channel": Field(_CHANNEL),
            "direction": Field("'inbound'"),
            "initiator": Field("'customer'"),
            "occurred_at": Field("e.occurred_at"),
            "original_at": Field("e.original_at"),
            "sent_at": Field("e.sent_at"),
            "received_at": Field("e.received_at"),
            "amount": Field(_AMOUNT),
            "currency": Field(_CURRENCY),
            "quantity": Field(f"COALESCE(e.ti_quantity, {_CART_QUANTITY})"),
            "product_id": Field(f"COALESCE(e.ti_sku, {_SKU}, {_said(_ONLY_PRODUCT, 'id')})"),
            "category": Field(f"COALESCE(e.ti_category, {_CART_CATEGORY}, {_said(_ONLY_PRODUCT, 'category')})"),
            "order_id": Field(_ORDER),
            "campaign_id": Field("e.mkt_campaign"),
            "properties": Field(joined_sql("rest")),
        },
        device=device,
        identifiers=(
            ("'user_id'", "e.user_id"),
            ("'anonymous_id'", _ANONYMOUS),
            ("'network_user_id'", f"CASE WHEN {_ANONYMOUS} IS NULL THEN e.network_userid END"),
            # Tables of details name their person by the event alone.
            ("'snowplow_event_id'", f"CASE WHEN {_IS_CONSENT} THEN e.event_id ELSE e.root_id END"),
        ),
        items=f"CASE WHEN len(e.products) > 0 THEN list_transform(e.products, lambda product: {_ITEM}) END",
        is_machine=_IS_ROBOT,
        consents=_CONSENTS,
        checks=_CHECKS,
    )


def _planned(_mapping: str, columns: Sequence[str]) -> Plan:
    if columns:  # each row is alone, and says what its device's clock was worth
        return _plan(rows_sql(columns), device="")
    return _plan(lines_sql(), device=f"COALESCE({_ANONYMOUS}, e.network_userid, e.user_id)")


CONNECTOR = Connector(
    doc="Snowplow: enriched TSV, CSV or Parquet, tables of details, and the tracker protocol (payload_data)",
    channels=("web", "app"),
    framing="mixed",
    plan=_planned,
    records=FORMAT,
    header=("event_id", ROOT_ID),
)
