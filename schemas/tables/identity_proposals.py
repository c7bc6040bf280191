"""Pairs of customers that a model takes for one person, one row a pair: rewritten where its score changes."""

from schemas.table import INSTANT, JSON, LONG, REAL, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="pair of customers that may be one person, as a model scores their profile attributes",
    columns=(
        Column("proposal_id", TEXT, "SHA-256 prefix over the pair and the model", nullable=False),
        Column(
            "left_identifier", TEXT, "KIND:VALUE that anchors one customer's attributes, the smaller", nullable=False
        ),
        Column("right_identifier", TEXT, "KIND:VALUE that anchors the other's, the greater", nullable=False),
        Column("probability", REAL, "that both are one person, 0 to 1", nullable=False),
        Column("match_weight", REAL, "log2 of the odds, the prior included", nullable=False),
        Column("waterfall", JSON, "list of {comparison, level, match_weight}; the weights add up", nullable=False),
        Column("model_version", TEXT, "version of the artefact identity_model, 0 for the shipped one", nullable=False),
        Column("proposed_at", INSTANT, "when it was scored", nullable=False),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("proposal_id",),
    sorted_by=("left_identifier",),
    erasure=(
        Erasure("left_identifier", "identifier"),
        Erasure("right_identifier", "identifier"),
    ),
)
