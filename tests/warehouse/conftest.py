"""Homes with an empty lake: made once, copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalogs import Cluster, copied_home
from warehouse.home import Home
from warehouse.lake import Lake, open_writer


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with every table and one publication. Only to be copied."""
    home = Home(tmp_path_factory.mktemp("template") / "home")
    with open_writer(home):
        return home


@pytest.fixture(scope="session")
def empty_postgres_home(tmp_path_factory: pytest.TempPathFactory, postgres: Cluster) -> Home:
    """The same with its catalog in PostgreSQL."""
    home = Home(tmp_path_factory.mktemp("template") / "home")
    home.root.mkdir()
    home.settings_file.write_text(postgres.settings(postgres.new_database()), encoding="utf-8")
    with open_writer(home):
        return home


@pytest.fixture
def catalog() -> str:
    """The catalog of `home`; `tests.catalogs.on_both_catalogs` makes a test run on both."""
    return "embedded"


@pytest.fixture
def home(request: pytest.FixtureRequest, catalog: str, tmp_path: Path) -> Home:
    """A home of the test's own, with an empty lake."""
    if catalog == "postgres":
        template: Home = request.getfixturevalue("empty_postgres_home")
        return copied_home(template, tmp_path / "home", request.getfixturevalue("postgres"))
    empty: Home = request.getfixturevalue("empty_home")
    return Home(Path(shutil.copytree(empty.root, tmp_path / "home")))


@pytest.fixture
def lake(home: Home) -> Iterator[Lake]:
    """The lake of `home`, open for writing."""
    with open_writer(home) as opened:
        yield opened
