"""The summary of a home that a person wants to read."""

import shlex
from typing import Any

from flows.console import say, say_wrapped, table
from pipelines.decide.explain import explain
from warehouse.queries import records
from warehouse.reader import LakeReader

_CAME_IN = """
    SELECT source, COUNT(*) AS files, SUM(received_count)::BIGINT AS received, SUM(loaded_count)::BIGINT AS loaded,
        SUM(duplicate_count)::BIGINT AS duplicate, SUM(rejected_count)::BIGINT AS rejected
    FROM landing_files
    GROUP BY source
    ORDER BY received DESC
"""
_CHANNELS = """
    SELECT channel, SUM(interaction_count)::BIGINT AS interactions, COUNT(DISTINCT anchor) AS identifiers,
        SUM(amount) FILTER (WHERE event_name = 'order_completed') AS amount
    FROM daily_activity
    GROUP BY channel
    ORDER BY interactions DESC
"""
_REFUSED = """
    SELECT reason_code, reason, COUNT(*) AS records
    FROM rejections
    GROUP BY reason_code, reason
    ORDER BY records DESC
"""
_CUSTOMERS = """
    SELECT
        CASE WHEN order_count IS NULL OR order_count = 0 THEN 'no order yet'
            WHEN p_alive >= 0.9 THEN 'surely active' WHEN p_alive >= 0.5 THEN 'probably active'
            ELSE 'drifting away' END AS who,
        COUNT(*) AS customers,
        MEDIAN(order_count)::BIGINT AS orders,
        MEDIAN(recency_days)::BIGINT AS days_since_last,
        MEDIAN(expected_order_value)::DECIMAL(18, 2) AS expected_order_value,
        AVG(p_purchase_30d)::DECIMAL(18, 2) AS p_purchase_30d
    FROM profiles
    GROUP BY who
    ORDER BY customers DESC
"""
_PREFERRED = """
    SELECT COALESCE(preferred_channel, 'unknown') AS preferred_channel, COUNT(*) AS customers
    FROM profiles
    GROUP BY ALL
    ORDER BY customers DESC
"""
_DECIDED = """
    SELECT COALESCE(o.name, 'Nothing: leave them in peace') AS benefit, COUNT(*) AS customers,
        AVG(d.value_customer)::DECIMAL(18, 2) AS to_customer, AVG(d.value_company)::DECIMAL(18, 2) AS to_company
    FROM latest_decisions AS d
    LEFT JOIN offers AS o USING (offer_id)
    GROUP BY ALL
    ORDER BY customers DESC
    LIMIT 8
"""
# The clearest decision of three kinds: of the two benefits chosen most, and of leaving somebody in peace.
_EXAMPLES = """
    WITH sizes AS (
        SELECT *, COUNT(*) OVER (PARTITION BY offer_id) AS size
        FROM latest_decisions
    ),
    clearest AS (
        SELECT *
        FROM sizes
        QUALIFY row_number() OVER (PARTITION BY offer_id ORDER BY score DESC, customer_id) = 1
    ),
    ranked AS (
        SELECT *, row_number() OVER (PARTITION BY offer_id = 'nothing' ORDER BY size DESC, offer_id) AS place
        FROM clearest
    )
    SELECT r.* EXCLUDE (size, place), p.anchor
    FROM ranked AS r
    JOIN profiles AS p USING (customer_id)
    WHERE r.place <= 2
    ORDER BY r.offer_id = 'nothing', r.place
"""
_TABLES = {
    "What came in": "came_in",
    "On which channels": "channels",
    "What was refused, and why": "refused",
    "Who the customers are": "customers",
    "How they like to be reached": "preferred_channels",
    "Next best benefits": "decisions",
}
_SENTENCES = 5


def summarise(lake: LakeReader) -> dict[str, Any]:
    """What came in, what was refused, who the customers are, what was decided, three decisions explained."""
    return {
        "came_in": _rows(lake, _CAME_IN),
        "channels": _rows(lake, _CHANNELS),
        "refused": _rows(lake, _REFUSED),
        "customers": _rows(lake, _CUSTOMERS),
        "preferred_channels": _rows(lake, _PREFERRED),
        "decisions": _rows(lake, _DECIDED),
        "examples": [
            {"customer": row["anchor"], "sentences": list(explain(row).sentences)} for row in _rows(lake, _EXAMPLES)
        ],
        "redemptions": lake.execute("SELECT COUNT(*) FROM outcomes").fetchall()[0][0],
    }


def tell_summary(found: dict[str, Any], rapport: str) -> None:
    """The summary for people, ending with what to type next; `rapport` begins each command."""
    for title, name in _TABLES.items():
        rows = found[name]
        if rows:
            table(title, [column.replace("_", " ") for column in rows[0]], [list(row.values()) for row in rows])
    say_wrapped(f"{found['redemptions']:,} coupons came back: the outcomes that the response model learnt from.")
    say()
    say("Three decisions")
    for example in found["examples"]:
        say(f"  {example['customer']}")
        for sentence in example["sentences"][:_SENTENCES]:
            say_wrapped(sentence, indent=4)
    say()
    say("Next, type")
    for command in _next_commands(found):
        say(f"  {rapport} {command}")


def _next_commands(found: dict[str, Any]) -> list[str]:
    customer = found["examples"][0]["customer"] if found["examples"] else "KIND:VALUE"
    return [
        f"profile {shlex.quote(customer)}",
        "profile household_id:900",
        'sql "SELECT preferred_channel, COUNT(*) FROM profiles GROUP BY ALL"',
        "tables   # what can be asked",
        "run      # nothing is new, so nothing is done",
    ]


def _rows(lake: LakeReader, query: str) -> list[dict[str, Any]]:
    return records(lake.sql(query))
