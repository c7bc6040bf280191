"""Evidence that two identifiers belong together; append-only."""

from schemas.table import INSTANT, LONG, REAL, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="evidence that two identifiers belong together",
    columns=(
        Column("link_id", TEXT, "SHA-256 prefix over both identifiers, rule and event", nullable=False),
        Column("left_identifier", TEXT, "KIND:VALUE, the smaller of the two", nullable=False),
        Column("right_identifier", TEXT, "KIND:VALUE, the greater", nullable=False),
        Column("rule", TEXT, "rule that found it", nullable=False),
        Column("confidence", REAL, "0 to 1", nullable=False),
        Column("occurred_at", INSTANT, "when the evidence happened", nullable=False),
        Column("interaction_id", TEXT, "the event behind it"),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("link_id",),
    sorted_by=("left_identifier",),
    erasure=(
        Erasure("left_identifier", "identifier"),
        Erasure("right_identifier", "identifier"),
    ),
)
