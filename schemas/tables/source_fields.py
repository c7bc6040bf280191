"""Fields that records of a source have beyond the columns, noted when they are first seen."""

from schemas.table import FLAG, INSTANT, LONG, TEXT, Column, Table

TABLE = Table(
    doc="field of a source's records that no column takes, since it was first seen",
    columns=(
        Column("source", TEXT, "system that the records come from", nullable=False),
        Column("field_name", TEXT, "member of properties (traits.NAME: of traits in them)", nullable=False),
        Column("is_new", FLAG, "the source had sent records without it before", nullable=False),
        Column("first_seen_at", INSTANT, "when the run that saw it first began", nullable=False),
        Column("commit_seq", LONG, "commit that noted it", nullable=False),
    ),
    key=("source", "field_name"),
)
