"""The lake and its writer: a home is made, commits publish, abandoned runs leave nothing, homes can be moved."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from schemas.table import LONG, TEXT, Column, Table, quoted
from schemas.tables import tables
from tests.catalogs import long_on_postgres, on_both_catalogs
from tests.warehouse.homes import (
    REPOSITORY,
    add_profiles,
    data_files,
    files,
    note,
    one_commit,
    process,
    referenced,
    stage_profiles,
    write_profiles,
)
from warehouse import open_lake
from warehouse import published as publication
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import Lake, open_writer
from warehouse.published import pointed
from warehouse.run import next_midnight
from warehouse.views import VIEWS

COUNT = "SELECT COUNT(customer_id), COUNT(*) FROM profiles"


def count(lake: Lake) -> int:
    """How many profiles there are, by reading them all."""
    ((read, listed),) = lake.con.execute(COUNT).fetchall()
    assert read == listed
    return int(read)


def published_count(home: Home) -> int:
    with open_lake(home.root) as lake:
        ((read, listed),) = lake.execute(COUNT).fetchall()
    assert read == listed
    return int(read)


def test_a_home_is_made_with_tables_views_and_a_first_publication(tmp_path: Path) -> None:
    home = Home(tmp_path / "new" / "home")
    with open_writer(home) as lake:
        rows = lake.con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake'").fetchall()
        assert {name for (name,) in rows} == set(tables())
    with open_lake(home.root) as reader:
        assert reader.execute("SELECT COUNT(*) FROM interactions").fetchall() == [(0,)]
        for view in VIEWS:
            assert reader.execute(f"SELECT * FROM {view}").fetchall() == []


@on_both_catalogs
def test_opening_again_commits_and_publishes_nothing(home: Home) -> None:
    before = pointed(home.published)
    for _ in range(2):
        with open_writer(home):
            pass
    assert pointed(home.published) == before


def test_settings_of_the_home_rule_the_writer(home: Home) -> None:
    home.settings_file.write_text("threads = 1", encoding="utf-8")
    with open_writer(home) as lake:
        assert lake.con.execute("SELECT current_setting('threads')").fetchall() == [(1,)]
        assert lake.settings.threads == 1


def test_a_broken_settings_file_is_told_before_anything_is_locked(home: Home) -> None:
    home.settings_file.write_text("threads = ", encoding="utf-8")
    with pytest.raises(RapportError, match="is not valid TOML"), open_writer(home):
        raise AssertionError("opened")


@on_both_catalogs
def test_a_second_writer_is_turned_away(home: Home) -> None:
    with (
        open_writer(home),
        pytest.raises(RapportError, match=f"process {os.getpid()} is writing"),
        open_writer(home, wait_seconds=0),
    ):
        raise AssertionError("two writers at once")


def test_a_run_knows_its_commit_its_times_and_its_settings(lake: Lake) -> None:
    before = datetime.now(UTC)
    first, second = one_commit(lake), one_commit(lake)
    assert (first.commit_seq, second.commit_seq) == (1, 2)
    assert first.batch_id != second.batch_id
    assert before <= first.started_at <= second.started_at <= datetime.now(UTC)
    assert first.as_of == next_midnight(first.started_at)
    assert first.settings is lake.settings
    with lake.commit(datetime(2018, 1, 2, tzinfo=UTC)) as run:
        assert run.as_of == datetime(2018, 1, 2, tzinfo=UTC)


@on_both_catalogs
def test_a_commit_publishes_all_its_tables_and_clears_its_staging(lake: Lake) -> None:
    with lake.commit() as run:
        write_profiles(lake, run, 3)
        (moved,) = add_profiles(lake, run, 4)
        (lake.staging(run) / "notes.json").touch()
        note(lake, run)
        assert published_count(lake.home) == 0
    assert published_count(lake.home) == count(lake) == 7
    assert moved.is_file()
    assert list(lake.home.staging.iterdir()) == []
    assert data_files(lake.home) == referenced(lake)


def commit_and_fail(lake: Lake) -> None:
    with lake.commit() as run:
        write_profiles(lake, run, 5)
        add_profiles(lake, run)
        stage_profiles(lake, run, name="rest.parquet")
        note(lake, run)
        raise ZeroDivisionError


@on_both_catalogs
def test_an_abandoned_run_leaves_nothing(lake: Lake) -> None:
    one_commit(lake)
    before, was = files(lake.home), pointed(lake.home.published)
    with pytest.raises(ZeroDivisionError):
        commit_and_fail(lake)
    assert files(lake.home) == before
    assert list(lake.home.staging.iterdir()) == []
    assert (count(lake), pointed(lake.home.published)) == (3, was)
    assert one_commit(lake, 4).commit_seq == 2
    assert published_count(lake.home) == 4


@on_both_catalogs
def test_a_run_that_a_failed_statement_has_broken_off_can_be_abandoned(lake: Lake) -> None:
    before = files(lake.home)
    run = lake.begin()
    add_profiles(lake, run)
    with pytest.raises(duckdb.ConstraintException):
        lake.con.execute("INSERT INTO profiles SELECT NULL, 'email:a', 1, now(), 1")
    lake.abandon(run)
    assert files(lake.home) == before
    assert count(lake) == 0


def test_a_commit_that_cannot_be_published_stays_and_is_published_later(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(home) as lake:
        monkeypatch.setattr(publication, "sync", lambda path: 1 // 0)
        with pytest.raises(ZeroDivisionError), lake.commit() as run:
            add_profiles(lake, run, 5)  # without a batch: what stays is judged by the catalog alone
        monkeypatch.undo()
        assert count(lake) == 5
        assert published_count(home) == 0
    with open_writer(home):
        assert published_count(home) == 5


def test_a_lost_copy_is_published_again(home: Home) -> None:
    copy = pointed(home.published)
    assert copy is not None
    copy.unlink()
    with open_writer(home):
        assert published_count(home) == 0


@long_on_postgres
def test_the_catalog_names_files_relative_to_the_data(lake: Lake) -> None:
    with lake.commit() as run:
        paths = [stage_profiles(lake, run, 2, f"{number}.parquet") for number in range(3)]
        moved = lake.add_files(run, tables()["profiles"], paths)
        note(lake, run)
    assert [path.name for path in moved] == [f"{run.batch_id}-{number:05d}.parquet" for number in range(3)]
    assert {path.parent for path in moved} == {lake.home.data / "main" / "profiles"}
    assert not any(path.exists() for path in paths)
    assert data_files(lake.home) == referenced(lake)
    assert count(lake) == 6


@pytest.mark.parametrize("name", ["it's a=b home", 'ü"x', "per%20", "c:d"])
def test_a_moved_home_opens_is_swept_and_can_be_written(home: Home, tmp_path: Path, name: str) -> None:
    with open_writer(home) as lake, lake.commit() as run:
        write_profiles(lake, run, 3)
        add_profiles(lake, run, 4)
        note(lake, run)
    moved = Home(Path(shutil.move(home.root, tmp_path / name)))
    assert published_count(moved) == 7
    with open_writer(moved) as lake:
        assert count(lake) == 7
        with lake.commit() as run:
            add_profiles(lake, run, 5)
            note(lake, run)
        assert data_files(moved) == referenced(lake)
    assert published_count(moved) == 12


def test_a_home_given_relative_to_the_current_folder_is_read_from_any_other(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.root.parent)
    with open_writer(Home(Path("home"))) as lake:
        with lake.commit() as run:
            add_profiles(lake, run, 4)
            note(lake, run)
        assert data_files(home) == referenced(lake)
    monkeypatch.chdir("/")
    assert published_count(home) == 4


@long_on_postgres
def test_the_lake_may_lie_behind_a_link(home: Home, tmp_path: Path) -> None:
    shutil.move(home.root / "lake", tmp_path / "large disk")
    (home.root / "lake").symlink_to(tmp_path / "large disk")
    with open_writer(home) as lake, lake.commit() as run:
        add_profiles(lake, run, 4)
        note(lake, run)
    with open_writer(home) as lake:
        assert len(referenced(lake)) == 2
        assert count(lake) == 4
    assert published_count(home) == 4


@long_on_postgres
def test_a_required_column_refuses_null_and_nothing_of_the_run_stays(lake: Lake) -> None:
    for column in (column.name for column in tables()["profiles"].columns if not column.nullable):
        values = "'x' AS customer_id, 'email:a' AS anchor, 1 AS identifier_count, now() AS as_of, 1 AS commit_seq"
        with pytest.raises(duckdb.ConstraintException, match=column), lake.commit():
            lake.con.execute(f"INSERT INTO profiles SELECT * REPLACE (NULL AS {column}) FROM (SELECT {values})")
    assert count(lake) == 0


@on_both_catalogs
def test_a_table_can_grow_within_a_commit(lake: Lake) -> None:
    one_commit(lake, 2)
    with lake.commit() as run:
        lake.con.execute("ALTER TABLE profiles ADD COLUMN order_count BIGINT")
        lake.con.execute(
            "INSERT INTO profiles BY NAME SELECT * REPLACE ('new' AS customer_id, 7 AS order_count) "
            "FROM profiles LIMIT 1"
        )
        note(lake, run)
    with open_lake(lake.home.root) as reader:
        rows = reader.execute("SELECT order_count, COUNT(*) FROM profiles GROUP BY ALL ORDER BY 1").fetchall()
    assert rows == [(7, 1), (None, 2)]


@on_both_catalogs
def test_a_column_that_a_newer_version_declares_is_added_and_its_views_show_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(home) as lake:
        one_commit(lake, 2)
    older = tables()
    extra = (Column("extra", LONG, "doc", nullable=False), Column('it\'s "x"', TEXT, "doc"))
    newer = {**older}
    for name in ("profiles", "decisions"):
        table = older[name]
        newer[name] = Table(table.doc, (*table.columns, *extra), table.key, table.sorted_by, name=name)
    newer["additions"] = Table("row", (Column('a "b"', TEXT, "doc"),), ('a "b"',), ('a "b"',), name="additions")
    monkeypatch.setattr("warehouse.lake.tables", lambda: newer)
    for _ in range(2):
        with open_writer(home):
            pass
    with open_lake(home.root) as reader:
        added = ", ".join(quoted(column.name) for column in extra)
        assert reader.execute(f"SELECT {added} FROM profiles").fetchall() == [(None, None)] * 2
        assert reader.execute(f"SELECT {added} FROM latest_decisions").fetchall() == []
        assert reader.execute('SELECT "a ""b""" FROM additions').fetchall() == []


@long_on_postgres
def test_data_files_are_sorted_as_the_table_declares(lake: Lake) -> None:
    with lake.commit() as run:
        write_profiles(lake, run, 0)
        lake.con.execute(
            "INSERT INTO profiles SELECT 'c' || (i * 7919 % 1000), 'email:a', 1, now(), 1 FROM range(1000) AS t(i)"
        )
        note(lake, run)
    (path,) = files(lake.home, "lake/data/main/profiles")
    ids = pq.read_table(lake.home.root / path, columns=["customer_id"])["customer_id"].to_pylist()
    assert ids == sorted(ids)


@long_on_postgres
@pytest.mark.parametrize("name", ["die_before_commit", "die_before_publication"])
def test_nobody_sees_anything_of_a_run_that_was_killed_before_its_publication(
    home: Home, name: str, catalog: str
) -> None:
    with process(name, home.root) as writer:
        assert writer.wait() == -9
        is_seen = catalog == "postgres" and name == "die_before_publication"
        assert published_count(home) == (3 if is_seen else 0)


@on_both_catalogs
def test_a_run_killed_before_its_commit_is_swept(home: Home) -> None:
    before = files(home)
    with process("die_before_commit", home.root) as writer:
        assert writer.wait() == -9
    left = files(home) - before
    assert len([path for path in left if path.startswith("lake/data/main/profiles")]) == 2
    assert [path for path in left if path.startswith("lake/staging")] != []
    (home.temporary / f"{writer.pid}-spill").mkdir()
    with open_writer(home) as lake:
        assert data_files(home) | files(home, "lake/staging", "lake/tmp") == set()
        assert list(home.temporary.iterdir()) == list(home.staging.iterdir()) == []
        assert count(lake) == 0
        assert one_commit(lake).commit_seq == 1
    assert published_count(home) == 3


@on_both_catalogs
def test_a_run_killed_after_its_commit_is_published_by_the_next_writer(home: Home) -> None:
    with process("die_before_publication", home.root) as writer:
        assert writer.wait() == -9
    assert len(list(home.staging.iterdir())) == 1
    with open_writer(home) as lake:
        assert published_count(home) == count(lake) == 3
        assert list(home.staging.iterdir()) == []
        assert data_files(home) == referenced(lake)


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_a_writer_killed_while_publishing_leaves_readers_at_one_commit_or_the_other(home: Home, step: int) -> None:
    with process("die_while_publishing", home.root, step) as writer:
        assert writer.wait() == -9
    assert published_count(home) == (3 if step == 3 else 0)
    with open_writer(home):
        assert published_count(home) == 3
    with open_writer(home) as lake:
        one_commit(lake, 4)
    assert {path.suffix for path in home.published.iterdir()} == {".ducklake", ""}
    assert len(list(home.published.iterdir())) == 2


def test_files_that_await_their_clean_up_are_not_swept(home: Home) -> None:
    with open_writer(home) as lake:
        for number in range(3):
            with lake.commit() as run:
                add_profiles(lake, run, number + 1)
                note(lake, run)
        old = referenced(lake)
    with open_lake(home.root) as reader:
        with open_writer(home) as lake:
            lake.con.execute("CALL ducklake_merge_adjacent_files('lake')")
            lake.con.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
            lake.publish()
            assert not old & referenced(lake)
        with open_writer(home) as lake:
            assert old <= files(home)
            assert reader.connection.execute("SELECT COUNT(anchor) FROM lake_1.profiles").fetchall() == [(6,)]


def test_the_tests_start_processes_in_this_repository() -> None:
    assert (REPOSITORY / "warehouse" / "lake.py").is_file()
