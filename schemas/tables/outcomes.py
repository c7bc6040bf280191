"""What followed an offer or a decision."""

from schemas.table import INSTANT, LONG, MONEY, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="answer to an offer or decision",
    columns=(
        Column("outcome_id", TEXT, "the interaction behind it", nullable=False),
        Column("anchor", TEXT, "KIND:VALUE of the person"),
        Column("event_name", TEXT, "what happened, e.g. coupon_redeemed", nullable=False),
        Column("channel", TEXT, "channel", nullable=False),
        Column("occurred_at", INSTANT, "when", nullable=False),
        Column("offer_id", TEXT, "offer"),
        Column("campaign_id", TEXT, "campaign"),
        Column("decision_id", TEXT, "decision, where the source names it"),
        Column("contact_id", TEXT, "contact that carried the offer"),
        Column("amount", MONEY, "amount in currency"),
        Column("currency", TEXT, "ISO 4217 code"),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("outcome_id",),
    sorted_by=("occurred_at",),
    erasure=(Erasure("anchor", "anchor"),),
)
