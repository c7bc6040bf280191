"""Law 7: killed anywhere, the next run finishes the work; readers never see a mixture or an error."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from flows.steps import PLAIN, Steps, main_job
from flows.work import Work
from pipelines.collect import landing
from tests.laws.states import State, assert_conserved, differences, held, one, rows
from tests.laws.worlds import AS_OF, Load, copied, drop, new_home, run, small_world
from warehouse import catalog_embedded
from warehouse import lake as warehouse_lake
from warehouse.home import Home
from warehouse.lake import open_writer

SEED = 4


class Crash(BaseException):
    """What no code catches by mistake."""


@pytest.fixture(scope="module")
def undisturbed() -> Iterator[State]:
    """The state of two runs that nothing disturbed."""
    with new_home() as home:
        for load in loads():
            drop(home, load)
            run(home)
        with held(home) as state:
            yield state


def loads() -> list[Load]:
    """A world in two halves: the second meets copies and customers of the first."""
    return small_world(SEED).dealt(2, Random(SEED))


def assert_finishes(home: Home, undisturbed: State) -> None:
    """The next run comes to the undisturbed result, and leaves nothing lying about."""
    run(home)
    assert_conserved(home)
    with held(home) as state:
        assert differences(undisturbed, state) == {}
    assert run(home).is_idle
    assert list(home.staging.iterdir()) == []
    batches = {batch_id for (batch_id,) in rows(home, "SELECT batch_id FROM batches")}
    added = {path.name.split("-")[0] for path in home.data.rglob("interactions/*.parquet")} - {"ducklake"}
    assert added <= batches


@pytest.fixture(scope="module")
def first_run() -> Iterator[Home]:
    """A home after the first run, with the second load in its inbox."""
    first, second = loads()
    with new_home() as home:
        drop(home, first)
        run(home)
        drop(home, second)
        yield home


@pytest.fixture
def half_done(first_run: Home, tmp_path: Path) -> Home:
    """The same, to be disturbed: a home can be copied as it is."""
    return copied(first_run, tmp_path)


def crash(home: Home, do: Steps, *places: tuple[Any, str]) -> None:
    """A run in which something crashes, or one of the functions at `places` does; what it leaves is whole."""
    with open_writer(home) as lake, pytest.MonkeyPatch.context() as patch:
        for holder, name in places:
            patch.setattr(holder, name, crash_after(getattr(holder, name)))
        with pytest.raises(Crash):
            main_job(Work(lake, AS_OF, lambda _: None), do)
    assert_conserved(home)


def crash_after(real: Callable[..., Any]) -> Callable[..., None]:
    """The same function, which crashes when it is done."""

    def broken(*given: Any, **named: Any) -> None:
        real(*given, **named)
        raise Crash

    return broken


def test_a_crash_after_each_step_leaves_everything_or_nothing(half_done: Home, undisturbed: State) -> None:
    before = one(half_done, "SELECT COUNT(*) FROM interactions")
    for name in ("collect", "resolve", "know", "decide", "publish"):
        assert one(half_done, "SELECT COUNT(*) FROM interactions") == before
        crash(half_done, replace(PLAIN, **{name: crash_after(getattr(PLAIN, name))}))
    assert one(half_done, "SELECT COUNT(*) FROM interactions") > before
    assert_finishes(half_done, undisturbed)


@pytest.mark.parametrize(
    "places",
    [
        [(landing, "_take"), (landing, "note"), (warehouse_lake, "_move"), (catalog_embedded, "publish")],
        [(landing, "settle")],
    ],
)
def test_a_crash_within_a_step_leaves_everything_or_nothing(
    places: list[tuple[Any, str]], half_done: Home, undisturbed: State
) -> None:
    for place in places:
        crash(half_done, PLAIN, place)
    assert_finishes(half_done, undisturbed)
