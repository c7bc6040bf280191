"""Contacts of the company with a person: a message, call or letter and what followed."""

from schemas.table import INSTANT, LONG, TEXT, TEXTS, Column, Erasure, Table

TABLE = Table(
    doc="message, call or letter from the company, with the first human answer",
    columns=(
        Column("source", TEXT, "system that the contact comes from", nullable=False),
        Column("contact_id", TEXT, "id of the message, call or letter", nullable=False),
        Column("anchor", TEXT, "KIND:VALUE of the best identifier on it"),
        Column("anchors", TEXTS, "all anchors of its signs and answers, sorted; empty where it has none"),
        Column("channel", TEXT, "channel; NULL while only an answer by another way is known"),
        Column("sent_at", INSTANT, "earliest sign that it went out; NULL if only answers are known"),
        Column("delivered_at", INSTANT, "earliest delivery"),
        Column("failed_at", INSTANT, "earliest bounce or refusal"),
        Column("opened_at", INSTANT, "earliest human opening"),
        Column("responded_at", INSTANT, "earliest human answer: click, reply, redemption, call taken"),
        Column("first_at", INSTANT, "earliest occurred_at of all its signs and answers", nullable=False),
        Column("last_at", INSTANT, "latest occurred_at of all its signs and answers", nullable=False),
        Column("campaign_id", TEXT, "campaign"),
        Column("offer_id", TEXT, "offer that it carried"),
        Column("decision_id", TEXT, "decision that caused it"),
        Column("commit_seq", LONG, "commit that last touched it", nullable=False),
    ),
    key=("source", "contact_id"),
    sorted_by=("anchor",),
    erasure=(Erasure("anchor", "anchor"),),
)
