import errno
import fcntl
import hashlib
import os
from dataclasses import replace
from datetime import UTC, datetime
from io import BufferedWriter
from pathlib import Path
from typing import Any

import pytest

from pipelines.collect import landing
from pipelines.collect.landing import (
    LandedFile,
    draft_of,
    drafted,
    inbox_files,
    land,
    note,
    pending,
    settle,
    settle_drafts,
    sweep_landing,
    verify,
)
from warehouse.errors import RapportError, UsageError
from warehouse.home import Home

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
CONNECTORS = ("segment", "table")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "sales.csv.gz"
    path.write_bytes(b"id\n1\n")
    return path


def taken(home: Home, path: Path, **options: Any) -> LandedFile:
    return land(home, path, "table", "till", "[columns]", NOW, **options)


def test_a_landed_file_is_described_by_what_it_holds(home: Home, source: Path) -> None:
    landed = taken(home, source)
    assert landed.sha256 == hashlib.sha256(b"id\n1\n").hexdigest()
    assert (landed.size_bytes, landed.name, landed.landed_at) == (5, "sales.csv.gz", "2024-06-01T12:00:00+00:00")
    assert (landed.connector, landed.source, landed.mapping) == ("table", "till", "[columns]")
    assert (home.root / landed.path).read_bytes() == b"id\n1\n"


def test_the_endings_that_tell_the_format_are_kept_in_small_letters(home: Home, source: Path) -> None:
    assert taken(home, source).path.endswith(".csv.gz")
    assert taken(home, source.rename(source.with_name("SALES.PARQUET"))).path.endswith(".parquet")


def refuse(*_: object) -> None:
    raise OSError(errno.EXDEV, "other file system")


def test_a_landed_file_stays_when_its_source_is_written_to_in_place(home: Home, source: Path) -> None:
    landed = taken(home, source)
    with source.open("r+b") as file:
        file.write(b"XX")
    assert (home.root / landed.path).read_bytes() == b"id\n1\n"


def test_a_copy_shares_blocks_where_the_file_system_can(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloned = []

    def clone(target: BufferedWriter, _request: int, handle: int) -> None:
        cloned.append(handle)
        target.write(os.pread(handle, 100, 0))

    monkeypatch.setattr(fcntl, "ioctl", clone)
    landed = taken(home, source)
    assert len(cloned) == 1
    assert (home.root / landed.path).read_bytes() == b"id\n1\n"


@pytest.mark.parametrize("move", [True, False])
def test_a_file_is_copied_byte_by_byte_where_nothing_else_will_do(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch, move: bool
) -> None:
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(fcntl, "ioctl", refuse)
    landed = taken(home, source, move=move)
    assert source.exists() is not move
    assert (home.root / landed.path).read_bytes() == b"id\n1\n"


def test_a_symbolic_link_lands_what_it_points_to(home: Home, source: Path) -> None:
    link = source.with_name("link.csv")
    link.symlink_to(source.name)
    landed = taken(home, link)
    assert not (home.root / landed.path).is_symlink()
    assert (landed.name, (home.root / landed.path).read_bytes()) == ("link.csv", b"id\n1\n")


def test_a_landed_file_stays_when_its_source_is_replaced_or_removed(home: Home, source: Path) -> None:
    first = taken(home, source)
    draft = source.with_name("new")
    draft.write_bytes(b"id\n2\n")
    draft.replace(source)
    second = taken(home, source)
    source.unlink()
    assert [(home.root / landed.path).read_bytes() for landed in (first, second)] == [b"id\n1\n", b"id\n2\n"]


def test_moving_takes_the_file_away(home: Home, source: Path) -> None:
    landed = taken(home, source, move=True)
    assert not source.exists()
    assert (home.root / landed.path).read_bytes() == b"id\n1\n"


def test_a_moved_file_is_not_copied(home: Home, source: Path) -> None:
    before = source.stat().st_ino
    assert (home.root / taken(home, source, move=True).path).stat().st_ino == before


def test_what_a_killed_process_took_without_a_note_is_swept(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = taken(home, source)

    def crash(_: Path) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(landing, "digest", crash)
    with pytest.raises(KeyboardInterrupt):
        taken(home, source)
    assert len(files(home)) == 2
    sweep_landing(home)
    assert files(home) == [Path(kept.path).name]
    assert pending(home) == [kept]
    assert not list(home.landing.rglob("*.part"))


def files(home: Home) -> list[str]:
    return sorted(path.name for path in home.landing.iterdir() if path.is_file())


def test_a_file_that_changed_or_went_since_it_was_received_is_refused(home: Home, source: Path) -> None:
    landed = taken(home, source)
    verify(home, [landed])
    path = home.root / landed.path
    for content in (b"id\n2\n", b"id\n1\n2\n"):
        path.write_bytes(content)
        with pytest.raises(RapportError, match=rf"'sales.csv.gz'\) has changed.*begins with {landed.sha256[:12]}$"):
            verify(home, [landed])
    path.unlink()
    with pytest.raises(RapportError, match="is gone; put it back"):
        verify(home, [landed])


def draft(home: Home, landed: LandedFile, content: bytes = b"new") -> str:
    draft_of(home, landed.path).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def test_a_new_version_takes_the_name_when_the_commit_that_notes_it_is_settled(home: Home, source: Path) -> None:
    landed = taken(home, source)
    draft(home, landed)
    assert drafted(home) == [home.root / landed.path]
    settle(home, [landed.file_id])
    assert (home.root / landed.path).read_bytes() == b"new"
    assert (drafted(home), pending(home)) == ([], [])


def test_after_a_kill_a_new_version_takes_the_name_only_if_its_digest_was_noted(home: Home, source: Path) -> None:
    noted, lost, unknown = (taken(home, source) for _ in range(3))
    digest = draft(home, noted)
    draft(home, lost)
    draft(home, unknown)
    settle_drafts(home, {noted.path: digest, lost.path: lost.sha256})
    assert [(home.root / landed.path).read_bytes() for landed in (noted, lost, unknown)] == [
        b"new",
        b"id\n1\n",
        b"id\n1\n",
    ]
    assert drafted(home) == []


def test_a_note_that_is_written_again_replaces_the_old_one(home: Home, source: Path) -> None:
    landed = taken(home, source)
    changed = replace(landed, sha256="0" * 64)
    note(home, changed)
    assert pending(home) == [changed]


def test_a_crash_before_the_note_leaves_the_file_where_it_was(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        taken(home, source, move=True)
    assert source.exists()
    assert pending(home) == []


def test_what_is_no_file_is_a_usage_error(home: Home, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.csv"):
        with pytest.raises(UsageError, match=f"'{path}' is not a file; give the path"):
            taken(home, path)


def test_landed_files_are_pending_until_they_are_settled(home: Home, source: Path) -> None:
    first, second = taken(home, source), taken(home, source)
    assert {landed.file_id for landed in pending(home)} == {first.file_id, second.file_id}
    settle(home, [first.file_id])
    assert pending(home) == [second]
    settle(home, [first.file_id, second.file_id])
    assert pending(home) == []
    assert (home.root / first.path).exists()


def test_pending_files_come_in_the_order_of_their_arrival(home: Home, source: Path) -> None:
    late = land(home, source, "table", "till", None, NOW.replace(hour=13))
    early = land(home, source, "table", "till", None, NOW)
    assert pending(home) == [early, late]


def test_a_new_home_has_nothing_pending(tmp_path: Path) -> None:
    assert pending(Home(tmp_path / "new")) == []


def put(home: Home, *names: str) -> list[Path]:
    paths = [home.inbox / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return paths


def test_folders_of_the_inbox_give_connector_and_source(home: Home) -> None:
    names = ("segment/a.json", "table/till/2020/b.csv", "table/till/c.csv")
    a, b, c = put(home, *names)
    assert inbox_files(home, CONNECTORS) == [
        (a, "segment", "segment"),
        (b, "table", "till"),
        (c, "table", "till"),
    ]


def test_files_that_are_still_written_and_hidden_files_are_left_alone(home: Home) -> None:
    put(home, "segment/a.json.part", "segment/.keep", "b.part", ".hidden")
    assert inbox_files(home, CONNECTORS) == []


@pytest.mark.parametrize("name", ["a.json", "segmnt/a.json"])
def test_a_file_under_no_connector_is_a_usage_error(home: Home, name: str) -> None:
    put(home, name)
    told = rf"inbox file '{name}' .* move it to inbox/<connector>/ \(segment, table\)"
    with pytest.raises(UsageError, match=told):
        inbox_files(home, CONNECTORS)


def test_a_name_that_is_not_utf8_lands_with_its_readable_part(home: Home, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.j\xfe.JSON"))
    path.write_bytes(b"{}")
    landed = land(home, path, "segment", "segment", None, NOW)
    assert landed.name == "?.j?.JSON"
    assert landed.path.endswith(".json")
    assert pending(home) == [landed]
