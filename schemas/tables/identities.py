"""Which customer an identifier belongs to, by valid and by known time."""

from schemas.table import INSTANT, LONG, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="identifier -> customer, for a span of event time as known for a span of commits",
    columns=(
        Column("identifier", TEXT, "KIND:VALUE", nullable=False),
        Column("kind", TEXT, "kind of identifier", nullable=False),
        Column("value", TEXT, "its value, normalised", nullable=False),
        Column(
            "customer_id",
            TEXT,
            "SHA-256 prefix over kind and value of the component anchor",
            nullable=False,
        ),
        Column(
            "first_seen_at",
            INSTANT,
            "earliest interaction with it; corrected in place by late data",
            nullable=False,
        ),
        Column(
            "relation",
            TEXT,
            "how: one of the customer's identifiers, a customer of its own because two or more claim it or too many "
            "are tied to it, or given by a person",
            values=("member", "own", "explicit"),
        ),
        Column("valid_from", INSTANT, "from when on (event time), a UTC midnight; NULL since ever"),
        Column("valid_to", INSTANT, "until when (event time), a UTC midnight; NULL still"),
        Column("known_from", INSTANT, "when we learnt it", nullable=False),
        Column("known_to", INSTANT, "when we learnt otherwise; NULL is current"),
        Column(
            "commit_seq",
            LONG,
            "commit that wrote the row last: made, corrected or closed it; so the rows above a commit "
            "name every customer that gained or lost an identifier",
            nullable=False,
        ),
    ),
    key=("identifier", "valid_from", "known_from"),
    sorted_by=("identifier",),
    erasure=(Erasure("identifier", "identifier"),),
)
