"""Records that did not pass, with reason and pointer."""

from schemas.table import INSTANT, INTEGER, LONG, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="record that did not pass",
    columns=(
        Column(
            "rejection_id",
            TEXT,
            "SHA-256 prefix over file, row, element and reason",
            nullable=False,
        ),
        Column("connector", TEXT, "connector that read it", nullable=False),
        Column("source", TEXT, "system that it comes from", nullable=False),
        Column("reason_code", TEXT, "short name of the reason", nullable=False),
        Column(
            "reason",
            TEXT,
            "what is wrong and how to mend it; never quotes the payload",
            nullable=False,
        ),
        Column("stage", TEXT, "stage that refused it", nullable=False, values=("collect", "validate")),
        Column("file_id", TEXT, "landing file", nullable=False),
        Column(
            "row_number",
            LONG,
            "line or row in that file, from 1; 0 for the file as a whole",
            nullable=False,
        ),
        Column("element", INTEGER, "element of that row, from 0", nullable=False),
        Column("rejected_at", INSTANT, "when it was refused", nullable=False),
        Column("batch_id", TEXT, "batch", nullable=False),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("rejection_id",),
    erasure=(Erasure("file_id", "landing"),),
)
