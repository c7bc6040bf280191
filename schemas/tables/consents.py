"""Consent statements, append-only."""

from schemas.table import FLAG, INSTANT, LONG, TEXT, Column, Erasure, Table
from schemas.vocabulary import CONSENT_STATUSES

TABLE = Table(
    doc="consent statement: purpose x channel x legal basis x version x time, with its evidence",
    columns=(
        Column(
            "consent_id",
            TEXT,
            "SHA-256 prefix over event, purpose, channel and a legal basis kept apart; where events repeat it, over "
            "anchor, day and what is said",
            nullable=False,
        ),
        Column("anchor", TEXT, "KIND:VALUE of the person", nullable=False),
        Column("purpose", TEXT, "e.g. marketing", nullable=False),
        Column("channel", TEXT, "channel, or * for all", nullable=False),
        Column("status", TEXT, "what was said", nullable=False, values=CONSENT_STATUSES),
        Column("legal_basis", TEXT, "e.g. consent, objection, contract", nullable=False),
        Column("version", TEXT, "version of the wording"),
        Column("stated_at", INSTANT, "when it was said (last, where events repeat it)", nullable=False),
        Column("heard_at", INSTANT, "when the interaction happened that said it"),
        Column("expires_at", INSTANT, "from when on it counts as never granted; NULL: never"),
        Column("is_explicit", FLAG, "the person said it; FALSE: an event repeats a setting, or it was taken as given"),
        Column("interaction_id", TEXT, "the evidence", nullable=False),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("consent_id",),
    sorted_by=("anchor",),
    erasure=(Erasure("anchor", "anchor"),),
)
