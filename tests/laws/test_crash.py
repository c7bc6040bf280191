"""Law 7: killed anywhere, the next run finishes the work; readers never see a mixture or an error."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from flows import ingest as ingesting
from flows import steps
from flows.steps import PLAIN, Step, main_job
from flows.work import Work
from pipelines.collect import landing
from tests.laws.states import State, assert_conserved, differences, held, one, rows
from tests.laws.worlds import AS_OF, Load, drop, new_home, run, small_world
from warehouse import lake as warehouse_lake
from warehouse.home import Home
from warehouse.lake import Lake, open_writer

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


@pytest.mark.parametrize("name", ["collect", "resolve", "know", "decide", "publish"])
def test_a_crash_after_any_step_leaves_everything_or_nothing(name: str, half_done: Home, undisturbed: State) -> None:
    real: Step = getattr(PLAIN, name)

    def broken(work: Work) -> None:
        real(work)
        raise Crash

    before = one(half_done, "SELECT COUNT(*) FROM interactions")
    with open_writer(half_done) as lake, pytest.raises(Crash):
        main_job(Work(lake, AS_OF, lambda _: None), replace(PLAIN, **{name: broken}))
    after = one(half_done, "SELECT COUNT(*) FROM interactions")
    assert (after > before) == (name == "publish")
    assert_finishes(half_done, undisturbed)


@pytest.mark.parametrize(
    ("holder", "name"),
    [
        (ingesting, "_write_landing"),
        (steps, "write_progress"),
        (landing, "_take"),
        (landing, "_note"),
        (landing, "settle"),
        (Lake, "add_files"),
        (Lake, "publish"),
        (warehouse_lake, "_durable_move"),
        (warehouse_lake, "publish"),
    ],
)
def test_a_crash_within_a_step_leaves_everything_or_nothing(
    holder: object, name: str, half_done: Home, undisturbed: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(half_done) as lake:
        monkeypatch.setattr(holder, name, crash_after(getattr(holder, name)))
        with pytest.raises(Crash):
            main_job(Work(lake, AS_OF, lambda _: None), PLAIN)
        monkeypatch.undo()
    assert_conserved(half_done)
    assert_finishes(half_done, undisturbed)


def crash_after(real: object) -> object:
    """The same function, which crashes when it is done."""

    def broken(*given: object, **named: object) -> None:
        assert callable(real)
        real(*given, **named)
        raise Crash

    return broken


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
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
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
    for told in ("ready", "parsing", "de-duplicating", "resolving", "publishing"):
        kills += killed(half_done, told, random.uniform(0, 0.1))
        assert_conserved(half_done)
        assert one(half_done, "SELECT COUNT(DISTINCT commit_seq) FROM batches") in (1, 2)
    assert kills > 0
    assert_finishes(half_done, undisturbed)
