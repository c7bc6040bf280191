"""The discovery walk over small packages made here."""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from schemas.discovery import DiscoveryError, discover

MakePackage = Callable[..., ModuleType]


@pytest.fixture
def make_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePackage]:
    """Makes an importable package of the given files (name without .py -> text)."""
    name = "discovered_package"

    def make(**files: str) -> ModuleType:
        folder = tmp_path / name
        folder.mkdir()
        for file, text in {"__init__": "", **files}.items():
            (folder / f"{file}.py").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        return import_module(name)

    yield make
    for loaded in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[loaded]


def test_every_file_is_found_under_its_name_in_order(make_package: MakePackage) -> None:
    package = make_package(b="VALUE = 2", a="VALUE = 1", c="VALUE = 3")
    assert list(discover(package, "VALUE", int).items()) == [("a", 1), ("b", 2), ("c", 3)]


def test_an_empty_folder_gives_nothing(make_package: MakePackage) -> None:
    assert discover(make_package(), "VALUE", int) == {}


def test_a_file_without_its_constant_fails_loudly(make_package: MakePackage) -> None:
    package = make_package(a="VALUE = 1", forgotten="OTHER = 1")
    with pytest.raises(DiscoveryError, match=r"discovered_package/forgotten\.py must define VALUE as a int; it has No"):
        discover(package, "VALUE", int)


def test_a_constant_of_another_type_fails_loudly(make_package: MakePackage) -> None:
    with pytest.raises(DiscoveryError, match=r"a\.py must define VALUE as a int; it has str"):
        discover(make_package(a="VALUE = '1'"), "VALUE", int)


def test_a_file_that_cannot_be_imported_fails_with_its_own_error(make_package: MakePackage) -> None:
    with pytest.raises(ZeroDivisionError):
        discover(make_package(a="VALUE = 1 // 0"), "VALUE", int)
