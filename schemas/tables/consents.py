"""Consent statements, append-only."""

from schemas.table import INSTANT, LONG, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="consent statement: purpose x channel x legal basis x version x time",
    columns=(
        Column(
            "consent_id",
            TEXT,
            "SHA-256 prefix over event, purpose and channel; where events repeat it, over anchor, day and what is said",
            nullable=False,
        ),
        Column("anchor", TEXT, "KIND:VALUE of the person", nullable=False),
        Column("purpose", TEXT, "e.g. marketing", nullable=False),
        Column("channel", TEXT, "channel, or * for all", nullable=False),
        Column("status", TEXT, "what was said", nullable=False, values=("granted", "denied")),
        Column("legal_basis", TEXT, "e.g. consent, objection", nullable=False),
        Column("version", TEXT, "version of the wording"),
        Column("stated_at", INSTANT, "when it was said (last, where events repeat it)", nullable=False),
        Column("heard_at", INSTANT, "when the interaction happened that said it"),
        Column("interaction_id", TEXT, "the evidence", nullable=False),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("consent_id",),
    sorted_by=("anchor",),
    erasure=(Erasure("anchor", "anchor"),),
)
