"""The paths of a home."""

import os
from pathlib import Path

import pytest

from warehouse.errors import RapportError
from warehouse.home import Home


def test_nothing_is_made_before_it_is_prepared(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert not home.root.exists()
    home.prepare()
    home.prepare()
    assert all(folder.is_dir() for folder in (home.inbox, home.staging, home.published, home.temporary, home.index))
    assert not home.prefect.exists()
    assert not home.settings_file.exists()
    assert not home.catalog.exists()


def test_everything_lies_under_the_root(tmp_path: Path) -> None:
    home = Home(tmp_path)
    names = [name for name, value in vars(Home).items() if isinstance(value, property)]
    assert len(names) >= 12
    assert all(getattr(home, name).is_relative_to(tmp_path) for name in names)


def test_a_home_keeps_its_place_when_the_process_changes_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = Home(Path("here"))
    os.chdir("/")
    assert home.root == tmp_path / "here"


@pytest.mark.parametrize("name", ["what?", "all*", "one[1]"])
def test_a_path_that_duckdb_takes_for_a_pattern_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RapportError, match=r"which DuckDB takes for a pattern; choose another folder"):
        Home(tmp_path / name).prepare()
    assert not (tmp_path / name).exists()


def test_data_lie_where_the_settings_say(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.data == tmp_path / "lake" / "data"
    for given, place in (("disk", tmp_path / "disk"), ("/mnt/disk", Path("/mnt/disk"))):
        home.settings_file.write_text(f'data_path = "{given}"', encoding="utf-8")
        assert home.data == place
