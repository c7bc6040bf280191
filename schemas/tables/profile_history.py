"""Changes of what profiles say, by valid time and by known time."""

from schemas.table import FLAG, INSTANT, JSON, LONG, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="change of a customer's profile by events; what time alone changes is computed when it is asked for",
    columns=(
        Column("customer_id", TEXT, "id of the customer", nullable=False),
        Column("valid_from", INSTANT, "as_of of the run that found it", nullable=False),
        Column("known_from", INSTANT, "when that run began", nullable=False),
        Column("is_gone", FLAG, "the customer has no profile any more; a later row begins anew", nullable=False),
        Column(
            "traits",
            JSON,
            "object of column: new value, for the columns of `profiles` that events change and that did; null: unknown",
            nullable=False,
        ),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("customer_id", "commit_seq"),
    sorted_by=("customer_id",),
    erasure=(Erasure("customer_id", "customer_id"),),
)
