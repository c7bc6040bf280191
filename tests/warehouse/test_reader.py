"""Readers: only published commits, always one of them, nothing outside the lake."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from schemas.table import literal
from tests.warehouse.homes import line, note, one_commit, process, write_profiles
from warehouse import open_lake
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import Lake, open_writer
from warehouse.published import pointed
from warehouse.reader import LakeReader

COUNT = "SELECT COUNT(customer_id) FROM profiles"
ATTACHED = "SELECT COUNT(*) FROM duckdb_databases() WHERE database_name LIKE 'lake%'"


@pytest.fixture
def reader(home: Home) -> Iterator[LakeReader]:
    with open_lake(home.root) as opened:
        yield opened


def test_a_home_without_a_lake_gives_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RapportError, match=rf"no lake is published in {tmp_path}; run `rapport init` there"):
        open_lake(tmp_path)
    assert list(tmp_path.iterdir()) == []


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


def test_what_is_not_a_readers_own_is_the_connections(reader: LakeReader) -> None:
    reader.execute("SELECT 1 AS one")
    assert reader.description[0][0] == "one"
    assert reader.fetchone() == (1,)
    assert reader.table("profiles").columns[0] == "customer_id"
    with pytest.raises(AttributeError):
        _ = reader.no_such_thing


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


def test_select_gives_a_relation(lake: Lake, reader: LakeReader) -> None:
    one_commit(lake, 3)
    found = reader.select("SELECT customer_id FROM profiles ORDER BY ALL;")
    assert found.columns == ["customer_id"]
    assert found.fetchall() == [("customer-0",), ("customer-1",), ("customer-2",)]


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
