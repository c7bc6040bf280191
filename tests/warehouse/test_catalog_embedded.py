"""The embedded catalog: data elsewhere, sweeping only where it must be, durable files, DuckDB's own lock."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.catalogs import on_both_catalogs
from tests.warehouse.homes import add_profiles, data_files, files, note, one_commit, process, write_profiles
from warehouse import open_lake
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import Lake, open_writer

HOLD = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.readline()"
COUNT = "SELECT COUNT(customer_id) FROM profiles"


def new_home(root: Path, settings: str = "") -> Home:
    home = Home(root)
    home.root.mkdir()
    home.settings_file.write_text(settings, encoding="utf-8")
    return home


def refuses(home: Home, message: str) -> None:
    with pytest.raises(RapportError, match=message), open_writer(home):
        raise AssertionError("opened")


@pytest.mark.parametrize("place", ["disk/../disk", "{root}/disk"])
def test_data_may_lie_in_another_folder_than_the_home(tmp_path: Path, place: str) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "disk").mkdir()
    home = Home(tmp_path / "home")
    home.settings_file.write_text(f'data_path = "{place.format(root=home.root)}"', encoding="utf-8")
    for _ in range(2):
        with open_writer(home) as lake, lake.commit() as run:
            write_profiles(lake, run, 3)
            add_profiles(lake, run, 4)
            note(lake, run)
    with open_lake(home.root) as reader:
        reader.confine()
        assert reader.select(COUNT).fetchall() == [(7,)]
    assert len([path for path in files(home, "disk") if path.endswith(".parquet")]) >= 4
    assert not (home.root / "lake" / "data").exists()


def test_a_folder_of_data_belongs_to_one_lake(tmp_path: Path) -> None:
    settings = f'data_path = "{tmp_path / "disk"}"'
    with open_writer(new_home(tmp_path / "one", settings)) as lake:
        one_commit(lake)
    refuses(new_home(tmp_path / "two", settings), "is not empty; a new lake needs a `data_path` of its own")
    home = new_home(tmp_path / "three")
    with open_writer(home):
        pass
    home.settings_file.write_text(settings, encoding="utf-8")
    refuses(home, "belong to another lake")
    home.settings_file.write_text('data_path = "elsewhere"', encoding="utf-8")
    refuses(home, r"is not marked as this lake's data; set `data_path` to where they are, or .* write [0-9a-f]{32} to")


def test_staged_files_are_copied_to_another_disk(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace

    def across_disks(path: Path, target: Path) -> Path:
        if lake.home.staging in path.parents:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return real(path, target)

    monkeypatch.setattr(Path, "replace", across_disks)
    with lake.commit() as run:
        (added,) = add_profiles(lake, run, 4)
        assert list(lake.staging(run).iterdir()) == []
        note(lake, run)
    assert [path.name for path in added.parent.iterdir()] == [added.name]
    assert lake.con.execute(COUNT).fetchall() == [(4,)]


def test_a_disk_that_refuses_a_staged_file_fails_the_run(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, target: Path) -> Path:
        raise PermissionError(errno.EACCES, "no")

    with lake.commit() as run:
        monkeypatch.setattr(Path, "replace", refuse)
        with pytest.raises(PermissionError):
            add_profiles(lake, run, 4)
        monkeypatch.undo()
        note(lake, run)


@on_both_catalogs
def test_files_of_no_commit_are_looked_for_only_after_an_unclean_stop(home: Home) -> None:
    with open_writer(home) as lake:
        one_commit(lake)
    orphan = home.data / "main" / "profiles" / "orphan.parquet"
    orphan.touch()
    with open_writer(home):
        assert orphan.exists()
    with pytest.raises(ZeroDivisionError), open_writer(home):
        raise ZeroDivisionError
    with open_writer(home):
        assert not orphan.exists()
    assert not home.dirty.exists()


def test_a_file_of_no_commit_that_a_reader_holds_stays_until_it_lets_go(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(home) as lake:
        one_commit(lake)
    orphan = home.data.resolve() / "main" / "profiles" / "orphan.parquet"
    orphan.touch()
    home.dirty.touch()
    with monkeypatch.context() as patch:
        patch.setattr("warehouse.catalog_embedded.leased_files", lambda folder, data: {orphan})
        for _ in range(2):
            with open_writer(home):
                assert orphan.exists()
    with open_writer(home):
        assert not orphan.exists()


def test_new_files_and_their_folders_are_on_the_disk_before_the_commit_names_them(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[Path] = set()

    def note_files(paths: Iterable[Path]) -> None:
        assert lake.con.cursor().execute("SELECT COUNT(*) FROM lake.batches").fetchall() == [(0,)]
        synced.update(paths)

    monkeypatch.setattr("warehouse.lake.sync_files", note_files)
    monkeypatch.setattr("warehouse.lake.sync", synced.add)
    one_commit(lake)
    with lake.commit() as run:
        monkeypatch.undo()
        note(lake, run)
    data = lake.home.data.resolve()
    (first,) = data_files(lake.home) - {str(path.relative_to(lake.home.root)) for path in synced if path.is_file()}
    assert first.startswith("lake/data/main/batches/")
    assert {data, data / "main"} <= synced


def test_a_process_that_opened_the_catalog_past_our_lock_is_named(home: Home) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, home.catalog], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        refuses(home, f"process {holder.pid} has this home's catalog open; wait until it is done and try again")
        holder.communicate("\n")
    with open_writer(home):
        pass


def test_a_writer_that_dies_is_taken_over_at_once(home: Home) -> None:
    with process("die_before_commit", home.root) as writer:
        assert writer.wait() == -9
    with open_writer(home, wait_seconds=0) as lake:
        assert one_commit(lake).commit_seq == 1
