"""What people did per anchor, day, category and event name; the items of a whole order count one by one."""

from pipelines.keep.definition import SIGNED, Rollup

ROLLUP = Rollup(
    doc="interactions of people and their order lines per anchor, UTC day, category and event name",
    keys=("anchor", "day", "category", "event_name"),
    select=f"""
        WITH lines AS (
            SELECT anchor, occurred_at, event_name, category, amount, currency, quantity
            FROM {{rows}}
            WHERE anchor IS NOT NULL AND items IS NULL AND category IS NOT NULL AND NOT is_machine
            UNION ALL
            SELECT anchor, occurred_at, event_name, item.category, item.amount, currency, item.quantity
            FROM (
                SELECT *, unnest(items) AS item
                FROM {{rows}}
                WHERE anchor IS NOT NULL AND items IS NOT NULL AND NOT is_machine
            )
            WHERE item.category IS NOT NULL
        ),
        signed AS (
            SELECT * REPLACE ({SIGNED})
            FROM lines
        )
        SELECT anchor, occurred_at::DATE AS day, category, event_name,
            COUNT(*) AS interaction_count,
            CAST(SUM({{amount}}) AS DECIMAL(38,4)) AS amount,
            COUNT(*) FILTER (WHERE {{is_unconverted}}) AS unconverted_count,
            CAST(SUM(quantity) AS DECIMAL(38,4)) AS quantity
        FROM signed
        GROUP BY ALL
    """,
    merge={
        "interaction_count": "CAST(SUM(interaction_count) AS BIGINT)",
        "amount": "CAST(SUM(amount) AS DECIMAL(38,4))",
        "unconverted_count": "CAST(SUM(unconverted_count) AS BIGINT)",
        "quantity": "CAST(SUM(quantity) AS DECIMAL(38,4))",
    },
    scope="i.anchor IN (SELECT anchor FROM keep_stale)",
    span=("day", "day"),
    near=("day",),
)
