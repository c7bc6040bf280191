"""Orders, from whole orders or from lines."""

from schemas.table import INSTANT, LONG, SUM, TEXT, TEXTS, Column, Erasure, Table

TABLE = Table(
    doc="order",
    columns=(
        Column("source", TEXT, "system that the order comes from", nullable=False),
        Column(
            "order_id",
            TEXT,
            "id of the order; an order without one has event: and its event_id",
            nullable=False,
        ),
        Column("anchor", TEXT, "KIND:VALUE of the best identifier on it"),
        Column("anchors", TEXTS, "all anchors of its lines and refunds, sorted; empty where it has none"),
        Column("channel", TEXT, "channel (smallest name where lines differ); NULL while only refunds are known"),
        Column("ordered_at", INSTANT, "earliest occurred_at of its lines; NULL while only refunds are known"),
        Column("completed_at", INSTANT, "latest occurred_at of its lines"),
        Column("first_at", INSTANT, "earliest occurred_at of its lines and refunds", nullable=False),
        Column("last_at", INSTANT, "latest occurred_at of its lines and refunds", nullable=False),
        Column("line_count", LONG, "lines or items", nullable=False),
        Column("amount", SUM, "sum of amounts in the base currency"),
        Column(
            "unconverted_count",
            LONG,
            "amounts in other currencies without a rate, left out of amount",
            nullable=False,
        ),
        Column("quantity", SUM, "sum of units"),
        Column("refunded_amount", SUM, "refunds and cancellations, in the base currency, negative"),
        Column("commit_seq", LONG, "commit that last touched it", nullable=False),
    ),
    key=("source", "order_id"),
    sorted_by=("anchor",),
    erasure=(Erasure("anchor", "anchor"),),
)
