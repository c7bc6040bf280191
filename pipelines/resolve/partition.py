"""Which identifiers are one customer: the rules, as one pure function on arrays.

A tie is accepted in its order unless a customer would hold more of a kind than it may. Ties of an identifier that two
or more customers claim are taken out, and the pass is made again, until nothing is claimed by two: such an identifier
is a customer of its own, and nothing is guessed. An identifier of too many ties links nothing from the start. Of a
component that is too large, and of a customer that a person holds, only ties with an account id stand. What a
person ties holds against all of this but the limits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipelines.resolve.components import Flags, Nodes, accept_in_order, component_anchors, in_conflict

# What a tie rests on, in the order in which ties are accepted.
ACT, EVIDENCE, PROPOSAL = 0, 1, 2

MEMBER, OWN, EXPLICIT = 0, 1, 2
RELATIONS = ("member", "own", "explicit")


@dataclass(frozen=True)
class Facts:
    """The nodes, in the order in which they may be an anchor.

    `groups[node]` is the number of its kind and period, `limits[group]` how many of it a customer may hold. Crowded is
    an identifier of too many ties; held and released are what a person said of it last.
    """

    groups: Nodes
    limits: Nodes
    is_account: Flags
    is_crowded: Flags
    is_held: Flags
    is_released: Flags


@dataclass(frozen=True)
class Ties:
    """Pairs of nodes, and what each rests on (ACT, EVIDENCE, PROPOSAL)."""

    left: Nodes
    right: Nodes
    basis: Nodes

    def where(self, chosen: Flags) -> "Ties":
        """Those that are chosen."""
        return Ties(self.left[chosen], self.right[chosen], self.basis[chosen])

    @property
    def is_act(self) -> Flags:
        """Which of them a person made."""
        return np.asarray(self.basis == ACT)

    def are_of(self, flags: Flags) -> Flags:
        """Which of them have an end with the flag."""
        return np.asarray(flags[self.left] | flags[self.right])


@dataclass(frozen=True)
class Decision:
    """The anchor of each node's customer, how it belongs to it (index of RELATIONS), and what was found on the way.

    `is_shared` are nodes that two or more customers claim, `oversized` is the number of components over the size limit,
    `refused` that of distinct pairs whose tie was refused: its ends are two customers.
    """

    anchors: Nodes
    relations: Nodes
    is_shared: Flags
    oversized: int
    refused: int


def decide(facts: Facts, ties: Ties, in_order: Callable[[Nodes], Ties], size_limit: int) -> Decision:
    """The customers of the nodes. `in_order` gives the ties of some nodes in the order of acceptance.

    These are ACT, the newest first, EVIDENCE by (occurred_at, link_id), PROPOSAL, the most probable first. The nodes
    asked for are whole components, ascending.
    """
    is_oversized, oversized = _oversized(facts, ties, size_limit)
    ties = ties.where(_stands(facts, ties, is_oversized))
    anchors = component_anchors(len(facts.groups), ties.left, ties.right)
    is_shared = np.zeros(len(anchors), dtype=bool)
    contested = in_conflict(anchors, facts.groups, facts.limits)
    if len(contested):
        ordered = in_order(contested)
        ordered = ordered.where(_stands(facts, ordered, is_oversized))
        local = Ties(np.searchsorted(contested, ordered.left), np.searchsorted(contested, ordered.right), ordered.basis)
        found, shared = _accept(local, facts.groups[contested], facts.limits)
        anchors[contested], is_shared[contested] = contested[found], shared
    if facts.is_held.any():
        anchors = _split_held(facts, ties.where(~ties.are_of(is_shared) | ties.is_act), anchors)
    relations = _relations(facts, ties, anchors, is_shared)
    return Decision(anchors, relations, is_shared, oversized, _refused(ties, anchors))


def _oversized(facts: Facts, ties: Ties, size_limit: int) -> tuple[Flags, int]:
    """Nodes of components of more than `size_limit` nodes, unless one of them is released; and how many these are."""
    standing = ties.where(~ties.are_of(facts.is_crowded) | ties.is_act)
    anchors = component_anchors(len(facts.groups), standing.left, standing.right)
    is_large = np.bincount(anchors, minlength=len(anchors)) > size_limit
    is_large[anchors[facts.is_released]] = False
    return np.asarray(is_large[anchors]), int(is_large.sum())


def _stands(facts: Facts, ties: Ties, is_oversized: Flags) -> Flags:
    """Ties that are not left out from the start."""
    is_weak = is_oversized[ties.left] & ~ties.are_of(facts.is_account)
    return np.asarray(ties.is_act | ~(ties.are_of(facts.is_crowded) | is_weak))


def _accept(ties: Ties, groups: Nodes, limits: Nodes) -> tuple[Nodes, Flags]:
    """The anchors of nodes in conflict, and which of them two or more customers claim."""
    is_shared = np.zeros(len(groups), dtype=bool)
    while True:
        kept = ties.where(~ties.are_of(is_shared) | ties.is_act)
        anchors = accept_in_order(kept.left, kept.right, groups, limits)
        is_claimed = _claimed_by_several(kept, anchors, groups, limits)
        if not is_claimed.any():
            return anchors, is_shared
        is_shared |= is_claimed


def _claimed_by_several(ties: Ties, anchors: Nodes, groups: Nodes, limits: Nodes) -> Flags:
    """Nodes that evidence ties to better nodes of several customers, and no person to one of them.

    Two values of which a customer may hold one claim nothing of each other.
    """
    better, worse = np.minimum(ties.left, ties.right), np.maximum(ties.left, ties.right)
    is_either = (groups[better] == groups[worse]) & (limits[groups[worse]] == 1)
    claims = (ties.basis == EVIDENCE) & ~is_either
    pairs = np.unique(worse[claims] * len(anchors) + anchors[better[claims]]) // max(len(anchors), 1)
    is_claimed = np.bincount(pairs, minlength=len(anchors)) > 1
    is_claimed[worse[ties.is_act & (anchors[better] == anchors[worse])]] = False
    return np.asarray(is_claimed)


def _split_held(facts: Facts, ties: Ties, anchors: Nodes) -> Nodes:
    """Leave customers with a held node only their ties with an account id."""
    is_held = np.isin(anchors, anchors[facts.is_held])
    is_inside = anchors[ties.left] == anchors[ties.right]
    kept = ties.where(is_inside & (~is_held[ties.left] | ties.are_of(facts.is_account) | ties.is_act))
    return component_anchors(len(anchors), kept.left, kept.right)


def _relations(facts: Facts, ties: Ties, anchors: Nodes, is_shared: Flags) -> Nodes:
    relations = np.where(facts.is_crowded | is_shared, OWN, MEMBER)
    given = ties.where(ties.is_act & (anchors[ties.left] == anchors[ties.right]))
    relations[np.maximum(given.left, given.right)] = EXPLICIT
    return np.asarray(relations, dtype=np.int64)


def _refused(ties: Ties, anchors: Nodes) -> int:
    refused = ties.where(anchors[ties.left] != anchors[ties.right])
    return len(np.unique(np.sort(np.stack([refused.left, refused.right]), axis=0), axis=1).T)
