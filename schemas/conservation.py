"""The five counts of conservation: received = loaded + duplicate + rejected + suppressed."""

from schemas.table import LONG, Column

COUNTS = (
    Column("received_count", LONG, "records that the files held", nullable=False),
    Column("loaded_count", LONG, "records whose key was first seen", nullable=False),
    Column(
        "duplicate_count",
        LONG,
        "copies of a key that was seen before, corrections included",
        nullable=False,
    ),
    Column("rejected_count", LONG, "records that did not pass", nullable=False),
    Column(
        "suppressed_count",
        LONG,
        "records kept out because their person was erased",
        nullable=False,
    ),
)
