"""Interactions per anchor, day, channel and event name."""

from pipelines.keep.definition import SIGNED, Rollup

ROLLUP = Rollup(
    doc="interactions per anchor, UTC day, channel and event name",
    keys=("anchor", "day", "channel", "event_name"),
    select=f"""
        WITH signed AS (
            SELECT * REPLACE ({SIGNED})
            FROM {{rows}}
            WHERE anchor IS NOT NULL
        )
        SELECT anchor, occurred_at::DATE AS day, channel, event_name,
            COUNT(*) AS interaction_count,
            COUNT(*) FILTER (WHERE is_machine) AS machine_count,
            CAST(SUM({{amount}}) AS DECIMAL(38,4)) AS amount,
            COUNT(*) FILTER (WHERE {{is_unconverted}}) AS unconverted_count,
            CAST(SUM(quantity) AS DECIMAL(38,4)) AS quantity,
            MIN(occurred_at) AS first_at,
            MAX(occurred_at) AS last_at
        FROM signed
        GROUP BY ALL
    """,
    merge={
        "interaction_count": "CAST(SUM(interaction_count) AS BIGINT)",
        "machine_count": "CAST(SUM(machine_count) AS BIGINT)",
        "amount": "CAST(SUM(amount) AS DECIMAL(38,4))",
        "unconverted_count": "CAST(SUM(unconverted_count) AS BIGINT)",
        "quantity": "CAST(SUM(quantity) AS DECIMAL(38,4))",
        "first_at": "MIN(first_at)",
        "last_at": "MAX(last_at)",
    },
    scope="i.anchor IN (SELECT anchor FROM keep_stale)",
    span=("day", "day"),
    near=("day",),
)
