"""Certificates of erasure, without personal data."""

from schemas.table import INSTANT, LONG, TEXT, Column, Table

TABLE = Table(
    doc="erasure of one or more persons, the certificate",
    columns=(
        Column("erasure_id", TEXT, "random id; all that logs say of the request", nullable=False),
        Column(
            "requested_at", INSTANT, "when it was asked for; suppression holds for events up to here", nullable=False
        ),
        Column("finished_at", INSTANT, "when files and catalog were clean; NULL while that is under way"),
        Column("person_count", LONG, "persons erased", nullable=False),
        Column("identifier_count", LONG, "identifiers that were theirs alone, now suppressed", nullable=False),
        Column(
            "erased_interaction_count",
            LONG,
            "interactions erased; with those that are kept, all that were ever loaded",
            nullable=False,
        ),
        Column("erased_row_count", LONG, "rows erased in all tables, interactions included", nullable=False),
        Column("blanked_record_count", LONG, "records of landing files that became blanks", nullable=False),
        Column("blanked_file_count", LONG, "landing files written again", nullable=False),
        Column(
            "scanned_file_count",
            LONG,
            "files searched for traces afterwards; 0 if the search was left out",
            nullable=False,
        ),
        Column("trace_count", LONG, "files in which a trace was found", nullable=False),
        Column("commit_seq", LONG, "commit that wrote the row last", nullable=False),
    ),
    key=("erasure_id",),
)
