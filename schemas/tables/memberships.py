"""Who belongs to which group, when and in which role."""

from schemas.table import INSTANT, LONG, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="customer x group x span of time in one role; the spans of a customer in a group do not overlap",
    columns=(
        Column("customer_id", TEXT, "id of the customer", nullable=False),
        Column("group_id", TEXT, "KIND:VALUE of the group", nullable=False),
        Column("valid_from", INSTANT, "from when on", nullable=False),
        Column("valid_to", INSTANT, "until when; NULL: still"),
        Column("role", TEXT, "role in the group; NULL: not known"),
        Column("rule", TEXT, "stated, or the rule of [groups] that found it", nullable=False),
        Column("identifier", TEXT, "KIND:VALUE of the customer that the evidence names", nullable=False),
        Column("evidence", TEXT, "interaction_id; of a rule that reads identifiers the identifier", nullable=False),
        Column("stated_at", INSTANT, "when the evidence was seen first", nullable=False),
        Column("commit_seq", LONG, "commit that last changed it", nullable=False),
    ),
    key=("customer_id", "group_id", "valid_from"),
    sorted_by=("customer_id",),
    erasure=(Erasure("customer_id", "customer_id"), Erasure("identifier", "identifier")),
)
