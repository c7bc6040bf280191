"""How a customer answers on each channel."""

from schemas.table import FLAG, INTEGER, LONG, REAL, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="customer x channel",
    columns=(
        Column("customer_id", TEXT, "id of the customer", nullable=False),
        Column("channel", TEXT, "channel", nullable=False),
        Column("contact_count", LONG, "contacts delivered", nullable=False),
        Column("response_count", LONG, "contacts answered by the person", nullable=False),
        Column("decayed_contacts", REAL, "contacts with forward decay", nullable=False),
        Column("decayed_responses", REAL, "answers with forward decay", nullable=False),
        Column("response_rate", REAL, "Beta-Binomial estimate", nullable=False),
        Column("rate_low", REAL, "lower bound, 90 % interval", nullable=False),
        Column("rate_high", REAL, "upper bound, 90 % interval", nullable=False),
        Column("is_opted_out", FLAG, "marketing denied on this channel", nullable=False),
        Column("best_hour", INTEGER, "UTC hour with the best rate per contact; NULL unknown"),
        Column("commit_seq", LONG, "commit that last changed it", nullable=False),
    ),
    key=("customer_id", "channel"),
    sorted_by=("customer_id",),
    erasure=(Erasure("customer_id", "customer_id"),),
)
