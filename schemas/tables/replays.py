"""Records that were rejected and read again, with another outcome."""

from schemas.table import INTEGER, LONG, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="rejected record that a replay has read again: as of then it counts as that reading says",
    columns=(
        Column("file_id", TEXT, "landing file", nullable=False),
        Column("row_number", LONG, "line or row in that file, from 1; 0 for the file as a whole", nullable=False),
        Column("element", INTEGER, "element of that row, from 0", nullable=False),
        Column("mapping", TEXT, "the mapping that read it again (TOML), for the table connector"),
        Column("batch_id", TEXT, "batch of the replay", nullable=False),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("file_id", "row_number", "element"),
    sorted_by=("file_id",),
    erasure=(Erasure("file_id", "landing"),),
)
