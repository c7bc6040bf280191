"""What is known of a customer: wide and typed; traits add the columns."""

from schemas.table import INSTANT, LONG, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="customer",
    columns=(
        Column("customer_id", TEXT, "id of the customer", nullable=False),
        Column("anchor", TEXT, "KIND:VALUE of the best identifier", nullable=False),
        Column("identifier_count", LONG, "identifiers of this customer", nullable=False),
        Column("as_of", INSTANT, "profiled up to here", nullable=False),
        Column("commit_seq", LONG, "commit that last changed it", nullable=False),
    ),
    key=("customer_id",),
    sorted_by=("customer_id",),
    erasure=(Erasure("customer_id", "customer_id"),),
    grows=True,
)
