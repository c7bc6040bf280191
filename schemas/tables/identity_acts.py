"""What people decide about identity: links, tombstones of links, holds; append-only."""

from schemas.table import INSTANT, LONG, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="act of a person on identity; of several on one pair, or on one held identifier, the latest "
    "by (acted_at, act_id) counts",
    columns=(
        Column("act_id", TEXT, "SHA-256 prefix over what is said and acted_at", nullable=False),
        Column(
            "act",
            TEXT,
            "link: the two are one customer; unlink: no evidence of any rule links them until a later link; "
            "hold: the customer waits for review; release: no more",
            nullable=False,
            values=("link", "unlink", "hold", "release"),
        ),
        Column("left_identifier", TEXT, "KIND:VALUE, the smaller of a pair; or the held one", nullable=False),
        Column("right_identifier", TEXT, "KIND:VALUE, the greater of a pair; NULL for hold and release"),
        Column("valid_from", INSTANT, "from which UTC midnight (event time) a link holds; NULL since ever"),
        Column(
            "valid_to",
            INSTANT,
            "until which UTC midnight (event time) it holds; NULL still; valid_from itself where one for some days was "
            "taken back",
        ),
        Column("reason", TEXT, "why, in the words of who acted"),
        Column("acted_by", TEXT, "name, role or code of who acted; NULL if they did not say"),
        Column("acted_at", INSTANT, "when", nullable=False),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("act_id",),
    sorted_by=("left_identifier",),
    erasure=(
        Erasure("left_identifier", "identifier"),
        Erasure("right_identifier", "identifier"),
    ),
)
