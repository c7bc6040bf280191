"""The health of a component: how large it is, how much hangs by one thread, who has most ties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.identity.ties import Tie, by_end


@dataclass(frozen=True)
class Health:
    """Identifiers of a customer and the pairs tied between them; `bridges` are those without which it would fall apart.

    `busiest` is the identifier with the most ties (None without any), `highest_degree` their number.
    """

    identifiers: int
    links: int
    bridges: list[tuple[str, str]]
    highest_degree: int
    busiest: str | None


def health_of(identifiers: Sequence[str], ties: Sequence[Tie]) -> Health:
    """The health of the identifiers of one customer under the ties that stand between them."""
    ends = by_end(ties)
    degrees = {identifier: len(found) for identifier, found in ends.items()}
    busiest = min(degrees, key=lambda identifier: (-degrees[identifier], identifier), default=None)
    return Health(len(identifiers), len(ties), bridges(ties), degrees[busiest] if busiest is not None else 0, busiest)


def bridges(ties: Sequence[Tie]) -> list[tuple[str, str]]:
    """The pairs without which their two ends would hang together by nothing, in order.

    Two passes over a tree made depth first (Tarjan 1974): a tie of the tree is a bridge if no other tie leads from
    below it to above it.
    """
    ends = by_end(ties)
    tree = _depth_first(ends)
    order = {identifier: place for place, identifier in enumerate(tree)}
    lowest = dict(order)
    for identifier in reversed(tree):
        for tie in ends[identifier]:
            other = tie.other(identifier)
            if tie is not tree[identifier]:
                is_child = tree[other] is tie
                lowest[identifier] = min(lowest[identifier], lowest[other] if is_child else order[other])
    found = [tie for identifier, tie in tree.items() if tie is not None and lowest[identifier] == order[identifier]]
    return sorted((tie.left, tie.right) for tie in found)


def _depth_first(ends: Mapping[str, Sequence[Tie]]) -> dict[str, Tie | None]:
    """The tie by which each identifier is reached, in the order of a walk depth first; None where a walk begins.

    No recursion: chains may be long.
    """
    tree: dict[str, Tie | None] = {}
    for root in ends:
        path: list[tuple[str, Tie | None]] = [(root, None)]
        while path:
            identifier, tie = path.pop()
            if identifier not in tree:
                tree[identifier] = tie
                path += [(each.other(identifier), each) for each in ends[identifier]]
    return tree
