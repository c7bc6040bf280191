"""What an erasure keeps out: keyed digests of the erased events and of identifiers that were the person's alone."""

from schemas.table import INSTANT, LONG, TEXT, Column, Table

TABLE = Table(
    doc="erased event, or identifier of an erased person, that must not come in again",
    columns=(
        Column("suppression_id", TEXT, "SHA-256 prefix over erasure, kind and digest", nullable=False),
        Column("kind", TEXT, "what was digested", nullable=False, values=("interaction", "identifier")),
        Column(
            "digest",
            TEXT,
            "keyed SHA-256 (64 hex digits) of the interaction_id or of KIND:VALUE; the key lies in the home",
            nullable=False,
        ),
        Column("until_at", INSTANT, "events up to here are kept out; NULL: always"),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("suppression_id",),
    sorted_by=("digest",),
)
