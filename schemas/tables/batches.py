"""Runs of a stage over landing files, with conservation."""

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
    ),
    key=("batch_id",),
)
