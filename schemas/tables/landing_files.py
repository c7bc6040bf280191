"""Files received, immutable."""

from schemas.conservation import COUNTS
from schemas.table import INSTANT, LONG, TEXT, Column, Table

TABLE = Table(
    doc="file received",
    columns=(
        Column(
            "file_id",
            TEXT,
            "id given when it was received; the same content may be received again",
            nullable=False,
        ),
        Column("connector", TEXT, "connector that reads it", nullable=False),
        Column("source", TEXT, "system that the records come from", nullable=False),
        Column("name", TEXT, "name under which it arrived", nullable=False),
        Column("path", TEXT, "where it lies, relative to the home", nullable=False),
        Column("sha256", TEXT, "digest of its bytes", nullable=False),
        Column("size_bytes", LONG, "its size in bytes", nullable=False),
        Column("mapping", TEXT, "the mapping that reads it (TOML), for the table connector"),
        Column("landed_at", INSTANT, "when it was received", nullable=False),
        Column("batch_id", TEXT, "batch that loaded it", nullable=False),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
        *COUNTS,
    ),
    key=("file_id",),
)
