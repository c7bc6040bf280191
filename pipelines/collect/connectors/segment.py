"""Segment's spec (also RudderStack and Jitsu clients): JSON lines of single calls and batches.

Source: Segment Spec (Common Fields, Track, Identify, Alias; E-commerce v2, Email, Live Chat); Consent Management.
"""

from pipelines.collect.connector import Check, Connector, Field, Plan, line_amount_sql, money_sql
from pipelines.collect.consent import bad_categories_sql, category_consents_sql
from pipelines.collect.json_records import (
    JsonFormat,
    first_sql,
    is_nested_sql,
    is_no_object_sql,
    joined_sql,
    members_sql,
    unknown_members_sql,
)
from pipelines.collect.naming import snake_sql, translated_sql
from schemas.table import literals
from schemas.vocabulary import DELIVERED_SIGNS, FAILED_SIGNS, SENT_SIGNS, contact_events

CALLS = ("identify", "track", "page", "screen", "group", "alias")
_KNOWN = {
    "type": "VARCHAR",
    "messageId": "VARCHAR",
    "userId": "VARCHAR",
    "anonymousId": "VARCHAR",
    "previousId": "VARCHAR",
    "event": "VARCHAR",
    "timestamp": "VARCHAR",
    "originalTimestamp": "VARCHAR",
    "sentAt": "VARCHAR",
    "receivedAt": "VARCHAR",
    "context": "JSON",
    "properties": "JSON",
    "traits": "JSON",
}
_PROPERTIES = {
    "revenue": "VARCHAR",
    "total": "VARCHAR",
    "value": "VARCHAR",
    "currency": "VARCHAR",
    "quantity": "VARCHAR",
    "product_id": "VARCHAR",
    "category": "VARCHAR",
    "order_id": "VARCHAR",
    "products": "JSON",
    "campaign_id": "VARCHAR",
    "offer_id": "VARCHAR",
    "decision_id": "VARCHAR",
    "contact_id": "VARCHAR",
    "message_id": "VARCHAR",
    "message_body": "VARCHAR",
}
# The context of a batch holds for its calls, as far as they do not say otherwise.
_IS_SHARED = "(batch_context[1] = '{' AND json_valid(batch_context))"
_CONTEXT = f"""CASE WHEN {_IS_SHARED} THEN json_merge_patch(batch_context, COALESCE(r.context, '{{}}'))
    ELSE r.context END"""
_FORMAT = JsonFormat(
    known=_KNOWN,
    nested={
        "p": ("r.properties", _PROPERTIES),
        "c": (_CONTEXT, {"channel": "VARCHAR", "consent": "JSON", "campaign": "JSON"}),
        "x": (_CONTEXT, {"externalIds": "JSON"}),
        "t": ("r.traits", {"email": "VARCHAR", "phone": "VARCHAR"}),
    },
    batch="batch",
    single="type",
    envelope={"batch_sent_at": "sentAt", "batch_received_at": "receivedAt", "batch_context": "context"},
)

# Spec names that others have, too, under a canonical name.
_ALIASES = {
    "email_link_clicked": "email_clicked",
    "email_marked_as_spam": "email_complained",
    "unsubscribed": "email_unsubscribed",
    "segment_consent_preference_updated": "consent_stated",
    "segment_consent_preference": "consent_stated",
}
_TEXTS = (
    *(f"r.{name}" for name in ("messageId", "userId", "anonymousId", "previousId", "event")),
    *(f"p.{name}" for name in ("order_id", "product_id", "category", "campaign_id", "offer_id", "contact_id")),
    "p.message_body",
)
_CHANNELS = {
    "browser": "web",
    "client": "web",
    "server": "web",
    "mobile": "app",
    "ios": "app",
    "android": "app",
}


# Live chat is told as the customer sees it: what he receives, the company sends.
_COMPANY_EVENTS = (*contact_events(SENT_SIGNS + DELIVERED_SIGNS + FAILED_SIGNS), "live_chat_message_received")
_CHANNEL = f"""CASE
    WHEN starts_with(event_name, 'email_') THEN 'email'
    WHEN starts_with(event_name, 'live_chat_') THEN 'chat'
    ELSE COALESCE({translated_sql("lower(c.channel)", _CHANNELS)}, 'web')
END"""
_PREFERENCES = "json_extract(c.consent, '$.categoryPreferences')"
_CONSENTS = f"""CASE WHEN c.consent IS NOT NULL AND {first_sql(_PREFERENCES)} = '{{'
    THEN {category_consents_sql(_PREFERENCES, _CHANNEL, "event_name = 'identify'")} END"""
_BAD_CONSENT = f"""(
    {first_sql("c.consent")} NOT IN ('{{', 'n')
    OR {first_sql(_PREFERENCES)} NOT IN ('{{', 'n')
    OR CASE WHEN {first_sql(_PREFERENCES)} = '{{' THEN {bad_categories_sql(_PREFERENCES)} END
)"""

_QUANTITY = money_sql("product.quantity")
_AMOUNT = line_amount_sql("product.price", "product.quantity")
_ITEM = f"""{{
    'product_id': COALESCE(product.product_id, product.sku),
    'category': product.category,
    'quantity': {_QUANTITY},
    'amount': {_AMOUNT}
}}"""
_PRODUCT = '[{"product_id":"VARCHAR","sku":"VARCHAR","category":"VARCHAR","quantity":"VARCHAR","price":"VARCHAR"}]'
_PRODUCTS = f"CASE WHEN {first_sql('p.products')} = '[' THEN from_json(p.products, '{_PRODUCT}') END"
_BAD_PRODUCT = f"""
    (product.quantity IS NOT NULL AND {_QUANTITY} IS NULL)
    OR (product.price IS NOT NULL AND {_AMOUNT} IS NULL)
"""
_MEMBERS = "from_json(p.products, '[\"JSON\"]')"
_BAD_PRODUCTS = f"""(
    {first_sql("p.products")} NOT IN ('[', 'n')
    OR NOT list_bool_and(list_transform({_MEMBERS}, lambda member: COALESCE({first_sql("member")} = '{{', FALSE)))
    OR len(list_filter({_PRODUCTS}, lambda product: {_BAD_PRODUCT})) > 0
)"""


# What has no column stays unchanged: the event's own properties at the top, the other fields by their names, what the
# envelope of a batch says besides as `batch`.
_REST = joined_sql(
    members_sql("r.properties"),
    f"'\"context\":' || ({_CONTEXT})",
    "'\"traits\":' || r.traits",
    "'\"batch\":' || envelope_rest",
    unknown_members_sql(_KNOWN),
)
_FROM_COMPANY = f"event_name IN ({literals(_COMPANY_EVENTS)})"


def _named_sql(records: str) -> str:
    """The records with the event's canonical name."""
    return f"""
        WITH records AS ({records}),
        snake AS (
            SELECT *, CASE WHEN r.type = 'track' THEN {snake_sql("r.event")} ELSE r.type END AS snake_name
            FROM records
        )
        SELECT *, {translated_sql("snake_name", _ALIASES)} AS event_name
        FROM snake
    """


_PLAN = Plan(
    records=_named_sql(_FORMAT.records_sql()),
    whole_records=_named_sql(_FORMAT.whole_records_sql()),
    may_divide=_FORMAT.may_divide_sql(),
    doubts=("unknown_call", "not_an_object"),
    fields={
        "event_id": Field("r.messageId"),
        "event_name": Field("event_name"),
        "channel": Field(_CHANNEL),
        "direction": Field(f"CASE WHEN {_FROM_COMPANY} THEN 'outbound' ELSE 'inbound' END"),
        "initiator": Field(f"CASE WHEN {_FROM_COMPANY} THEN 'company' ELSE 'customer' END"),
        "occurred_at": Field("r.timestamp"),
        "original_at": Field("r.originalTimestamp"),
        "sent_at": Field("COALESCE(r.sentAt, batch_sent_at)"),
        "received_at": Field("COALESCE(r.receivedAt, batch_received_at, request_received_at)"),
        "amount": Field("COALESCE(nullif(p.revenue, ''), nullif(p.total, ''), p.value)"),
        "currency": Field("upper(p.currency)"),
        "quantity": Field("p.quantity"),
        "product_id": Field("p.product_id"),
        "category": Field("p.category"),
        "order_id": Field("p.order_id"),
        "campaign_id": Field("COALESCE(nullif(p.campaign_id, ''), json_extract_string(c.campaign, '$.name'))"),
        "offer_id": Field("p.offer_id"),
        "decision_id": Field("p.decision_id"),
        "contact_id": Field("COALESCE(p.contact_id, p.message_id)"),
        "text": Field("CASE WHEN starts_with(event_name, 'live_chat_') THEN p.message_body END"),
        "properties": Field(_REST),
    },
    device="COALESCE(nullif(r.anonymousId, ''), r.userId)",
    identifiers=(
        ("'user_id'", "r.userId"),
        ("'anonymous_id'", "r.anonymousId"),
        ("'anonymous_id'", "r.previousId"),
        ("'email'", "CASE WHEN r.type = 'identify' THEN t.email END"),
        ("'phone'", "CASE WHEN r.type = 'identify' THEN t.phone END"),
    ),
    identifier_lists=(
        f"""CASE WHEN {first_sql("x.externalIds")} = '[' THEN list_transform(
            from_json(x.externalIds, '[{{"id":"VARCHAR","type":"VARCHAR"}}]'),
            lambda external: {{'kind': external.type, 'value': external.id}}
        ) END""",
    ),
    consents=_CONSENTS,
    items=f"CASE WHEN p.products IS NOT NULL THEN list_transform({_PRODUCTS}, lambda product: {_ITEM}) END",
    checks=(
        Check(
            "unknown_call",
            f"r.type IS NULL OR r.type NOT IN ({literals(CALLS)})",
            f"the field 'type' is none of {', '.join(CALLS)}; send a call of Segment's spec",
        ),
        Check(
            "missing_event_name",
            "r.type = 'track' AND COALESCE(r.event, '') = ''",
            "a track call has no 'event'; name what happened",
        ),
        Check(
            "missing_event_id",
            "COALESCE(r.messageId, '') = ''",
            "'messageId' is missing; the client must set it",
        ),
        Check(
            "wrong_type_object",
            f"{is_no_object_sql(['r.properties', 'r.context', 'r.traits'])} OR NOT COALESCE({_IS_SHARED}, TRUE)",
            "'properties', 'context' or 'traits' is not an object; send {} instead",
        ),
        Check(
            "wrong_type_text",
            is_nested_sql(_TEXTS),
            "an id, a name or a category is an object or array; send it as text",
        ),
        Check(
            "wrong_type_items",
            f"CASE WHEN p.products IS NOT NULL THEN {_BAD_PRODUCTS} END",
            "'products' is not an array of products with numbers as price and quantity; mend the tracking plan",
        ),
        Check(
            "wrong_type_consent",
            f"CASE WHEN c.consent IS NOT NULL THEN {_BAD_CONSENT} END",
            "'context.consent' is no object with true or false for each of its categoryPreferences; mend the sender",
        ),
        Check(
            "missing_identifier",
            "len(identifiers) = 0",
            "there is no usable 'userId', 'anonymousId' or external id; set one of them",
        ),
    ),
)

CONNECTOR = Connector(
    doc="Segment's spec: JSON lines, single calls and batches (also RudderStack and Jitsu clients)",
    channels=("web", "app", "email", "chat"),
    framing="json",
    plan=lambda _mapping, _columns: _PLAN,
    records=_FORMAT,
)
