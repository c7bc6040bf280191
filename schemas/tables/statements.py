"""What people state about themselves in `identify` calls."""

from schemas.table import INSTANT, LONG, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="trait that an `identify` call states",
    columns=(
        Column("statement_id", TEXT, "SHA-256 prefix over the call and the name of the trait", nullable=False),
        Column("interaction_id", TEXT, "the call", nullable=False),
        Column("anchor", TEXT, "KIND:VALUE of the person", nullable=False),
        Column("name", TEXT, "name of the trait, as it was sent", nullable=False),
        Column("value", TEXT, "what was said: a text as it is, anything else as JSON", nullable=False),
        Column("stated_at", INSTANT, "when it was said", nullable=False),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("statement_id",),
    sorted_by=("anchor",),
    erasure=(Erasure("anchor", "anchor"),),
)
