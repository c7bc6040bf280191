"""Shopify's webhooks, and exports of its Admin API: orders, refunds, customers, carts, checkouts, privacy requests.

Source: Shopify, Webhooks (topics and payloads of the versions 2023-07 to 2026-07, headers, verification), Privacy law
compliance (Mandatory compliance webhooks); Admin REST API: Order, Refund, Customer, Fulfillment.
"""

from pipelines.collect import shopify_topics as topics
from pipelines.collect.connector import Check, Connector, Field, Plan, line_amount_sql, money_sql
from pipelines.collect.json_records import (
    CONTENT,
    JsonFormat,
    first_sql,
    is_nested_sql,
    is_no_object_sql,
    joined_sql,
    members_sql,
    request_header_sql,
    rest_sql,
)
from pipelines.collect.naming import cases_sql
from pipelines.collect.signatures import hmac_in
from pipelines.collect.webhook import Webhook
from schemas.keys import key_sql
from schemas.table import literals

_STATE_CONSENTS = ("customer_created", "customer_updated", "consent_stated")
_WITH_ITEMS = ("order_completed", "checkout_started", "checkout_updated", "cart_created", "cart_updated")
_WITH_MONEY = ("order_completed", "order_paid", "checkout_started", "checkout_updated")
_TEXTS = (
    "id", "order_id", "customer_id", "created_at", "updated_at", "processed_at", "cancelled_at", "cancel_reason",
    "financial_status", "total_price", "currency", "email", "contact_email", "email_address", "phone", "note",
    "source_name", "cart_token", "token", "abandoned_checkout_url", "orders_count", "total_spent", "shop_id",
    "shop_domain", "admin_graphql_api_id", "phone_number", "customerId", "occurredAt",
)  # fmt: skip
_LISTS = ("line_items", "refunds", "refund_line_items", "transactions", "note_attributes", "discount_codes")
_OTHERS = (
    "customer", "email_marketing_consent", "sms_marketing_consent", "whats_app_marketing_consent", "orders_to_redact",
    "orders_requested", "order_edit",
)  # fmt: skip
_KNOWN = {**dict.fromkeys(_TEXTS, "VARCHAR"), **dict.fromkeys((*_LISTS, *_OTHERS), "JSON")}
_SHAPE = "{" + ",".join(f'"{name}":"{kind}"' for name, kind in _KNOWN.items()) + "}"
_CUSTOMER = '{"id":"VARCHAR","email":"VARCHAR","phone":"VARCHAR"}'
_FORMAT = JsonFormat(known=_KNOWN, batch="orders", single="id")
# What stands in an order are records of their own, numbered far from the members of an array (record 053).
_STRIDE = 1 << 20


# An export has no topic: its records are known by their shape.
_TOPIC = f"""CASE
    WHEN {request_header_sql("x-shopify-topic")} IN ({literals(topics.STATES)}) THEN '{topics.ORDER}'
    WHEN {request_header_sql("x-shopify-topic")} IS NOT NULL THEN {request_header_sql("x-shopify-topic")}
    WHEN r.refund_line_items IS NOT NULL AND r.order_id IS NOT NULL THEN '{topics.REFUND}'
    WHEN r.orders_to_redact IS NOT NULL THEN 'customers/redact'
    WHEN r.orders_requested IS NOT NULL THEN 'customers/data_request'
    WHEN r.abandoned_checkout_url IS NOT NULL THEN 'checkouts/update'
    WHEN r.line_items IS NOT NULL AND r.financial_status IS NOT NULL THEN '{topics.ORDER}'
    WHEN r.line_items IS NOT NULL AND r.token IS NOT NULL THEN 'carts/update'
    WHEN r.orders_count IS NOT NULL AND r.total_spent IS NOT NULL THEN 'customers/update'
    WHEN r.email_marketing_consent IS NOT NULL OR r.sms_marketing_consent IS NOT NULL THEN 'customers/update'
    -- Since 2025-01 a customer's record has neither consents nor sums.
    WHEN starts_with(r.admin_graphql_api_id, 'gid://shopify/Customer/') THEN 'customers/update'
    WHEN r.shop_id IS NOT NULL AND r.shop_domain IS NOT NULL THEN 'shop/redact'
END"""
_PARTS = f"""list_concat(
    CASE WHEN {first_sql("r.refunds")} = '[' THEN list_transform(from_json(r.refunds, '["JSON"]'),
        lambda refund: {{'topic': '{topics.REFUND}', 'record': refund::VARCHAR}}) ELSE [] END,
    CASE WHEN r.cancelled_at IS NOT NULL THEN [{{'topic': '{topics.CANCELLED}', 'record': record}}] ELSE [] END
)"""
_PAYMENT = '[{"kind":"VARCHAR","status":"VARCHAR","amount":"VARCHAR","currency":"VARCHAR"}]'
_PAID_BACK = f"""list_filter(
    CASE WHEN {first_sql("r.transactions")} = '[' THEN from_json(r.transactions, '{_PAYMENT}') END,
    lambda paid: paid.kind = 'refund' AND paid.status IN ('success', 'pending'))"""
# A refund that stands in an order has its customer, and the order's version.
_RECORDS = f"""
    WITH known AS (SELECT *, {_TOPIC} AS topic FROM ({_FORMAT.records_sql()})),
    whole AS (
        SELECT *, r.customer AS owner, r.source_name AS its_source, COALESCE(r.updated_at, r.created_at) AS its_version,
            COALESCE(NOT regexp_matches(topic, '{topics.OF_THE_SHOP}'), TRUE) AS is_of_person,
            CASE WHEN is_of_person THEN COALESCE(r.phone, r.phone_number) END AS its_phone,
            CASE WHEN is_of_person THEN COALESCE(r.email, r.contact_email, r.email_address) END AS its_email
        FROM known
    ),
    held AS (
        SELECT *, {_PARTS} AS parts
        FROM whole
        WHERE topic = '{topics.ORDER}' AND problem IS NULL
    ),
    parted AS (SELECT * EXCLUDE (parts), unnest(parts) AS part, unnest(range(len(parts))) AS place FROM held),
    alone AS (
        SELECT * EXCLUDE (part, place) REPLACE (
            (element + {_STRIDE} * (place + 1))::INTEGER AS element, part.topic AS topic, part.record AS record,
            TRY(json_transform(part.record, '{_SHAPE}')) AS r,
            CASE WHEN part.record[1] IS DISTINCT FROM '{{' THEN 'not_an_object' END AS problem
        )
        FROM parted
    )
    SELECT *, {cases_sql("topic", topics.NAMES, "'shopify_unknown'")} AS event_name,
        CASE WHEN {first_sql("owner")} = '{{' THEN json_transform(owner, '{_CUSTOMER}') END AS c,
        {_PAID_BACK}[1].currency AS paid_in
    FROM (FROM whole UNION ALL BY NAME FROM alone)
"""

_PRODUCT = """[{"product_id":"VARCHAR","variant_id":"VARCHAR","sku":"VARCHAR","product_type":"VARCHAR",
"quantity":"VARCHAR","price":"VARCHAR","discounted_price":"VARCHAR","total_discount":"VARCHAR",
"discount_allocations":[{"amount":"VARCHAR"}]}]"""
_DISCOUNT = f"""COALESCE(
    list_sum(list_transform(line.discount_allocations, lambda given: {money_sql("given.amount")})),
    {money_sql("line.total_discount")}, 0)"""
# A cart says the price of one piece with its discounts taken off.
_AMOUNT = f"""CASE WHEN line.discounted_price IS NULL THEN {line_amount_sql("line.price", "line.quantity", _DISCOUNT)}
    ELSE {line_amount_sql("line.discounted_price", "line.quantity", "0")} END"""
_ITEM = f"""{{
    'product_id': COALESCE(line.product_id, line.variant_id, line.sku),
    'category': nullif(line.product_type, ''),
    'quantity': {money_sql("line.quantity")},
    'amount': {_AMOUNT}
}}"""
_SUBTOTAL = '{"presentment_money":{"amount":"VARCHAR","currency_code":"VARCHAR"}}'
_RETURNED = f"""[{{"quantity":"VARCHAR","subtotal":"VARCHAR","subtotal_set":{_SUBTOTAL},
"line_item":{{"product_id":"VARCHAR","variant_id":"VARCHAR"}}}}]"""
# The subtotal is in the shop's currency; what was paid back may be in the customer's.
_WORTH = """CASE WHEN line.subtotal_set.presentment_money.currency_code = paid_in
    THEN line.subtotal_set.presentment_money.amount ELSE line.subtotal END"""
_RETURNED_ITEM = f"""{{
    'product_id': COALESCE(line.line_item.product_id, line.line_item.variant_id),
    'category': NULL,
    'quantity': {money_sql("line.quantity")},
    'amount': -({money_sql(_WORTH)})
}}"""
_ITEMS = f"""CASE
    WHEN event_name = 'order_refunded' AND {first_sql("r.refund_line_items")} = '['
        THEN list_transform(from_json(r.refund_line_items, '{_RETURNED}'), lambda line: {_RETURNED_ITEM})
    WHEN event_name IN ({literals(_WITH_ITEMS)}) AND {first_sql("r.line_items")} = '['
        THEN list_transform(from_json(r.line_items, '{_PRODUCT}'), lambda line: {_ITEM})
END"""
# What was paid comes back by refunds; what was not goes with the cancellation.
_MONEY = f"""CASE event_name
    WHEN 'order_refunded' THEN (
        -list_sum(list_transform({_PAID_BACK}, lambda paid: {money_sql("paid.amount")})))::VARCHAR
    WHEN 'order_cancelled' THEN CASE
        WHEN r.financial_status IN ('pending', 'authorized', 'expired', 'voided') THEN '-' || r.total_price END
    ELSE CASE WHEN event_name IN ({literals(_WITH_MONEY)}) THEN r.total_price END
END"""


def _attribute(name: str) -> str:
    attributes = f"""CASE WHEN {first_sql("r.note_attributes")} = '['
        THEN from_json(r.note_attributes, '[{{"name":"VARCHAR","value":"VARCHAR"}}]') END"""
    return f"list_filter({attributes}, lambda one: one.name = '{name}')[1].value"


def _statement(channel: str, member: str, stated_at: str = "consent_updated_at") -> str:
    """What a customer says on marketing through a channel; NULL where nothing was ever said."""
    consent = f"r.{member}_marketing_consent"
    return f"""CASE WHEN ({consent} ->> '$.state') IN ('subscribed', 'unsubscribed')
        THEN json_merge_patch('{{}}', json_object(
            'purpose', 'marketing', 'channel', '{channel}',
            'status', CASE {consent} ->> '$.state' WHEN 'subscribed' THEN 'granted' ELSE 'denied' END,
            'legal_basis', CASE {consent} ->> '$.state' WHEN 'subscribed' THEN 'consent' ELSE 'objection' END,
            'stated_at', {consent} ->> '$.{stated_at}'
        )) END"""


_STATEMENTS = (
    _statement("email", "email"),
    _statement("sms", "sms"),
    _statement("whatsapp", "whats_app", "updated_at"),
)
_STATED = f"list_filter([{', '.join(_STATEMENTS)}], lambda one: one IS NOT NULL)"
_VERSION = "strftime(timezone('UTC', TRY_CAST(its_version AS TIMESTAMPTZ)), '%Y-%m-%dT%H:%M:%S.%fZ')"
# Newer topics write ids of the GraphQL API: gid://shopify/Customer/17.
_CUSTOMER_ID = "regexp_replace(COALESCE(r.customer_id, r.customerId), '^gid://shopify/Customer/', '')"
_OWN_ID = "CASE WHEN topic LIKE 'customers%' AND r.customer IS NULL THEN r.id END"
_FIRST_CODE = f"""CASE WHEN {first_sql("r.discount_codes")} = '[' THEN r.discount_codes ->> '$[0].code' END"""
_IS_COMPANY = f"""event_name IN ({literals(topics.BY_COMPANY)})
    OR (event_name = 'order_cancelled' AND r.cancel_reason IS DISTINCT FROM 'customer')"""
_TOPIC_MEMBER = """CASE WHEN event_name = 'shopify_unknown' AND topic IS NOT NULL
    THEN '"topic":' || to_json(topic)::VARCHAR END"""
_REST = joined_sql(_TOPIC_MEMBER, members_sql(rest_sql({})))
_PROPERTIES = f"""CASE event_name
    WHEN 'order_cancelled' THEN
        json_object('cancel_reason', r.cancel_reason, 'financial_status', r.financial_status)::VARCHAR
    ELSE {_REST}
END"""
_BAD_LINES = " OR ".join(
    f"""CASE WHEN r.{name} IS NOT NULL AND {first_sql(f"r.{name}")} <> 'n' THEN
        CASE WHEN {first_sql(f"r.{name}")} <> '[' THEN TRUE ELSE len(list_filter(from_json(r.{name}, '["JSON"]'),
            lambda one: one IS NULL OR {first_sql("one")} <> '{{')) > 0 END ELSE FALSE END"""
    for name in _LISTS
)
_BAD_NUMBERS = f"""CASE WHEN {first_sql("r.line_items")} = '[' THEN len(list_filter(
    from_json(r.line_items, '{_PRODUCT}'), lambda line: (line.price IS NOT NULL AND {_AMOUNT} IS NULL)
        OR (line.quantity IS NOT NULL AND {money_sql("line.quantity")} IS NULL))) > 0 ELSE FALSE END
    OR len(list_filter({_PAID_BACK}, lambda paid: {money_sql("paid.amount")} IS NULL)) > 0"""

_PLAN = Plan(
    records=_RECORDS,
    fields={
        "event_id": Field(f"""CASE event_name
            WHEN 'order_completed' THEN 'order:' || r.id
            WHEN 'order_refunded' THEN 'refund:' || r.id
            WHEN 'order_cancelled' THEN 'cancellation:' || r.id
            ELSE COALESCE({request_header_sql("x-shopify-event-id")}, {key_sql("COALESCE(topic, '')", CONTENT)})
        END"""),
        "source_version": Field(
            f"CASE WHEN topic IN ('{topics.ORDER}', '{topics.CANCELLED}', '{topics.REFUND}') THEN {_VERSION} END"
        ),
        "event_name": Field("event_name"),
        "channel": Field("CASE WHEN its_source IN ('pos', 'iphone', 'android') THEN 'pos' ELSE 'web' END"),
        "direction": Field(f"CASE WHEN {_IS_COMPANY} THEN 'outbound' ELSE 'inbound' END"),
        "initiator": Field(f"CASE WHEN {_IS_COMPANY} THEN 'company' ELSE 'customer' END"),
        "occurred_at": Field("""CASE event_name
            WHEN 'order_completed' THEN COALESCE(r.processed_at, r.created_at)
            WHEN 'order_refunded' THEN COALESCE(r.processed_at, r.created_at)
            WHEN 'order_cancelled' THEN r.cancelled_at
            WHEN 'customer_created' THEN r.created_at
            WHEN 'checkout_started' THEN r.created_at
            WHEN 'cart_created' THEN r.created_at
            WHEN 'customer_updated' THEN r.updated_at
            WHEN 'checkout_updated' THEN r.updated_at
            WHEN 'cart_updated' THEN r.updated_at
            WHEN 'order_edited' THEN r.order_edit ->> '$.committed_at'
            WHEN 'fulfillment_created' THEN r.created_at
            WHEN 'fulfillment_updated' THEN r.updated_at
            ELSE r.occurredAt
        END"""),
        "sent_at": Field(f"COALESCE({request_header_sql('x-shopify-triggered-at')}, r.updated_at, r.created_at)"),
        "received_at": Field("request_received_at"),
        "amount": Field(_MONEY),
        "currency": Field(
            "COALESCE(r.currency, paid_in, r.refund_line_items ->> '$[0].subtotal_set.shop_money.currency_code')"
        ),
        "order_id": Field("""CASE
            WHEN event_name = 'order_edited' THEN r.order_edit ->> '$.order_id'
            WHEN topic LIKE 'orders/%' OR topic IN ('order', 'cancellation') THEN COALESCE(r.order_id, r.id)
            ELSE r.order_id
        END"""),
        "campaign_id": Field(_attribute("campaign_id")),
        "offer_id": Field(f"COALESCE({_attribute('offer_id')}, {_FIRST_CODE})"),
        "decision_id": Field(_attribute("decision_id")),
        "text": Field(f"CASE WHEN event_name IN ({literals(_WITH_ITEMS)}) THEN r.note END"),
        "properties": Field(_PROPERTIES),
    },
    identifiers=(
        ("'customer_id'", f"COALESCE({_CUSTOMER_ID}, {_OWN_ID}, c.id)"),
        ("'email'", "COALESCE(nullif(its_email, ''), c.email)"),
        ("'phone'", "COALESCE(nullif(its_phone, ''), c.phone)"),
        ("'user_id'", _attribute("user_id")),
        ("'cart_token'", "CASE WHEN topic LIKE 'carts/%' THEN r.token ELSE r.cart_token END"),
    ),
    items=_ITEMS,
    consents=f"""CASE WHEN event_name IN ({literals(_STATE_CONSENTS)}) AND len({_STATED}) > 0
        THEN to_json({_STATED}) END""",
    checks=(
        Check(
            "wrong_type_text",
            is_nested_sql(f"r.{name}" for name in _TEXTS),
            "an id, an address or another text is an object or array; send the record as Shopify gives it",
        ),
        Check(
            "wrong_type_object",
            is_no_object_sql(["r.customer"]),
            "'customer' is not an object; send the record as Shopify gives it",
        ),
        Check(
            "wrong_type_items",
            f"({_BAD_LINES}) OR {_BAD_NUMBERS}",
            "the lines of an order, its refunds or their payments are not lists of objects with numbers; send the "
            "record as Shopify gives it",
        ),
    ),
)

CONNECTOR = Connector(
    doc="Shopify's webhooks and exports: orders, refunds, customers, carts, checkouts, privacy requests",
    channels=("web", "pos"),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
    webhook=Webhook(
        secrets=("secret",),
        check=hmac_in("x-shopify-hmac-sha256", encoding="base64"),
        headers=(
            "x-shopify-topic",
            "x-shopify-event-id",
            "x-shopify-webhook-id",
            "x-shopify-triggered-at",
            "x-shopify-shop-domain",
        ),
    ),
)
