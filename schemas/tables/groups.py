"""Groups of people: organisations, households and others."""

from schemas.table import INSTANT, JSON, LONG, TEXT, Column, Table

TABLE = Table(
    doc="group of people: organisation, household or another kind",
    columns=(
        Column("group_id", TEXT, "KIND:VALUE", nullable=False),
        Column("kind", TEXT, "organisation, household or another word of the sources", nullable=False),
        Column("name", TEXT, "latest name that was stated"),
        Column("traits", JSON, "object of what was stated of it, the latest of each name", nullable=False),
        Column("first_seen_at", INSTANT, "earliest statement or other evidence of it", nullable=False),
        Column("commit_seq", LONG, "commit that last changed it", nullable=False),
    ),
    key=("group_id",),
    sorted_by=("group_id",),
)
