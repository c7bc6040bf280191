"""Interactions that a rule over several events marks as a machine's."""

from schemas.engagement import EVERY_LINK, ONE_AGENT
from schemas.table import INSTANT, LONG, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="interaction that a rule over several events marks as a machine's",
    columns=(
        Column("interaction_id", TEXT, "the interaction", nullable=False),
        Column("source", TEXT, "system that the message comes from", nullable=False),
        Column("contact_id", TEXT, "the message", nullable=False),
        Column("anchor", TEXT, "KIND:VALUE under which the interaction counts"),
        Column("channel", TEXT, "channel", nullable=False),
        Column("event_name", TEXT, "what the machine did", nullable=False),
        Column("occurred_at", INSTANT, "when", nullable=False),
        Column("rule", TEXT, "the rule that marks it", nullable=False, values=(EVERY_LINK, ONE_AGENT)),
        Column("commit_seq", LONG, "commit that marked it", nullable=False),
    ),
    key=("interaction_id",),
    sorted_by=("occurred_at",),
    erasure=(Erasure("anchor", "anchor"),),
)
