from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.identity.acts import Act, _in_rows
from flows.identity.health import bridges, health_of
from flows.identity.ties import Tie, by_end, shortest_chain, ties_of
from pipelines.resolve.components import component_anchors
from tests.flows.identity.lakes import AT, SETTINGS, act, lake, propose, tie

PAIRS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] < pair[1]), unique=True, max_size=16
)
A, B, C, D = "email:a", "email:b", "email:c", "email:d"


def ties_from(pairs: Sequence[tuple[int, int]]) -> list[Tie]:
    return [Tie(str(left), str(right), AT, True, None, None) for left, right in pairs]


def components(pairs: Sequence[tuple[int, int]]) -> int:
    left, right = (np.array([pair[end] for pair in pairs], dtype=np.int64) for end in (0, 1))
    return len(set(component_anchors(9, left, right).tolist()))


@settings(max_examples=200, deadline=None)
@given(PAIRS)
def test_a_bridge_is_a_tie_without_which_more_components_would_be(pairs: list[tuple[int, int]]) -> None:
    expected = [pair for pair in pairs if components([each for each in pairs if each != pair]) > components(pairs)]
    assert bridges(ties_from(pairs)) == sorted((str(left), str(right)) for left, right in expected)


@settings(max_examples=200, deadline=None)
@given(PAIRS, st.integers(1, 8))
def test_a_chain_leads_from_start_to_goal_and_no_shorter_one_does(pairs: list[tuple[int, int]], goal: int) -> None:
    ends = by_end(ties_from(pairs))
    found = shortest_chain("0", str(goal), lambda _: ends, 100)
    reached, rounds = {0}, 0
    while goal not in reached and rounds < 9:
        reached |= {pair[1 - end] for pair in pairs for end in (0, 1) if pair[end] in reached}
        rounds += 1
    if goal not in reached:
        assert found is None
        return
    assert found is not None
    assert len(found) == rounds
    at = "0"
    for step in found:
        at = step.other(at)
    assert at == str(goal)


def test_a_chain_is_sought_among_the_nearest_only() -> None:
    ends = by_end(ties_from([(number, number + 1) for number in range(8)]))
    assert shortest_chain("0", "8", lambda _: ends, 4) is None
    assert shortest_chain("0", "8", lambda _: ends, 8) is not None


def test_all_evidence_on_a_pair_is_one_tie_and_the_latest_act_and_model_count() -> None:
    con = lake()
    tie(con, B, A, days=2)
    tie(con, A, B, days=1, rule="alias")
    act(con, "unlink", A, B, days=3)
    act(con, "link", B, C, days=2)
    act(con, "unlink", C, B, days=1)
    propose(con, C, D, 0.2, model="10", days=0)
    propose(con, C, D, 0.9999, model="9", days=1)
    first, second, third = ties_of(con, [B, C])
    assert (first.left, first.right, first.has_event, first.act) == (A, B, True, "unlink")
    assert first.first_at.day == 2
    assert not first.stands(SETTINGS)
    assert (second.act, second.stands(SETTINGS)) == ("link", True)
    assert (third.probability, third.stands(SETTINGS)) == (0.2, False)
    assert [each.left for each in ties_of(con, [D])] == [C]


def test_health_names_the_identifier_with_most_ties() -> None:
    found = health_of(["0", "1", "2", "3"], ties_from([(0, 1), (0, 2), (1, 2), (2, 3)]))
    assert (found.identifiers, found.links, found.busiest, found.highest_degree) == (4, 4, "2", 3)
    assert found.bridges == [("2", "3")]
    assert health_of(["0"], []).busiest is None


def test_a_link_on_no_day_ties_nothing() -> None:
    con = lake()
    act(con, "link", A, B, valid_from=AT, valid_to=AT)
    act(con, "link", B, C, valid_from=AT)
    tie(con, A, B)
    first, second = ties_of(con, [B])
    assert (first.act, first.has_event, second.act) == (None, True, "link")


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (None, "unlink"),
        ({"act": "unlink", "valid_from": None, "valid_to": None}, "unlink"),
        ({"act": "link", "valid_from": None, "valid_to": None}, "unlink"),
        ({"act": "link", "valid_from": AT, "valid_to": AT}, "unlink"),
        ({"act": "link", "valid_from": AT, "valid_to": None}, "link"),
        ({"act": "link", "valid_from": None, "valid_to": AT}, "link"),
    ],
    ids=["nothing", "an unlink", "a link", "a link on no day", "a link from a day on", "a link until a day"],
)
def test_an_unlink_takes_days_back_before_it_is_a_tombstone(last: dict[str, Any] | None, said: str) -> None:
    written = _in_rows(Act("unlink", (A, B), reason="a reason"), last)
    assert (written.act, written.reason) == (said, "a reason")
    assert {written.valid_from, written.valid_to} == ({AT} if said == "link" else {None})
    assert _in_rows(Act("hold", (A,)), last).act == "hold"
