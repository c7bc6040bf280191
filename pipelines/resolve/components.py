"""Connected components of ties, and the greedy pass where a component would hold more of a kind than a customer may.

Nodes are numbered 0..n-1 in the order in which they may be an anchor, so the anchor of a component is its
smallest node. Pure functions on numpy arrays; `groups[node]` is the number of the node's kind and period, and
`limits[group]` how many nodes of it a customer may hold.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Nodes = NDArray[np.int64]
Flags = NDArray[np.bool_]


def component_anchors(count: int, left: Nodes, right: Nodes) -> Nodes:
    """The smallest node of each node's component, by the ties `left[i]` - `right[i]`; shape (count,)."""
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    components, labels = connected_components(graph, directed=False)
    # Written from the last node to the first, so that the first of each component stays.
    first = np.empty(components, dtype=np.int64)
    first[labels[::-1]] = np.arange(count - 1, -1, -1)
    return np.asarray(first[labels])


def in_conflict(anchors: Nodes, groups: Nodes, limits: Nodes) -> Nodes:
    """The nodes, ascending, of components that hold more nodes of a group than its limit."""
    together = np.flatnonzero(np.bincount(anchors, minlength=len(anchors))[anchors] > limits.min(initial=1))
    kinds = max(len(limits), 1)
    held, counts = np.unique(anchors[together] * kinds + groups[together], return_counts=True)
    return np.flatnonzero(np.isin(anchors, held[counts > limits[held % kinds]] // kinds))


def accept_in_order(left: Nodes, right: Nodes, groups: Nodes, limits: Nodes) -> Nodes:
    """The anchor of each node when ties are accepted one by one, in the given order, within the limits.

    A union-find whose root is always the smaller node, with path halving. Only for components in conflict: a
    Python loop, about 1 microsecond a tie.
    """
    parents = list(range(len(groups)))
    held = [{group: 1} for group in groups.tolist()]
    allowed = limits.tolist()
    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        low, high = sorted((_root(parents, one), _root(parents, other)))
        if low == high:
            continue
        fewer, more = sorted((held[low], held[high]), key=len)
        if all(more.get(group, 0) + count <= allowed[group] for group, count in fewer.items()):
            parents[high] = low
            for group, count in fewer.items():
                more[group] = more.get(group, 0) + count
            held[low] = more
    return np.array([_root(parents, node) for node in range(len(parents))], dtype=np.int64)


def _root(parents: list[int], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node
