"""Readers: only published commits, always one of them, nothing outside the lake."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from schemas.table import literal
from tests.catalogs import long_on_postgres
from tests.warehouse.homes import line, note, one_commit, process, write_profiles
from warehouse import open_lake
from warehouse.catalog_attach import Publication
from warehouse.catalog_embedded import EmbeddedCatalog
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import Lake, open_writer
from warehouse.maintain import expire_snapshots, merge_files, remove_files, rewrite_deletes
from warehouse.published import break_leases, pointed
from warehouse.reader import LakeReader

COUNT = "SELECT COUNT(customer_id) FROM profiles"
ATTACHED = "SELECT COUNT(*) FROM duckdb_databases() WHERE database_name LIKE 'lake%'"


@pytest.fixture
def reader(home: Home) -> Iterator[LakeReader]:
    with open_lake(home.root) as opened:
        yield opened


def test_a_home_without_a_lake_gives_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RapportError, match=rf"no lake is published in {tmp_path}; run `rapport init` to make one"):
        open_lake(tmp_path)
    assert list(tmp_path.iterdir()) == []


@long_on_postgres
def test_the_home_is_given_or_of_the_environment_or_the_current_folder(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAPPORT_HOME", str(home.root))
    with open_lake() as found:
        assert found.execute(COUNT).fetchall() == [(0,)]
    monkeypatch.delenv("RAPPORT_HOME")
    monkeypatch.chdir(home.root)
    with open_lake() as found:
        monkeypatch.chdir("/")
        found.refresh()
        assert found.execute(COUNT).fetchall() == [(0,)]


def test_a_reader_has_the_settings_of_its_home(home: Home) -> None:
    home.settings_file.write_text("threads = 1\ncurrency = 'USD'", encoding="utf-8")
    with open_lake(home.root) as found:
        assert found.settings.currency == "USD"
        assert found.execute("SELECT current_setting('threads')").fetchall() == [(1,)]


def test_only_published_commits_are_seen(lake: Lake, reader: LakeReader) -> None:
    run = lake.begin()
    write_profiles(lake, run, 3)
    note(lake, run)
    assert reader.execute(COUNT).fetchall() == [(0,)]
    lake.con.execute("COMMIT")
    assert reader.execute(COUNT).fetchall() == [(0,)]
    lake.publish()
    assert reader.execute(COUNT).fetchall() == [(3,)]


@long_on_postgres
def test_a_reader_moves_on_between_queries_by_each_of_its_ways(lake: Lake, reader: LakeReader) -> None:
    for count in range(1, 6):
        one_commit(lake, count)
        ways: list[Callable[[], Any]] = [
            lambda: reader.execute(COUNT),
            lambda: reader.execute("SELECT COUNT(*) FROM profiles WHERE anchor <> ?", [""]),
            lambda: reader.sql(COUNT),
            lambda: reader.select(COUNT),
            lambda: reader.connection.execute(COUNT),
        ]
        assert ways[count - 1]().fetchall() == [(count,)]


@long_on_postgres
def test_a_result_from_before_a_move_can_still_be_read(lake: Lake, reader: LakeReader) -> None:
    one_commit(lake, 2)
    relation = reader.sql("SELECT customer_id FROM profiles")
    one_commit(lake, 4)
    assert reader.execute(COUNT).fetchall() == [(4,)]
    assert len(relation.fetchall()) in {2, 4}


def test_a_reader_holds_two_copies_at_most_and_none_once_closed(lake: Lake, home: Home) -> None:
    with open_lake(home.root) as reader:
        for count in range(6):
            one_commit(lake, count)
            assert reader.execute(ATTACHED).fetchall()[0][0] <= 2
        assert len(list(home.published.glob("*.ducklake"))) <= 3
    one_commit(lake, 7)
    assert [path.name for path in home.published.glob("*.ducklake")] == [getattr(pointed(home.published), "name", "")]


@long_on_postgres
def test_what_is_not_a_readers_own_is_the_connections(reader: LakeReader) -> None:
    reader.execute("SELECT 1 AS one")
    assert reader.description[0][0] == "one"
    assert reader.fetchone() == (1,)
    assert reader.table("profiles").columns[0] == "customer_id"
    with pytest.raises(AttributeError):
        _ = reader.no_such_thing


@long_on_postgres
def test_the_lake_cannot_be_written_through_a_reader(reader: LakeReader) -> None:
    for statement in ("DELETE FROM profiles", "DROP TABLE profiles", "CREATE TABLE more AS SELECT 1 AS one"):
        with pytest.raises(duckdb.InvalidInputException, match="read-only"):
            reader.execute(statement)


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM profiles",
        "SELECT 1; SELECT 2",
        "COPY profiles TO 'out.csv'",
        "EXPLAIN ANALYZE COPY profiles TO 'out.csv'",
        "ATTACH ':memory:' AS other",
        "PRAGMA database_list",
        "SET threads = 1",
        "SELECT * FROM ducklake_cleanup_old_files('lake_1', cleanup_all => TRUE)",
    ],
)
def test_select_refuses_what_does_more_than_read(
    reader: LakeReader, query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RapportError, match="the lake is read-only here"):
        reader.select(query)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@long_on_postgres
def test_select_gives_a_relation(lake: Lake, reader: LakeReader) -> None:
    one_commit(lake, 3)
    found = reader.select("SELECT customer_id FROM profiles ORDER BY ALL;")
    assert found.columns == ["customer_id"]
    assert found.fetchall() == [("customer-0",), ("customer-1",), ("customer-2",)]


@long_on_postgres
def test_a_confined_reader_sees_the_lake_and_no_other_file(lake: Lake, home: Home, tmp_path: Path) -> None:
    one_commit(lake, 3)
    secret = tmp_path / "secret.csv"
    secret.write_text("secret", encoding="utf-8")
    outside = [secret, home.settings_file, home.root / "lake" / "writer.lock", home.data / ".." / "writer.lock"]
    with open_lake(home.root) as reader:
        assert reader.execute(f"SELECT content FROM read_text({literal(str(secret))})").fetchall() == [("secret",)]
        reader.confine()
        assert reader.select(COUNT).fetchall() == [(3,)]
        for path in outside:
            with pytest.raises(duckdb.PermissionException):
                reader.select(f"SELECT * FROM read_text({literal(str(path))})").fetchall()
        with pytest.raises(duckdb.PermissionException):
            reader.execute(f"COPY (SELECT 1) TO {literal(str(tmp_path / 'out.csv'))}")
        with pytest.raises(duckdb.InvalidInputException):
            reader.execute("SET enable_external_access = TRUE")


def test_a_confined_reader_stays_on_its_publication(lake: Lake, reader: LakeReader) -> None:
    one_commit(lake, 3)
    reader.refresh()
    reader.confine()
    one_commit(lake, 4)
    one_commit(lake, 5)
    assert reader.select(COUNT).fetchall() == [(3,)]


def test_a_confined_reader_can_spill_under_the_home(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.settings_file.write_text("threads = 1\nmemory_limit = '40MB'", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with open_lake(home.root) as reader:
        reader.confine()
        query = "SELECT COUNT(*) FROM (SELECT md5(i::VARCHAR) AS digest FROM range(900000) AS t(i) ORDER BY ALL)"
        reader.execute("CREATE TEMP TABLE spilled AS SELECT md5(i::VARCHAR) AS digest FROM range(1500000) AS t(i)")
        assert reader.execute(query).fetchall() == [(900000,)]
        assert list(home.temporary.glob("*/duckdb_temp*"))
    assert list(home.temporary.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@long_on_postgres
def test_a_reader_in_another_process_never_sees_an_error_or_a_mixture_while_a_writer_commits(home: Home) -> None:
    with open_writer(home) as lake:
        one_commit(lake, 1)
        with process("watch", home.root) as watcher:
            assert line(watcher) == "ready"
            for count in range(2, 21):
                one_commit(lake, count)
            output, errors = watcher.communicate(timeout=60)
    assert (watcher.returncode, errors) == (0, "")
    found = json.loads(output)
    assert found["mixtures"] == []
    assert found["seen"] >= 2


def test_a_copy_that_another_process_reads_stays_while_it_reads(home: Home) -> None:
    with open_writer(home) as lake:
        one_commit(lake, 2)
        held = pointed(home.published)
        assert held is not None
        with process("stay", home.root) as other:
            assert line(other) == "ready"
            for count in (3, 4):
                one_commit(lake, count)
            assert held.exists()
            output, errors = other.communicate("\n", timeout=60)
        assert (output, errors) == ("2\n", "")
        one_commit(lake, 5)
        assert not held.exists()


def spread(lake: Lake, count: int = 6) -> int:
    """Write batches into so many files that a reader opens the last of them late; how many rows there are."""
    with lake.commit() as run:
        note(lake, run)
        for _ in range(count):
            lake.con.execute(
                "INSERT INTO batches SELECT md5(i::VARCHAR), 'test', md5((i * 7)::VARCHAR), "
                f"{run.commit_seq}, now(), now(), 0, 0, 0, 0, 0 FROM range(20000) AS t(i)"
            )
    return count * 20_000


def take_away(lake: Lake) -> None:
    """Replace every file of the table `batches`, and take the old ones from their readers."""
    with lake.commit() as run:
        lake.con.execute("DELETE FROM batches WHERE batch_id = (SELECT MIN(batch_id) FROM batches)")
        note(lake, run)
    rewrite_deletes(lake)
    merge_files(lake)
    expire_snapshots(lake, datetime.now(UTC))
    lake.publish()
    break_leases(lake.home.published, 0)
    assert remove_files(lake).spared_files == 0


def slowly(reader: LakeReader) -> None:
    """Let the reader's answers come in small parts, file after file."""
    reader.connection.execute("SET threads = 1")
    reader.connection.execute("SET streaming_buffer_size = '1KB'")


ROWS = "SELECT batch_id, fingerprint FROM batches WHERE stage = 'test'"


def test_a_query_whose_files_went_is_asked_again_on_the_newest_publication(lake: Lake, reader: LakeReader) -> None:
    count = spread(lake)
    ways: list[Callable[[], Any]] = [
        lambda: reader.execute(ROWS),
        lambda: reader.sql(ROWS),
        lambda: reader.select(ROWS),
        lambda: reader.sql(ROWS).filter("batch_id <> ''").order("batch_id"),
    ]
    for taken, way in enumerate(ways, start=1):
        slowly(reader)
        answer = way()
        take_away(lake)
        assert len(answer.fetchall()) == count - 6 * taken


def test_a_relation_of_two_answers_is_asked_again_too(lake: Lake, reader: LakeReader) -> None:
    count = spread(lake)
    joined = reader.sql(ROWS).set_alias("a").union(reader.sql(ROWS).set_alias("b"))
    take_away(lake)
    assert len(joined) == 2 * (count - 6)
    assert len(joined.fetchall()) == 2 * (count - 6)


def test_an_answer_of_which_a_part_was_given_says_to_ask_again(lake: Lake, reader: LakeReader) -> None:
    count = spread(lake)
    slowly(reader)
    answer = reader.execute(ROWS)
    assert len(answer.fetchmany(10)) == 10
    take_away(lake)
    with pytest.raises(RapportError, match=r"the lake moved on while this answer was read.*ask again"):
        answer.fetchall()
    assert len(reader.execute(ROWS).fetchall()) == count - 6


def test_batches_of_arrow_say_so_too(lake: Lake, reader: LakeReader) -> None:
    count = spread(lake)
    slowly(reader)
    batches = reader.sql(ROWS).to_arrow_reader(100)
    assert batches.read_next_batch().num_rows == 100
    take_away(lake)
    with pytest.raises(RapportError, match="ask again"):
        batches.read_all()
    assert reader.sql(ROWS).to_arrow_reader().read_all().num_rows == count - 6


def test_a_confined_reader_moves_on_when_its_publication_was_taken_away_and_stays_confined(
    lake: Lake, home: Home, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("secret", encoding="utf-8")
    count = spread(lake)
    with open_lake(home.root) as reader:
        reader.confine()
        take_away(lake)
        assert len(reader.select(ROWS).fetchall()) == count - 6
        with pytest.raises(duckdb.PermissionException):
            reader.select(f"SELECT * FROM read_text({literal(str(secret))})").fetchall()


def test_an_error_that_is_not_of_a_missing_file_is_raised_at_once(lake: Lake, reader: LakeReader) -> None:
    for query in ("SELECT nothing", "SELECT * FROM nowhere", "SELECT"):
        with pytest.raises(duckdb.Error):
            reader.execute(query)
    answer = reader.sql("SELECT error('ask me not')")
    one_commit(lake)
    with pytest.raises(duckdb.InvalidInputException, match="ask me not"):
        answer.fetchall()


def test_a_file_that_is_missing_in_the_newest_publication_is_an_error(lake: Lake, reader: LakeReader) -> None:
    one_commit(lake, 3)
    for path in (lake.home.data / "main" / "profiles").iterdir():
        path.unlink()
    with pytest.raises(duckdb.Error, match="No such file"):
        reader.execute("SELECT customer_id FROM profiles").fetchall()


def open_handles() -> int:
    """How many handles this process has; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_no_handle_leaks_when_a_copy_cannot_be_attached(home: Home) -> None:
    copy = pointed(home.published)
    assert copy is not None
    copy.write_bytes(b"no catalog")
    before = open_handles()
    for _ in range(3):
        with pytest.raises(duckdb.Error):
            open_lake(home.root)
    assert open_handles() == before


def test_a_lease_that_is_broken_before_the_copy_is_attached_is_taken_on_the_newest(
    lake: Lake, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_commit(lake, 3)
    real = EmbeddedCatalog.attach_reader
    broken: list[str] = []

    def late(self: EmbeddedCatalog, con: duckdb.DuckDBPyConnection, publication: Publication, name: str) -> None:
        if not broken:
            broken.append(name)
            one_commit(lake, 4)
            assert break_leases(home.published, 0) == 1
        real(self, con, publication, name)

    monkeypatch.setattr(EmbeddedCatalog, "attach_reader", late)
    with open_lake(home.root) as reader:
        assert reader.execute(COUNT).fetchall() == [(4,)]
    assert broken == ["lake_1"]


def test_an_answer_shows_itself_as_the_relation_does(lake: Lake, reader: LakeReader) -> None:
    one_commit(lake, 2)
    answer = reader.sql("SELECT customer_id FROM profiles ORDER BY ALL")
    assert "customer-1" in repr(answer)
    assert len(answer) == 2
    assert answer.columns == ["customer_id"]


def test_readers_in_other_processes_survive_that_their_leases_are_broken_again_and_again(home: Home) -> None:
    with open_writer(home) as lake:
        one_commit(lake, 1)
        with process("watch", home.root) as watcher:
            assert line(watcher) == "ready"
            for count in range(2, 21):
                one_commit(lake, count)
                expire_snapshots(lake, datetime.now(UTC))
                lake.publish()
                break_leases(home.published, 0)
                remove_files(lake)
            output, errors = watcher.communicate(timeout=60)
    assert (watcher.returncode, errors) == (0, "")
    assert json.loads(output)["mixtures"] == []
