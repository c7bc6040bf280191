"""Components and the greedy pass on plain arrays."""

import numpy as np

from pipelines.resolve.components import Nodes, accept_in_order, component_anchors, in_conflict


def nodes(*numbers: int) -> Nodes:
    return np.array(numbers, dtype=np.int64)


def test_the_anchor_of_a_component_is_its_smallest_node() -> None:
    found = component_anchors(6, nodes(5, 3, 2), nodes(3, 1, 4))
    assert found.tolist() == [0, 1, 2, 1, 2, 1]


def test_nodes_without_links_are_their_own_component() -> None:
    assert component_anchors(3, nodes(), nodes()).tolist() == [0, 1, 2]


def test_only_components_with_too_many_of_a_group_are_in_conflict() -> None:
    anchors, groups = nodes(0, 0, 2, 2, 4, 4, 4), nodes(0, 0, 0, 1, 1, 1, 0)
    assert in_conflict(anchors, groups, nodes(1, 2)).tolist() == [0, 1]


def test_nobody_is_in_conflict_where_there_is_nobody() -> None:
    assert in_conflict(nodes(), nodes(), nodes()).tolist() == []


def test_a_link_between_two_accounts_is_refused_and_the_next_is_still_accepted() -> None:
    found = accept_in_order(nodes(0, 1, 1), nodes(2, 2, 3), nodes(0, 0, 1, 1), nodes(1, 5))
    assert found.tolist() == [0, 1, 0, 1]


def test_limits_of_different_groups_are_kept_together() -> None:
    found = accept_in_order(nodes(0, 2, 3), nodes(1, 3, 0), nodes(0, 1, 2, 1), nodes(1, 1, 5))
    assert found.tolist() == [0, 0, 2, 2]


def test_a_limit_of_two_lets_the_third_out() -> None:
    found = accept_in_order(nodes(0, 0, 0), nodes(1, 2, 3), nodes(0, 1, 1, 1), nodes(1, 2))
    assert found.tolist() == [0, 0, 0, 3]
