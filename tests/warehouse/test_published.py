"""Publication: copies, the pointer, and leases on copies. A catalog is any file here."""

import fcntl
import os
import threading
from pathlib import Path

import pytest

from tests.warehouse.homes import note, one_commit
from warehouse import open_lake, published
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import METADATA, Lake
from warehouse.published import break_leases, lease, leased_files, pointed, publish


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "lake" / "published"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.ducklake"
    path.write_text("content", encoding="utf-8")
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_nothing_is_pointed_at_before_the_first_publication(folder: Path) -> None:
    assert pointed(folder) is None
    with pytest.raises(
        RapportError, match=r"no lake is published in .*home; run `rapport init` to make one, or give another home"
    ):
        lease(folder)


def test_a_publication_is_a_copy_and_the_pointer_to_it(folder: Path, catalog: Path) -> None:
    copy = publish(catalog, folder, 7)
    assert pointed(folder) == copy
    assert copy.name.startswith("7-")
    assert copy.read_text(encoding="utf-8") == "content"
    assert names(folder) == {copy.name, "current"}


def test_what_readers_see_already_is_not_published_again(
    folder: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = publish(catalog, folder, 7)
    monkeypatch.setattr(published, "sync", lambda path: 1 // 0)
    assert publish(catalog, folder, 7) == copy


def test_a_lost_copy_of_the_same_content_is_written_again(folder: Path, catalog: Path) -> None:
    copy = publish(catalog, folder, 7)
    copy.unlink()
    assert publish(catalog, folder, 7) == copy
    assert copy.read_text(encoding="utf-8") == "content"


@pytest.mark.parametrize("snapshot", [7, 3])
def test_another_catalog_with_the_same_or_a_lower_snapshot_is_published_too(
    folder: Path, catalog: Path, snapshot: int
) -> None:
    first = publish(catalog, folder, 7)
    catalog.write_text("another", encoding="utf-8")
    second = publish(catalog, folder, snapshot)
    assert pointed(folder) == second != first
    assert second.read_text(encoding="utf-8") == "another"
    assert names(folder) == {second.name, "current"}


def test_the_pointer_is_replaced_as_a_whole_and_only_when_the_copy_is_there(
    folder: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(catalog, folder, 1)
    seen: list[Path | None] = []
    monkeypatch.setattr(published, "sync", lambda path: seen.append(pointed(folder)))
    second = publish(catalog, folder, 2)
    assert seen == [first, first, first, second]  # the copy, its name, the pointer, its name
    assert pointed(folder) == second


def test_copies_that_nobody_reads_go_at_the_next_publication(folder: Path, catalog: Path) -> None:
    last = [publish(catalog, folder, snapshot) for snapshot in (1, 2, 3)][-1]
    assert names(folder) == {last.name, "current"}


def test_drafts_of_a_killed_publication_go_too(folder: Path, catalog: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("1.draft", "current.draft"):
        (folder / name).write_text("half", encoding="utf-8")
    copy = publish(catalog, folder, 2)
    assert names(folder) == {copy.name, "current"}


def test_a_copy_that_a_reader_holds_stays_until_the_reader_lets_go(folder: Path, catalog: Path) -> None:
    first = publish(catalog, folder, 1)
    copy, handle = lease(folder)
    assert copy == first
    publish(catalog, folder, 2)
    third = publish(catalog, folder, 3)
    assert names(folder) == {first.name, third.name, "current"}
    os.close(handle)
    fourth = publish(catalog, folder, 4)
    assert names(folder) == {fourth.name, "current"}


def test_several_readers_hold_one_copy(folder: Path, catalog: Path) -> None:
    first = publish(catalog, folder, 1)
    (_, one), (_, other) = lease(folder), lease(folder)
    os.close(one)
    publish(catalog, folder, 2)
    assert first.name in names(folder)
    os.close(other)


def test_a_copy_is_deleted_under_the_lock_so_that_nobody_leases_it_meanwhile(
    folder: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(catalog, folder, 1)
    is_held: list[bool] = []
    unlink = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        with path.open("rb") as handle, pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        is_held.append(path == first)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    publish(catalog, folder, 2)
    assert is_held == [True]


def test_a_reader_whose_copy_goes_while_it_waits_takes_the_newest(folder: Path, catalog: Path) -> None:
    first = publish(catalog, folder, 1)
    leased: list[tuple[Path, int]] = []
    with first.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        reader = threading.Thread(target=lambda: leased.append(lease(folder)))
        reader.start()
        second = publish(catalog, folder, 2)
        first.unlink()
    reader.join()
    ((copy, handle),) = leased
    os.close(handle)
    assert copy == second


def test_a_reader_that_comes_between_pointer_and_deletion_looks_again(
    folder: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = publish(catalog, folder, 2)
    looks = iter([folder / "1.ducklake", second, second])
    monkeypatch.setattr(published, "pointed", lambda _: next(looks))
    copy, handle = lease(folder)
    os.close(handle)
    assert copy == second


def test_a_lost_copy_is_named_and_not_waited_for(folder: Path, catalog: Path) -> None:
    publish(catalog, folder, 1).unlink()
    with pytest.raises(RapportError, match=r"1-\w+\.ducklake is missing; `rapport run` publishes it again"):
        lease(folder)


def test_leases_that_are_let_go_within_the_grace_are_not_broken(folder: Path, catalog: Path) -> None:
    publish(catalog, folder, 1)
    _, handle = lease(folder)
    newest = publish(catalog, folder, 2)
    letting_go = threading.Timer(0.1, os.close, [handle])
    letting_go.start()
    assert break_leases(folder, 60) == 0
    letting_go.join()
    assert names(folder) == {newest.name, "current"}


def test_leases_that_outlast_the_grace_are_broken_but_never_those_on_the_newest(folder: Path, catalog: Path) -> None:
    publish(catalog, folder, 1)
    _, old = lease(folder)
    newest = publish(catalog, folder, 2)
    _, current = lease(folder)
    assert break_leases(folder, 0.1) == 1
    assert names(folder) == {newest.name, "current"}
    assert break_leases(folder, 0) == 0
    os.close(old)
    os.close(current)


def test_leased_files_are_those_that_any_copy_names(lake: Lake, home: Home) -> None:
    one_commit(lake, 2)
    first = data_files(lake)
    assert first
    assert leased_files(home.published, home.data) == first
    with open_lake(home.root):
        one_commit(lake, 3)
        with lake.commit() as run:
            lake.con.execute("DELETE FROM profiles WHERE customer_id = 'customer-1'")
            note(lake, run)
        lake.con.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
        lake.publish()
        assert leased_files(home.published, home.data) == first | data_files(lake)
    assert leased_files(home.published, home.data) == data_files(lake) != first


def data_files(lake: Lake) -> set[Path]:
    """The data and delete files that the writer's catalog names."""
    names = [
        path
        for kind in ("data", "delete")
        for (path,) in lake.con.execute(
            f"SELECT t.table_name || '/' || f.path FROM {METADATA}.ducklake_{kind}_file AS f "
            f"JOIN {METADATA}.ducklake_table AS t USING (table_id)"
        ).fetchall()
    ]
    return {lake.home.data / "main" / name for name in names}
