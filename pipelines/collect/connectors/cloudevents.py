"""CloudEvents 1.0: structured and batched JSON. The collector lands binary mode as the structured event that it is.

Source: CloudEvents 1.0, Core specification; JSON Event Format; HTTP Protocol Binding.
"""

import json

from pipelines.collect.connector import Check, Connector, Field, Plan, line_amount_sql, money_sql
from pipelines.collect.json_records import JsonFormat, first_sql, is_nested_sql, joined_sql, members_sql, rest_sql
from pipelines.collect.naming import snake_sql
from schemas.keys import key_sql
from schemas.table import literal, literals
from schemas.vocabulary import CHANNELS, DELIVERED_SIGNS, FAILED_SIGNS, SENT_SIGNS, contact_events

_ATTRIBUTES = ("id", "source", "specversion", "type", "subject", "time", "datacontenttype", "dataschema")
_KNOWN = {**dict.fromkeys(_ATTRIBUTES, "VARCHAR"), "data": "JSON", "data_base64": "VARCHAR"}
_IDENTIFIERS = {
    "user_id": ("user_id", "userId"),
    "anonymous_id": ("anonymous_id", "anonymousId"),
    "customer_id": ("customer_id", "customerId"),
    "loyalty_id": ("loyalty_id", "loyaltyId"),
    "email": ("email",),
    "phone": ("phone",),
}
_NUMBERS = ("amount", "quantity", "score")
_COLUMNS = ("product_id", "category", "order_id", "campaign_id", "offer_id", "decision_id", "text")
_SAID_AS_TEXT = (
    *("channel", "currency", "contact_id", "message_id", *_COLUMNS),
    *(name for names in _IDENTIFIERS.values() for name in names),
)
_DATA = {
    **dict.fromkeys([*_SAID_AS_TEXT, *_NUMBERS], "VARCHAR"),
    "products": "JSON",
    "consents": "JSON",
}
_BASE64 = "TRY(decode(from_base64(r.data_base64)))"
# Data in Base64 are read if they are JSON.
_PAYLOAD = f"""CASE
    WHEN r.data_base64 IS NOT NULL THEN CASE WHEN json_valid({_BASE64}) THEN ({_BASE64})::JSON END
    ELSE r.data
END"""
_FORMAT = JsonFormat(known=_KNOWN)

# com.example.order.completed.v2 is order_completed: neither the owner's domain nor the version says what happened.
_REVERSED_DOMAIN = literal(r"^(com|org|net|io|dev|eu|de|at|ch|uk|fr|nl|it|es|us)\.[^.]+\.")
_VERSION = literal(r"[./_-]v[0-9]+(\.[0-9]+)*$")
_KIND = f"regexp_replace(regexp_replace(r.type, {_VERSION}, ''), {_REVERSED_DOMAIN}, '')"
_FROM_COMPANY = f"event_name IN ({literals(contact_events(SENT_SIGNS + DELIVERED_SIGNS + FAILED_SIGNS))})"
_CHANNEL = """CASE
    WHEN nullif(d.channel, '') IS NOT NULL THEN d.channel
    WHEN starts_with(event_name, 'email_') THEN 'email'
    WHEN starts_with(event_name, 'sms_') THEN 'sms'
    ELSE 'web'
END"""
# A subject is any text; one that is written as an identifier is one.
_SUBJECT = f"'^({'|'.join(_IDENTIFIERS)}):(.+)$'"

_QUANTITY = money_sql("product.quantity")
_AMOUNT = line_amount_sql("product.price", "product.quantity")
_ITEM = f"""{{
    'product_id': product.product_id, 'category': product.category, 'quantity': {_QUANTITY}, 'amount': {_AMOUNT}
}}"""
_SHAPE = '[{"product_id":"VARCHAR","category":"VARCHAR","quantity":"VARCHAR","price":"VARCHAR"}]'
_PRODUCTS = f"CASE WHEN {first_sql('d.products')} = '[' THEN from_json(d.products, '{_SHAPE}') END"
_BAD_PRODUCTS = f"""{first_sql("d.products")} NOT IN ('[', 'n') OR len(list_filter({_PRODUCTS}, lambda product:
    product IS NULL OR (product.quantity IS NOT NULL AND {_QUANTITY} IS NULL)
    OR (product.price IS NOT NULL AND {_AMOUNT} IS NULL))) > 0"""

# The members of the data at the top; all else that the event says beside them.
_ATTRIBUTES_SAID = rest_sql({"data": "JSON", "time": "VARCHAR"})
_PROPERTIES = joined_sql(
    members_sql("payload"),
    f"CASE WHEN {first_sql('payload')} <> '{{' THEN '\"data\":' || payload::VARCHAR END",
    f"'\"cloudevent\":' || ({_ATTRIBUTES_SAID})::VARCHAR",
)
_RECORDS = f"""
    WITH records AS ({_FORMAT.records_sql()}),
    attributed AS (SELECT *, {_PAYLOAD} AS payload FROM records),
    kinds AS (
        SELECT *, {_KIND} AS kind,
            from_json(CASE WHEN {first_sql("payload")} = '{{' THEN payload END, {literal(json.dumps(_DATA))}) AS d
        FROM attributed
    )
    SELECT *, COALESCE(nullif({snake_sql("kind")}, ''), 'cloudevents_unknown') AS event_name
    FROM kinds
"""

_PLAN = Plan(
    records=_RECORDS,
    fields={
        "event_id": Field(f"CASE WHEN r.id <> '' THEN {key_sql('r.source', 'r.id')} END"),
        "event_name": Field("event_name"),
        "channel": Field(_CHANNEL),
        "direction": Field(f"CASE WHEN {_FROM_COMPANY} THEN 'outbound' ELSE 'inbound' END"),
        "initiator": Field(f"CASE WHEN {_FROM_COMPANY} THEN 'company' ELSE 'customer' END"),
        "occurred_at": Field("r.time"),
        "received_at": Field("request_received_at"),
        "currency": Field("upper(d.currency)"),
        "contact_id": Field("COALESCE(nullif(d.contact_id, ''), d.message_id)"),
        "properties": Field(_PROPERTIES),
        **{name: Field(f"d.{name}") for name in (*_NUMBERS, *_COLUMNS)},
    },
    identifiers=(
        *(
            (f"'{kind}'", f"COALESCE({', '.join(f'd.{name}' for name in names)})")
            for kind, names in _IDENTIFIERS.items()
        ),
        (f"regexp_extract(r.subject, {_SUBJECT}, 1)", f"nullif(regexp_extract(r.subject, {_SUBJECT}, 2), '')"),
    ),
    items=f"CASE WHEN d.products IS NOT NULL THEN list_transform({_PRODUCTS}, lambda product: {_ITEM}) END",
    consents=f"CASE WHEN {first_sql('d.consents')} = '[' THEN d.consents END",
    checks=(
        Check(
            "unknown_specversion",
            "COALESCE(r.specversion, '') NOT LIKE '1.%'",
            "'specversion' is not 1.0; send an event of CloudEvents 1.0",
        ),
        Check("missing_event_id", "COALESCE(r.id, '') = ''", "'id' is missing; the sender must set it"),
        Check("missing_source", "COALESCE(r.source, '') = ''", "'source' is missing; the sender must set it"),
        Check(
            "missing_event_name", "COALESCE(r.type, '') = ''", "'type' is missing; the sender must name what happened"
        ),
        Check(
            "wrong_type_text",
            is_nested_sql([*(f"r.{name}" for name in _ATTRIBUTES), *(f"d.{name}" for name in _SAID_AS_TEXT)]),
            "an attribute, an id or a name is an object or array; send it as text",
        ),
        Check(
            "wrong_type_items",
            f"CASE WHEN d.products IS NOT NULL THEN {_BAD_PRODUCTS} END",
            "'products' is not an array of products with numbers as price and quantity; mend the sender",
        ),
        Check(
            "missing_identifier",
            "len(identifiers) = 0",
            "the data name nobody; send user_id, customer_id, email or the like in them, or as subject user_id:VALUE",
        ),
    ),
)

CONNECTOR = Connector(
    doc="CloudEvents 1.0: structured and batched; binary ones as the collector lands them",
    channels=CHANNELS,
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
)
