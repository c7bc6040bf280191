"""What is known of a group: the traits of customers, over all that its members did; traits add the columns."""

from schemas.table import INSTANT, LONG, TEXT, Column, Table

TABLE = Table(
    doc="group with a member who did something",
    columns=(
        Column("group_id", TEXT, "KIND:VALUE of the group", nullable=False),
        Column("member_count", LONG, "customers who belong to it at as_of", nullable=False),
        Column("as_of", INSTANT, "profiled up to here", nullable=False),
        Column("commit_seq", LONG, "commit that last changed it", nullable=False),
    ),
    key=("group_id",),
    sorted_by=("group_id",),
    grows=True,
)
