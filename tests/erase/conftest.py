"""One loaded home for the whole folder, and the same after an erasure."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.erasure import ErasureReport
from tests.erase.homes import erase, persons
from tests.laws.worlds import copied, new_home, run_load, small_world
from warehouse.home import Home
from warehouse.reader import open_lake

SEED = 4


@dataclass(frozen=True)
class Erased:
    """A home after an erasure, whom it concerned, what was told of it.

    `counts` are those of interactions that a reader gave before and after, without being opened anew.
    """

    home: Home
    person: list[str]
    report: ErasureReport
    counts: tuple[int, int]


@pytest.fixture(scope="session")
def loaded() -> Iterator[Home]:
    """A home after one run over a small world; not to be changed."""
    with new_home() as home:
        run_load(home, small_world(SEED))
        yield home


@pytest.fixture
def copy(loaded: Home, tmp_path: Path) -> Home:
    """The same, to be changed."""
    return copied(loaded, tmp_path)


@pytest.fixture(scope="session")
def erased(loaded: Home, tmp_path_factory: pytest.TempPathFactory) -> Erased:
    """The same after one person was erased; not to be changed."""
    home = copied(loaded, tmp_path_factory.mktemp("erased"))
    person = persons(home)[0]
    count = "SELECT COUNT(*) FROM interactions"
    with open_lake(home.root) as reader:
        ((before,),) = reader.execute(count).fetchall()
        report = erase(home, person[0])
        ((after,),) = reader.execute(count).fetchall()
    return Erased(home, person, report, (before, after))


@pytest.fixture
def erased_copy(erased: Erased, tmp_path: Path) -> Home:
    """The same, to be changed."""
    return copied(erased.home, tmp_path)
