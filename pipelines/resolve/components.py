"""Connected components of links, and the greedy pass where a component holds two accounts of one kind.

Nodes are numbered 0..n-1 in the order in which they may be an anchor, so the anchor of a component is its
smallest node. Pure functions on numpy arrays; `accounts[node]` is the index of the node's account kind, or -1
where its kind has no limit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Nodes = NDArray[np.int64]

NO_LIMIT = -1


@dataclass(frozen=True)
class Partition:
    """The anchor of each node, and how many distinct pairs of nodes had their link refused."""

    anchors: Nodes
    refused: int


def component_anchors(count: int, left: Nodes, right: Nodes) -> Nodes:
    """The smallest node of each node's component, by the links `left[i]` - `right[i]`; shape (count,)."""
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], dtype=np.int64)


def in_conflict(anchors: Nodes, accounts: Nodes) -> Nodes:
    """The nodes, ascending, of components that hold two accounts of one kind."""
    limited = np.flatnonzero(accounts != NO_LIMIT)
    kinds = int(accounts.max(initial=0)) + 1
    held, counts = np.unique(anchors[limited] * kinds + accounts[limited], return_counts=True)
    return np.flatnonzero(np.isin(anchors, held[counts > 1] // kinds))


def accept_in_order(left: Nodes, right: Nodes, accounts: Nodes) -> Partition:
    """Accept the links one by one, in the given order, unless one would join two accounts of one kind.

    A union-find whose root is always the smaller node, with path halving. Only for components in conflict: a
    Python loop, about 1 microsecond a link.
    """
    parents = list(range(len(accounts)))
    held = [{} if kind == NO_LIMIT else {kind: node} for node, kind in enumerate(accounts.tolist())]
    refused: set[tuple[int, int]] = set()
    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        low, high = sorted((_root(parents, one), _root(parents, other)))
        if low == high:
            continue
        if any(held[low].get(kind, node) != node for kind, node in held[high].items()):
            refused.add((one, other))
        else:
            parents[high] = low
            held[low].update(held[high])
    anchors = np.array([_root(parents, node) for node in range(len(parents))], dtype=np.int64)
    return Partition(anchors, len(refused))


def _root(parents: list[int], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node
