"""One round of finding connected components, on the neighbours of one node (Kiveris et al. 2014).

A large star followed by a small star keeps what is connected and brings every node nearer to the smallest of its
component; when nothing changes any more, each node has one edge, to that smallest. The number of rounds grows with the
square of the logarithm of the nodes at most, and is 2 or 3 for components of dozens.
"""

from collections.abc import Iterable, Iterator

Edge = tuple[str, str]


def both_ways(edge: Edge) -> Iterator[Edge]:
    """An edge from each of its ends, for the large star."""
    yield edge
    yield edge[::-1]


def downwards(edge: Edge) -> Edge:
    """An edge from its greater end, for the small star."""
    return (max(edge), min(edge))


def large_star(node: str, neighbours: Iterable[str]) -> Iterator[Edge]:
    """Tie the greater neighbours to the smallest of all."""
    found = set(neighbours)
    smallest = min(found | {node})
    for other in sorted(found):
        if other > node:
            yield (other, smallest)


def small_star(node: str, neighbours: Iterable[str]) -> Iterator[Edge]:
    """Tie the node and its neighbours, which are all smaller, to the smallest."""
    found = {*neighbours, node}
    smallest = min(found)
    for other in sorted(found - {smallest}):
        yield (other, smallest)
