"""Law 7: killed anywhere, the next run finishes the work; readers never see a mixture or an error."""

import os
import shutil
import signal
import subprocess
import sys
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
from tests.laws.worlds import AS_OF, Load, drop, new_home, run, small_world
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
    return Home(Path(shutil.copytree(first_run.root, tmp_path / "home")))


def crash(home: Home, do: Steps) -> None:
    """A run in which something crashes; what it leaves is whole."""
    with open_writer(home) as lake, pytest.raises(Crash):
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
        [(landing, "_take"), (landing, "_note"), (warehouse_lake, "_durable_move"), (warehouse_lake, "publish")],
        [(landing, "settle")],
    ],
)
def test_a_crash_within_a_step_leaves_everything_or_nothing(
    places: list[tuple[Any, str]], half_done: Home, undisturbed: State
) -> None:
    for holder, name in places:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(holder, name, crash_after(getattr(holder, name)))
            crash(half_done, PLAIN)
    assert_finishes(half_done, undisturbed)


RUN = """
import sys
from pathlib import Path
from flows.run import run_plain
from warehouse.home import Home
print("ready", flush=True)
run_plain(Home(Path(sys.argv[1])), sys.argv[2], lambda said: print(said, flush=True))
"""


def killed(home: Home, told: str, delay: float) -> bool:
    """Run in another process and kill it `delay` seconds after it told that it is at `told`; False if it was faster."""
    command = [sys.executable, "-c", RUN, str(home.root), AS_OF]
    # A killed process leaves half a file of coverage, if it is let to write one.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(told):
                break
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            return True
    return False


def test_killed_again_and_again_the_work_is_finished_by_the_next_run(half_done: Home, undisturbed: State) -> None:
    random, kills = Random(7), 0
    for told in ("ready", "parsing", "de-duplicating", "publishing"):
        kills += killed(half_done, told, random.uniform(0, 0.1))
        assert_conserved(half_done)
        assert one(half_done, "SELECT COUNT(DISTINCT commit_seq) FROM batches") in (1, 2)
    assert kills > 0
    assert_finishes(half_done, undisturbed)
