"""Rounds of fuzzing within a time, each of which a seed and a number repeat; and the shortest input that fails.

RAPPORT_FUZZ_SECONDS changes the time of each test, RAPPORT_FUZZ_SEED the seed, RAPPORT_FUZZ_ROUND runs one round alone.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from random import Random
from types import FrameType
from typing import Any, TypeVar

import pytest

from tests.collect.fuzz.odd import hypothesis_pool

T = TypeVar("T")
_LOG = logging.getLogger("rapport.fuzz")
# What computes for longer than this, for some hundred records at once, hangs.
HANG_SECONDS = 120.0
_SHRINKING_SECONDS = 30.0
_ROUNDS_OF_A_POOL = 25
_SHORT, _LONG = 5.0, 300.0

# Fuzzes for a short time in `make test`, for a long one in `make test-long`.
for_some_time = pytest.mark.parametrize(
    "seconds", [pytest.param(_SHORT, id="short"), pytest.param(_LONG, id="long", marks=pytest.mark.long)]
)


class HangError(Exception):
    """It did not end."""


def fuzz(label: str, seconds: float, one_round: Callable[[Random, list[Any]], int]) -> None:
    """Run `one_round(random, odd values)`, which gives the number of inputs that it tried, until the time is over.

    A failure says how its round is run again. The short form tries the same each time, the long form something new.
    """
    fixed = "1" if seconds <= _SHORT else str(Random().randrange(10**9))
    seed = int(os.environ.get("RAPPORT_FUZZ_SEED", fixed))
    only = os.environ.get("RAPPORT_FUZZ_ROUND")
    end = time.monotonic() + seconds_of(seconds)
    tried = 0
    for number in [int(only)] if only else count():
        if number and not only and time.monotonic() >= end:
            break
        pool = hypothesis_pool(seed * 1000 + number // _ROUNDS_OF_A_POOL)
        try:
            with within(HANG_SECONDS):
                tried += one_round(Random(f"{label} {seed} {number}"), pool)
        except Exception as problem:
            problem.add_note(f"the round is repeated by RAPPORT_FUZZ_SEED={seed} RAPPORT_FUZZ_ROUND={number}")
            raise
    _LOG.info("fuzzed %s: %d inputs in %d rounds of seed %d", label, tried, number, seed)


def seconds_of(seconds: float) -> float:
    """How long is fuzzed: `seconds`, unless the environment says otherwise."""
    return float(os.environ.get("RAPPORT_FUZZ_SECONDS", seconds))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises HangError where the block computes for longer; DuckDB, too, looks for signals while it works."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise HangError(f"still at work after {seconds} seconds")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def judged(inputs: Sequence[T], judge: Callable[[Sequence[T]], object]) -> None:
    """`judge` all `inputs`; what it raises for a failure has a note of the fewest among them that fail like that."""
    try:
        judge(inputs)
    except Exception as problem:
        fewest = shortest(inputs, _failing_alike(judge, problem))
        problem.add_note(f"{len(fewest)} of {len(inputs)} inputs fail like this: {repr(fewest)[:3000]}")
        raise


def _failing_alike(judge: Callable[[Sequence[T]], object], problem: Exception) -> Callable[[Sequence[T]], bool]:
    end = time.monotonic() + _SHRINKING_SECONDS

    def fails(inputs: Sequence[T]) -> bool:
        if time.monotonic() > end:
            return False
        with suppress(Exception):  # another fault is not this one
            try:
                judge(inputs)
            except type(problem):
                return True
        return False

    return fails


def shortest(inputs: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> Sequence[T]:
    """As few of `inputs` as still fail: pieces are left out while that works, each time smaller ones."""
    size = max(len(inputs) // 2, 1)
    while len(inputs) > 1:
        without = ([*inputs[:start], *inputs[start + size :]] for start in range(0, len(inputs), size))
        fewer = next((found for found in without if found and fails(found)), None)
        if fewer is not None:
            inputs = fewer
        elif size == 1:
            break
        else:
            size = max(size // 2, 1)
    return inputs
