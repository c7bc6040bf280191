"""What travels between workers: small values, sorted by the same rules as on one machine."""

from datetime import datetime
from typing import NamedTuple

from pipelines.resolve.partition import ACT


class Node(NamedTuple):
    """An identifier: when it was first seen, and what a person said of it last."""

    identifier: str
    kind: str
    value: str
    first_seen_at: datetime
    is_held: bool = False
    is_released: bool = False


class Tie(NamedTuple):
    """What ties two identifiers: on what it rests (ACT, EVIDENCE, PROPOSAL), its place in that order, its key.

    `place` is microseconds since 1970 of the evidence, the same below zero of an act, the probability times -1e15 of a
    proposal. Ties of pairs that somebody unlinked are left out.
    """

    left: str
    right: str
    basis: int
    place: int
    tie_id: str


class Place(NamedTuple):
    """Where an identifier belongs: the anchor of its customer, and how (index of RELATIONS)."""

    identifier: str
    anchor: str
    relation: int


def in_order(ties: list[Tie]) -> list[Tie]:
    """The ties in the order of acceptance; of acts of one instant the one of the greatest key comes first."""
    ordered = sorted(ties, key=lambda tie: tie.tie_id)
    acts = sorted((tie for tie in reversed(ordered) if tie.basis == ACT), key=lambda tie: tie.place)
    return acts + sorted((tie for tie in ordered if tie.basis != ACT), key=lambda tie: (tie.basis, tie.place))
