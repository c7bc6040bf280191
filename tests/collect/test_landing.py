import errno
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.collect.landing import LandedFile, inbox_files, land, pending, settle
from warehouse.errors import UsageError
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


def test_a_file_is_hard_linked_where_that_is_possible(home: Home, source: Path) -> None:
    landed = taken(home, source)
    assert (home.root / landed.path).samefile(source)


def test_a_file_is_copied_where_it_cannot_be_linked(home: Home, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "other file system")

    monkeypatch.setattr(os, "link", refuse)
    landed = taken(home, source)
    assert not (home.root / landed.path).samefile(source)
    source.write_bytes(b"changed")
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
