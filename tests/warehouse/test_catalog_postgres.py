"""The PostgreSQL catalog: how it is named, one writer at a time on several hosts, and no commit of an overtaken one."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.catalogs import Cluster, binaries
from tests.warehouse.homes import add_profiles, data_files, line, note, one_commit, process, referenced, write_profiles
from warehouse import open_lake
from warehouse.catalog_lease import WriterLease
from warehouse.catalog_postgres import connection_of
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.key_index import segments, write_segment
from warehouse.lake import open_writer
from warehouse.maintain import maintain, remove_files
from warehouse.settings import MaintainSettings

if not binaries():
    pytest.skip("PostgreSQL's server is not installed; apt-get install postgresql", allow_module_level=True)

COUNT = "SELECT COUNT(customer_id) FROM profiles"
SILENT = 1


def silent(message: str) -> None:
    raise AssertionError(f"nobody is to be waited for: {message}")


@pytest.fixture
def catalog() -> str:
    return "postgres"


@pytest.fixture
def connection(postgres: Cluster) -> str:
    """An empty database."""
    return postgres.connection(postgres.new_database())


@pytest.fixture
def other_home(home: Home, tmp_path: Path) -> Home:
    """A second host: a home of its own with the catalog and the data of the first."""
    found = Home(tmp_path / "other")
    found.root.mkdir()
    settings = home.settings_file.read_text(encoding="utf-8")
    found.settings_file.write_text(f'{settings}data_path = "{home.data}"\nlease_seconds = {SILENT}\n', encoding="utf-8")
    return found


def profiles(home: Home) -> int:
    with open_lake(home.root) as reader:
        return int(reader.execute(COUNT).fetchall()[0][0])


@pytest.mark.parametrize(
    "setting",
    [
        "postgres:host=db.example dbname=lake user=rapport",
        "postgres:postgresql://rapport@db.example/lake",
        "postgres://rapport@db.example/lake",
        "postgresql://rapport@db.example/lake",
    ],
)
def test_a_connection_is_given_by_keywords_or_as_a_url(setting: str) -> None:
    assert sorted(connection_of(setting).split()) == ["dbname=lake", "host=db.example", "user=rapport"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("mysql:host=x", "must be empty or begin with 'postgres:'"),
        ("postgres:hast=x secret", "cannot be read; write 'postgres:host=… dbname=…'"),
        ("postgres:host=x password=secret", "holds a password; take it out"),
        ("postgres://rapport:secret@db.example/lake", "holds a password; take it out"),
    ],
)
def test_what_is_wrong_with_a_connection_is_told_without_what_it_says(setting: str, message: str) -> None:
    with pytest.raises(RapportError, match=message) as problem:
        connection_of(setting)
    assert "secret" not in str(problem.value)


def test_a_server_that_is_not_there_is_told_to_writers_and_readers(tmp_path: Path) -> None:
    home, refused = Home(tmp_path), r"PostgreSQL does not let us in: .*; look at `catalog` in rapport\.toml"
    home.settings_file.write_text(f'catalog = "postgres:host={tmp_path} dbname=lake"', encoding="utf-8")
    with pytest.raises(RapportError, match=refused), open_writer(home):
        raise AssertionError("opened")
    with pytest.raises(RapportError, match=refused):
        open_lake(home.root)


def test_a_reader_of_a_database_without_a_lake_is_told_so(tmp_path: Path, postgres: Cluster) -> None:
    home = Home(tmp_path)
    home.settings_file.write_text(postgres.settings(postgres.new_database()), encoding="utf-8")
    with pytest.raises(RapportError, match="no lake is in that PostgreSQL database; `rapport init` makes one"):
        open_lake(home.root)


def test_two_homes_with_one_database_share_their_data_or_are_refused(home: Home, other_home: Home) -> None:
    with open_writer(home) as lake:
        one_commit(lake, 3)
    with open_writer(other_home) as lake:
        one_commit(lake, 4)
    assert profiles(home) == profiles(other_home) == 4
    settings = home.settings_file.read_text(encoding="utf-8")
    other_home.settings_file.write_text(settings, encoding="utf-8")
    with pytest.raises(RapportError, match="is not marked as this lake's data"), open_writer(other_home):
        raise AssertionError("opened")
    (other_home.data / "lake.id").write_text("another", encoding="utf-8")
    with pytest.raises(RapportError, match="belong to another lake"), open_writer(other_home):
        raise AssertionError("opened")


def test_a_new_lake_takes_no_folder_that_holds_something(tmp_path: Path, postgres: Cluster) -> None:
    home = Home(tmp_path)
    home.prepare()
    (home.data / "photo.png").touch()
    home.settings_file.write_text(postgres.settings(postgres.new_database()), encoding="utf-8")
    with (
        pytest.raises(RapportError, match="is not empty; a new lake needs a `data_path` of its own"),
        open_writer(home),
    ):
        raise AssertionError("opened")


@pytest.fixture
def holder(connection: str) -> Iterator[WriterLease]:
    """A writer with the lease."""
    lease = WriterLease(connection, 30)
    lease.take(0, silent)
    yield lease
    lease.release()


def test_a_second_writer_is_told_which_process_has_the_lease(connection: str, holder: WriterLease) -> None:
    second, told = WriterLease(connection, 30), list[str]()
    who = rf"process \d+ on {socket.gethostname()} is writing to this lake"
    with pytest.raises(RapportError, match=f"{who}; wait until it is done and try again"):
        second.take(0.2, told.append)
    assert len(told) == 1
    holder.confirm()
    holder.release()
    second.take(0, silent)
    assert second.token == holder.token + 1
    second.release()


def test_a_dead_writer_is_taken_over_at_once(home: Home) -> None:
    with process("die_before_commit", home.root) as writer:
        assert writer.wait() == -signal.SIGKILL
    with open_writer(home, wait_seconds=10) as lake:  # less than the lease would last
        assert one_commit(lake, 5).commit_seq == 1
    assert profiles(home) == 5


def test_a_writer_that_others_cannot_reach_keeps_its_lease_by_its_heartbeat(connection: str) -> None:
    lease, told = WriterLease(connection, SILENT), list[str]()
    lease.take(0, silent)
    second = WriterLease(connection, SILENT)
    with pytest.raises(RapportError, match="is writing to this lake"):
        second.take(2 * SILENT, told.append)
    lease.confirm()
    lease.release()
    second.release()


def test_a_lost_connection_is_made_again_and_the_lease_kept(connection: str, holder: WriterLease) -> None:
    with psycopg.connect(connection, autocommit=True) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    holder.confirm()
    second = WriterLease(connection, 30)
    with pytest.raises(RapportError, match="is writing to this lake"):
        second.take(0, silent)
    second.release()


def test_a_writer_that_was_stopped_overtaken_and_continued_cannot_commit(home: Home, other_home: Home) -> None:
    with process("stop_before_commit", home.root, SILENT) as stopped:
        assert line(stopped) == "ready"
        stopped.send_signal(signal.SIGSTOP)
        told: list[str] = []
        with open_writer(other_home, 60, told.append) as lake:
            assert told == [f"process {stopped.pid} on {socket.gethostname()} is writing to this lake; waiting"]
            one_commit(lake, 5)
            with lake.commit() as run:
                moved = add_profiles(lake, run, 2)
                stopped.send_signal(signal.SIGCONT)
                output, errors = stopped.communicate("\n", timeout=60)
                note(lake, run)
            assert moved[0].exists()
    assert output == "another writer has taken over this lake; nothing of this run was published, run it again\n"
    assert (stopped.returncode, errors) == (0, "")
    assert profiles(other_home) == 7
    with open_writer(home) as lake:
        assert data_files(home) == referenced(lake)


def test_a_session_that_is_no_writer_cannot_change_the_lake(home: Home) -> None:
    with open_writer(home) as lake:
        one_commit(lake)
        with psycopg.connect(connection_of(lake.settings.catalog), autocommit=True) as session:
            for change in ("INSERT INTO ducklake_snapshot SELECT 99, now(), 1, 1, 1", "DELETE FROM ducklake_snapshot"):
                with pytest.raises(psycopg.errors.RaiseException, match="another writer has taken over"):
                    session.execute(change)
        assert one_commit(lake).commit_seq == 2


def test_a_failed_commit_tells_the_reason_and_nothing_of_the_data(home: Home) -> None:
    with open_writer(home) as lake:
        with psycopg.connect(connection_of(lake.settings.catalog), autocommit=True) as session:
            session.execute("ALTER TABLE ducklake_snapshot ADD CONSTRAINT fullness CHECK (snapshot_id < 2)")
        with pytest.raises(RapportError) as problem:
            one_commit(lake, 3)
        assert 'violates check constraint "fullness"; nothing of it was published' in str(problem.value)
        assert "customer-" not in str(problem.value)


def test_a_commit_under_a_newer_token_fails(home: Home) -> None:
    with open_writer(home) as lake:
        with psycopg.connect(connection_of(lake.settings.catalog), autocommit=True) as session:
            session.execute("UPDATE rapport_fence SET token = 99")
        with pytest.raises(RapportError, match="another writer has taken over this lake; nothing of this run"):
            one_commit(lake, 3)


def test_the_key_index_of_commits_that_another_home_made_is_made_anew(home: Home, other_home: Home) -> None:
    import numpy as np

    with open_writer(home) as lake:
        one_commit(lake)
        stale = write_segment(home.index, 2, 2, np.ones(1, np.uint64), np.ones(1, np.int32))
        assert stale in segments(home.index)
    with open_writer(home):
        assert [segment.last for segment in segments(home.index)] == [1]
        write_segment(home.index, 2, 2, np.ones(1, np.uint64), np.ones(1, np.int32))
    with open_writer(other_home) as lake:
        one_commit(lake)
        assert [segment.last for segment in segments(other_home.index)] == [1]
    with open_writer(home):
        assert [len(segment.keys()) for segment in segments(home.index)][-1] == 0


def test_readers_see_each_commit_with_their_next_query_and_never_a_part_of_one(home: Home) -> None:
    with open_writer(home) as lake, open_lake(home.root) as reader:
        for count in range(1, 4):
            with lake.commit() as run:
                write_profiles(lake, run, count)
                assert reader.execute(COUNT).fetchall() == [(count - 1,)]
                note(lake, run)
            assert reader.execute(COUNT).fetchall() == [(count,)]


def test_files_stay_for_the_grace_that_readers_have(home: Home) -> None:
    with open_writer(home) as lake:
        for count in range(3):
            one_commit(lake, count + 1)
        old = data_files(home)
        kept = maintain(lake, MaintainSettings(keep_snapshots_days=0.0))
        assert (kept.removed_files, old - data_files(home)) == (0, set())
        assert remove_files(lake, grace_seconds=0.0).removed_files == kept.spared_files > 0
        assert data_files(home) == referenced(lake)
        assert lake.con.execute(COUNT).fetchall() == [(3,)]


def test_queries_of_others_reach_no_function_of_postgres(home: Home) -> None:
    with open_lake(home.root) as reader:
        reader.confine()
        assert reader.select(COUNT).fetchall() == [(0,)]
        with pytest.raises(RapportError, match="postgres_query is not for queries"):
            reader.select("SELECT * FROM postgres_query('__ducklake_metadata_lake_1', 'SELECT 1')")
