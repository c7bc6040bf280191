"""Publication: copies, the pointer, and leases on copies. A catalog is any file here."""

import fcntl
import os
import threading
from pathlib import Path

import pytest

from warehouse import published
from warehouse.errors import RapportError
from warehouse.published import lease, pointed, publish


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
    with pytest.raises(RapportError, match=r"no lake is published in .*home; run `rapport init` there, or give --home"):
        lease(folder)


def test_a_publication_is_a_copy_and_the_pointer_to_it(folder: Path, catalog: Path) -> None:
    copy = publish(catalog, folder, 7)
    assert pointed(folder) == copy == folder / "7.ducklake"
    assert copy.read_text(encoding="utf-8") == "content"
    assert names(folder) == {"7.ducklake", "current"}


def test_the_pointer_is_replaced_as_a_whole_and_only_when_the_copy_is_there(
    folder: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(catalog, folder, 1)
    seen: list[Path | None] = []
    monkeypatch.setattr(published, "_sync", lambda path: seen.append(pointed(folder)))
    second = publish(catalog, folder, 2)
    assert seen == [first, first, second]
    assert pointed(folder) == second


def test_copies_that_nobody_reads_go_at_the_next_publication(folder: Path, catalog: Path) -> None:
    for snapshot in (1, 2, 3):
        publish(catalog, folder, snapshot)
    assert names(folder) == {"3.ducklake", "current"}


def test_drafts_of_a_killed_publication_go_too(folder: Path, catalog: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("1.draft", "current.draft"):
        (folder / name).write_text("half", encoding="utf-8")
    publish(catalog, folder, 2)
    assert names(folder) == {"2.ducklake", "current"}


def test_a_copy_that_a_reader_holds_stays_until_the_reader_lets_go(folder: Path, catalog: Path) -> None:
    first = publish(catalog, folder, 1)
    copy, handle = lease(folder)
    assert copy == first
    publish(catalog, folder, 2)
    publish(catalog, folder, 3)
    assert names(folder) == {"1.ducklake", "3.ducklake", "current"}
    os.close(handle)
    publish(catalog, folder, 4)
    assert names(folder) == {"4.ducklake", "current"}


def test_several_readers_hold_one_copy(folder: Path, catalog: Path) -> None:
    publish(catalog, folder, 1)
    (_, one), (_, other) = lease(folder), lease(folder)
    os.close(one)
    publish(catalog, folder, 2)
    assert "1.ducklake" in names(folder)
    os.close(other)


def test_a_copy_is_deleted_under_the_lock_so_that_nobody_leases_it_meanwhile(
    folder: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(catalog, folder, 1)
    is_held: list[bool] = []

    def watched(path: Path, missing_ok: bool = False) -> None:
        with path.open("rb") as handle, pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        is_held.append(path == first)
        os.unlink(path)  # noqa: PTH108 - Path.unlink is what is watched

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
    with pytest.raises(RapportError, match=r"1\.ducklake is missing; `rapport run` publishes it again"):
        lease(folder)
