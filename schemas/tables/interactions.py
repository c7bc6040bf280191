"""Validated events, each its winning copy."""

from schemas.interaction import COLUMNS
from schemas.table import LONG, Column, Erasure, Table

TABLE = Table(
    doc="validated event, its winning copy",
    columns=(
        *COLUMNS,
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("interaction_id",),
    sorted_by=("occurred_at",),
    erasure=(Erasure("anchor", "anchor"),),
)
