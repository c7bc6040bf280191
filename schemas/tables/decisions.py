"""Decisions taken, also nothing, with everything needed to recompute them."""

from schemas.table import INSTANT, JSON, LONG, REAL, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="decision for a customer",
    columns=(
        Column(
            "decision_id",
            TEXT,
            "SHA-256 prefix over customer, policy version, seed, as_of, and revision where that is not 0",
            nullable=False,
        ),
        Column("customer_id", TEXT, "id of the customer", nullable=False),
        Column("decided_as_of", INSTANT, "knowledge up to here", nullable=False),
        Column("offer_id", TEXT, "the benefit chosen, or nothing", nullable=False),
        Column("channel", TEXT, "channel chosen; NULL with nothing"),
        Column("reason", TEXT, "why, in words", nullable=False),
        Column("score", REAL, "score of the chosen candidate", nullable=False),
        Column("propensity", REAL, "probability with which it was chosen", nullable=False),
        Column("value_customer", REAL, "expected worth to the customer", nullable=False),
        Column("value_company", REAL, "expected worth to the company", nullable=False),
        Column("p1", REAL, "probability of the result with it", nullable=False),
        Column("p0", REAL, "probability of the result without it", nullable=False),
        Column("terms", JSON, "every factor of the score", nullable=False),
        Column("candidates", JSON, "each candidate with score, propensity and terms", nullable=False),
        Column("gates", JSON, "each candidate that was dropped, with gate and reason", nullable=False),
        Column(
            "policy_version",
            TEXT,
            "SHA-256 prefix over catalogue, settings, rules and artefacts",
            nullable=False,
        ),
        Column("seed", LONG, "seed of the keyed hash", nullable=False),
        Column(
            "revision",
            LONG,
            "how often it was taken again, as it rested on an identifier that is somebody else's; NULL or 0: never",
        ),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("decision_id",),
    sorted_by=("decided_as_of", "customer_id"),
    erasure=(Erasure("customer_id", "customer_id"),),
)
