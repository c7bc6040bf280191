"""The fuzzing itself: it finds what it is for, says how to repeat it, and leaves no connector out."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from pipelines.collect.connectors import connectors
from tests.collect.fuzz.json_mutants import Object, mutated, written
from tests.collect.fuzz.judge import Verdict, demand_neighbours, demand_received, demand_whole, verdicts
from tests.collect.fuzz.odd import Raw, hypothesis_pool
from tests.collect.fuzz.rounds import HangError, fuzz, judged, shortest, within
from tests.collect.fuzz.samples import Pool, lines_of, rows_of
from tests.collect.staged import Staged

NAMES = list(connectors())


@pytest.mark.parametrize("name", NAMES)
def test_every_connector_has_a_sample_to_be_changed(name: str) -> None:
    form = lines_of(name)
    assert len(form.documents) >= 4
    assert (rows_of(name) is None) == (connectors()[name].framing == "json")
    random, pool = Random(1), hypothesis_pool(1)
    assert len({form.mutant(random, pool) for _ in range(50)}) > 40


@pytest.mark.parametrize("name", [name for name in NAMES if connectors()[name].header])
def test_rows_of_a_sample_are_read_as_rows(name: str) -> None:
    form = rows_of(name)
    assert form is not None
    assert form.staged_right().interactions


def test_the_same_seed_gives_the_same_mutants() -> None:
    form, pool = lines_of("segment"), hypothesis_pool(2)
    one, two = Random("segment 1 0"), Random("segment 1 0")
    assert [form.mutant(one, pool) for _ in range(30)] == [form.mutant(two, pool) for _ in range(30)]


def test_mutants_are_written_with_what_python_has_no_value_for() -> None:
    assert written(Object([("a", Raw("NaN")), ("a", [1, "\ud800"])])) == '{"a":NaN,"a":[1,"\\ud800"]}'
    random = Random(3)
    found = {written(mutated({"a": [1, {"b": "c"}]}, [{"x": 1}], random, [None])) for _ in range(200)}
    assert len(found) > 100


def test_the_fewest_inputs_that_fail_are_found() -> None:
    assert shortest(list(range(100)), lambda some: {3, 77} <= set(some)) == [3, 77]
    assert shortest([1], lambda _some: True) == [1]


def test_a_failure_says_its_round_and_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPPORT_FUZZ_SEED", "5")

    def judge(inputs: Sequence[int]) -> None:
        if 7 in inputs:
            raise ValueError("seven")

    def one_round(_random: Random, _pool: Pool) -> int:
        judged(list(range(20)), judge)
        return 20

    with pytest.raises(ValueError, match="seven") as found:
        fuzz("some", 1.0, one_round)
    assert found.value.__notes__ == [
        "1 of 20 inputs fail like this: [7]",
        "the round is repeated by RAPPORT_FUZZ_SEED=5 RAPPORT_FUZZ_ROUND=0",
    ]


def test_one_round_runs_alone_if_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def one_round(random: Random, _pool: Pool) -> int:
        seen.append(random.random())
        return 1

    monkeypatch.setenv("RAPPORT_FUZZ_ROUND", "4")
    fuzz("some", 0.1, one_round)
    assert seen == [Random("some 1 4").random()]


def test_what_does_not_end_is_stopped() -> None:
    def endless() -> None:
        while True:
            pass

    with pytest.raises(HangError), within(0.05):
        endless()


@pytest.fixture(scope="module")
def right() -> Staged:
    return lines_of("segment").staged_right()


def test_a_lost_record_a_second_verdict_and_a_refusal_without_a_reason_are_seen(right: Staged) -> None:
    demand_whole(right, len(lines_of("segment").right))
    first = right.rejections[0]
    for spoiled in (
        replace(right, rejections=[*right.rejections, first]),
        replace(right, rejections=[{**first, "reason": ""}]),
        replace(right, rejections=[{**first, "row_number": 10**6}]),
        replace(right, interactions=[{**right.interactions[0], "event_id": ""}]),
        replace(right, interactions=[{**right.interactions[0], "properties": "{NaN"}]),
        replace(right, interactions=[{**right.interactions[0], "channel": "fax"}]),
    ):
        with pytest.raises((AssertionError, ValueError)):
            demand_whole(spoiled, len(lines_of("segment").right))
    with pytest.raises(AssertionError):
        demand_received(right, 10**6)


def test_a_neighbour_that_changed_is_seen(right: Staged) -> None:
    alone = verdicts(right)
    demand_neighbours(right, alone)
    number = next(number for number, verdict in alone.items() if verdict.contents)
    for other in (Verdict((), frozenset({"other"})), Verdict(((0, "bad_json"),), frozenset())):
        with pytest.raises(AssertionError):
            demand_neighbours(right, {number: other})
