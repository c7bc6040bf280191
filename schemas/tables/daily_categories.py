"""Exact rollup of interactions per anchor, day and category."""

from schemas.table import DATE, LONG, SUM, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="anchor identifier, day (UTC), category and event name",
    columns=(
        Column("anchor", TEXT, "KIND:VALUE", nullable=False),
        Column("day", DATE, "UTC day of occurred_at", nullable=False),
        Column("category", TEXT, "category of the product", nullable=False),
        Column("event_name", TEXT, "event name", nullable=False),
        Column("interaction_count", LONG, "interactions or order lines", nullable=False),
        Column("amount", SUM, "sum of amounts in the base currency"),
        Column(
            "unconverted_count",
            LONG,
            "amounts in other currencies without a rate, left out of amount",
            nullable=False,
        ),
        Column("quantity", SUM, "sum of units"),
        Column("commit_seq", LONG, "commit that last touched it", nullable=False),
    ),
    key=("anchor", "day", "category", "event_name"),
    sorted_by=("anchor", "day"),
    erasure=(Erasure("anchor", "anchor"),),
)
