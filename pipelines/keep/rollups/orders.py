"""Orders, from whole orders or from lines that share an order id; refunds and cancellations beside them."""

from pipelines.keep.definition import SIGNED, Rollup
from schemas.table import literals
from schemas.vocabulary import ORDER_EVENTS, REFUND_EVENTS

_IS_ORDER = f"event_name IN ({literals(ORDER_EVENTS)})"
_ID = "COALESCE(order_id, 'event:' || event_id)"

ROLLUP = Rollup(
    doc="orders, from whole orders or from lines, with what was refunded",
    keys=("source", "order_id"),
    select=f"""
        WITH lines AS (
            SELECT * EXCLUDE (order_id) REPLACE ({SIGNED}), {_ID} AS order_id, {_IS_ORDER} AS is_order
            FROM {{rows}}
            WHERE event_name IN ({literals(ORDER_EVENTS + REFUND_EVENTS)})
        )
        SELECT source, order_id,
            arg_min(anchor, {{'priority': {{priority}}, 'anchor': anchor}}) FILTER (WHERE anchor IS NOT NULL) AS anchor,
            COALESCE(list(DISTINCT anchor ORDER BY anchor) FILTER (WHERE anchor IS NOT NULL), []) AS anchors,
            MIN(channel) FILTER (WHERE is_order) AS channel,
            MIN(occurred_at) FILTER (WHERE is_order) AS ordered_at,
            MAX(occurred_at) FILTER (WHERE is_order) AS completed_at,
            MIN(occurred_at) AS first_at,
            MAX(occurred_at) AS last_at,
            CAST(COALESCE(SUM(GREATEST(len(items), 1)) FILTER (WHERE is_order), 0) AS BIGINT) AS line_count,
            CAST(SUM({{amount}}) FILTER (WHERE is_order) AS DECIMAL(38,4)) AS amount,
            COUNT(*) FILTER (WHERE {{is_unconverted}}) AS unconverted_count,
            CAST(SUM(COALESCE(quantity, list_sum(list_transform(items, lambda item: item.quantity))))
                FILTER (WHERE is_order) AS DECIMAL(38,4)) AS quantity,
            CAST(SUM({{amount}}) FILTER (WHERE NOT is_order) AS DECIMAL(38,4)) AS refunded_amount
        FROM lines
        GROUP BY source, order_id
    """,
    merge={
        "anchor": "arg_min(anchor, {'priority': {priority}, 'anchor': anchor}) FILTER (WHERE anchor IS NOT NULL)",
        "anchors": "list_sort(list_distinct(flatten(list(anchors))))",
        "channel": "MIN(channel)",
        "ordered_at": "MIN(ordered_at)",
        "completed_at": "MAX(completed_at)",
        "first_at": "MIN(first_at)",
        "last_at": "MAX(last_at)",
        "line_count": "CAST(SUM(line_count) AS BIGINT)",
        "amount": "CAST(SUM(amount) AS DECIMAL(38,4))",
        "unconverted_count": "CAST(SUM(unconverted_count) AS BIGINT)",
        "quantity": "CAST(SUM(quantity) AS DECIMAL(38,4))",
        "refunded_amount": "CAST(SUM(refunded_amount) AS DECIMAL(38,4))",
    },
    scope=f"i.event_name IN ({literals(ORDER_EVENTS + REFUND_EVENTS)}) "
    f"AND (i.source, {_ID.replace('order_id', 'i.order_id').replace('event_id', 'i.event_id')}) "
    f"IN (SELECT source, {_ID} FROM keep_retracted)",
    span=("first_at", "last_at"),
)
