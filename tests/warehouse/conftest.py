"""Homes with an empty lake: made once, copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from warehouse.home import Home
from warehouse.lake import Lake, open_writer


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with every table and one publication. Only to be copied."""
    home = Home(tmp_path_factory.mktemp("template") / "home")
    with open_writer(home):
        return home


@pytest.fixture
def home(empty_home: Home, tmp_path: Path) -> Home:
    """A home of the test's own, with an empty lake."""
    return Home(Path(shutil.copytree(empty_home.root, tmp_path / "home")))


@pytest.fixture
def lake(home: Home) -> Iterator[Lake]:
    """The lake of `home`, open for writing."""
    with open_writer(home) as opened:
        yield opened
