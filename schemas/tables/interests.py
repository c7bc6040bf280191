"""What a customer cares for."""

from schemas.table import LONG, REAL, SUM, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="customer x category",
    columns=(
        Column("customer_id", TEXT, "id of the customer", nullable=False),
        Column("category", TEXT, "category", nullable=False),
        Column("purchase_count", LONG, "lines bought", nullable=False),
        Column("view_count", LONG, "products viewed", nullable=False),
        Column("amount", SUM, "amount spent, base currency"),
        Column("affinity", REAL, "forward-decayed sum of weighted interactions", nullable=False),
        Column("share", REAL, "of this customer's affinities, 0 to 1", nullable=False),
        Column("lift", REAL, "share against popularity, shrunk; 1 is average; NULL: popularity not known"),
        Column("rank", LONG, "1 is the strongest", nullable=False),
        Column("commit_seq", LONG, "commit that last changed it", nullable=False),
    ),
    key=("customer_id", "category"),
    sorted_by=("customer_id",),
    erasure=(Erasure("customer_id", "customer_id"),),
)
