"""Copies of events that lost."""

from schemas.interaction import COLUMNS
from schemas.table import LONG, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="copy of an event that lost against another copy, and span of commits in which it had won",
    columns=(
        *COLUMNS,
        Column(
            "content_sha256",
            TEXT,
            "digest of what the source said; copies that say the same are one",
            nullable=False,
        ),
        Column(
            "commit_from",
            LONG,
            "commit that published this copy as the winner; NULL if it never won (kept once)",
        ),
        Column("commit_to", LONG, "commit at which it lost", nullable=False),
    ),
    key=("interaction_id", "content_sha256", "commit_to"),
    sorted_by=("interaction_id",),
    erasure=(Erasure("anchor", "anchor"),),
)
