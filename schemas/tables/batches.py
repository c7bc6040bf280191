"""Runs of a stage over landing files, with conservation."""

from schemas.conservation import COUNTS
from schemas.table import INSTANT, LONG, TEXT, Column, Table

TABLE = Table(
    doc="run of a stage over a set of landing files",
    columns=(
        Column("batch_id", TEXT, "id of the batch", nullable=False),
        Column("stage", TEXT, "stage that ran, e.g. collect", nullable=False),
        Column(
            "fingerprint",
            TEXT,
            "digest of what the stage rests on besides data: settings, as_of, artefacts, catalogue",
        ),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
        Column("started_at", INSTANT, "when it began", nullable=False),
        Column("finished_at", INSTANT, "when it was ready to publish", nullable=False),
        *COUNTS,
    ),
    key=("batch_id",),
)
