"""Homes to type commands in."""

import shutil
from pathlib import Path

import pytest

from tests.flows.cli import rapport, write_events


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh home; do not change it."""
    found = tmp_path_factory.mktemp("template") / "home"
    assert rapport("--home", str(found), "init").code == 0
    return found


@pytest.fixture
def home(template: Path, tmp_path: Path) -> str:
    """A fresh home of the test's own."""
    return str(shutil.copytree(template, tmp_path / "home"))


@pytest.fixture(scope="session")
def shop(template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A home with two customers known and decided; do not change it."""
    folder = tmp_path_factory.mktemp("shop")
    found = str(shutil.copytree(template, folder / "home"))
    events = write_events(folder / "events.jsonl")
    assert rapport("--home", found, "ingest", "segment", str(events)).code == 0
    assert rapport("--home", found, "run", "--as-of", "2024-03-05").code == 0
    return found
