"""Exact rollup of interactions per anchor and day."""

from schemas.table import DATE, INSTANT, LONG, SUM, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="anchor identifier, day (UTC), channel and event name",
    columns=(
        Column("anchor", TEXT, "KIND:VALUE", nullable=False),
        Column("day", DATE, "UTC day of occurred_at", nullable=False),
        Column("channel", TEXT, "channel", nullable=False),
        Column("event_name", TEXT, "event name", nullable=False),
        Column("interaction_count", LONG, "interactions, machines included", nullable=False),
        Column("machine_count", LONG, "interactions that a machine did", nullable=False),
        Column("amount", SUM, "sum of amounts in the base currency"),
        Column(
            "unconverted_count",
            LONG,
            "amounts in other currencies without a rate, left out of amount",
            nullable=False,
        ),
        Column("quantity", SUM, "sum of units"),
        Column("first_at", INSTANT, "earliest occurred_at", nullable=False),
        Column("last_at", INSTANT, "latest occurred_at", nullable=False),
        Column("commit_seq", LONG, "commit that last touched it", nullable=False),
    ),
    key=("anchor", "day", "channel", "event_name"),
    sorted_by=("anchor", "day"),
    erasure=(Erasure("anchor", "anchor"),),
)
