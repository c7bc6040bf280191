"""Components and the greedy pass on plain arrays."""

import numpy as np

from pipelines.resolve.components import NO_LIMIT, Nodes, accept_in_order, component_anchors, in_conflict


def nodes(*numbers: int) -> Nodes:
    return np.array(numbers, dtype=np.int64)


def test_the_anchor_of_a_component_is_its_smallest_node() -> None:
    found = component_anchors(6, nodes(5, 3, 2), nodes(3, 1, 4))
    assert found.tolist() == [0, 1, 2, 1, 2, 1]


def test_nodes_without_links_are_their_own_component() -> None:
    assert component_anchors(3, nodes(), nodes()).tolist() == [0, 1, 2]


def test_only_components_with_two_accounts_of_one_kind_are_in_conflict() -> None:
    anchors, accounts = nodes(0, 0, 2, 2, 4, 4), nodes(0, 0, 0, 1, 1, NO_LIMIT)
    assert in_conflict(anchors, accounts).tolist() == [0, 1]


def test_without_accounts_nothing_is_in_conflict() -> None:
    assert in_conflict(nodes(0, 0), nodes(NO_LIMIT, NO_LIMIT)).tolist() == []


def test_a_link_between_two_accounts_is_refused_and_the_next_is_still_accepted() -> None:
    accounts = nodes(0, 0, NO_LIMIT, NO_LIMIT)
    found = accept_in_order(nodes(0, 1, 1), nodes(2, 2, 3), accounts)
    assert (found.anchors.tolist(), found.refused) == ([0, 1, 0, 1], 1)


def test_a_pair_refused_twice_counts_once() -> None:
    found = accept_in_order(nodes(0, 1, 1), nodes(2, 2, 2), nodes(0, 0, NO_LIMIT))
    assert found.refused == 1


def test_limits_of_different_kinds_are_kept_together() -> None:
    accounts = nodes(0, 1, NO_LIMIT, 1)
    found = accept_in_order(nodes(0, 2, 3), nodes(1, 3, 0), accounts)
    assert (found.anchors.tolist(), found.refused) == ([0, 0, 2, 2], 1)
