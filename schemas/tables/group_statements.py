"""What events say about groups of people: who belongs to one, in which role, what it is like."""

from schemas.table import FLAG, INSTANT, JSON, LONG, TEXT, Column, Erasure, Table

TABLE = Table(
    doc="event that says of a person to belong to a group, or to have left it, or what the group is like",
    columns=(
        Column("interaction_id", TEXT, "the event", nullable=False),
        Column("anchor", TEXT, "KIND:VALUE of the person; NULL: it speaks of the group alone"),
        Column("group_id", TEXT, "KIND:VALUE of the group", nullable=False),
        Column("is_member", FLAG, "false: the person has left", nullable=False),
        Column("role", TEXT, "role of the person in the group; NULL: not said"),
        Column("valid_from", INSTANT, "from when on it holds", nullable=False),
        Column("valid_to", INSTANT, "until when, as it was said; NULL: until another statement"),
        Column("traits", JSON, "object of what the group is like; NULL: nothing was said"),
        Column("stated_at", INSTANT, "when it was said", nullable=False),
        Column("commit_seq", LONG, "commit that published it", nullable=False),
    ),
    key=("interaction_id",),
    sorted_by=("anchor",),
    erasure=(Erasure("anchor", "anchor"),),
)
