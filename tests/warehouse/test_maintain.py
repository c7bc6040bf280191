"""Upkeep of the lake's files: the same rows in fewer files, and no file goes that anyone may still open."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.tables import tables
from tests.catalogs import on_both_catalogs
from tests.warehouse.homes import add_profiles, data_files, line, note, one_commit, process, profiles, referenced
from warehouse import maintain as upkeep
from warehouse import open_lake, rewrite
from warehouse.file_statistics import TableFiles, statistics
from warehouse.home import Home
from warehouse.lake import METADATA, Lake, open_writer
from warehouse.maintain import (
    expire_snapshots,
    maintain,
    maintain_if_due,
    merge_files,
    remove_files,
    rewrite_deletes,
)
from warehouse.published import copies, pointed
from warehouse.run import Run
from warehouse.settings import MaintainSettings

EVERYTHING = MaintainSettings(keep_snapshots_days=0.0, reader_grace_seconds=0.0)


def changed(lake: Lake, start: int = 0, count: int = 40) -> None:
    """A commit that adds `count` profiles in two files and takes the first of each earlier commit away."""
    with lake.commit() as run:
        lake.con.execute("DELETE FROM profiles WHERE customer_id LIKE '%-0'")
        add_profiles(lake, run, count)
        lake.con.execute(
            f"INSERT INTO profiles SELECT * REPLACE (customer_id || '-{start + run.commit_seq}' AS customer_id) "
            f"FROM ({profiles(run, count)}) ORDER BY hash(customer_id)"
        )
        note(lake, run)


def contents(ask: Callable[..., Any], name: str = "profiles") -> list[str]:
    """Every column of every row."""
    return sorted(map(repr, ask(f"SELECT * FROM {name} WHERE NOT COLUMNS(*) IS DISTINCT FROM COLUMNS(*)").fetchall()))


def of(lake: Lake, name: str = "profiles") -> TableFiles:
    """The statistics of one table."""
    return next(table for table in statistics(lake).tables if table.name == name)


def assert_tidy(home: Home) -> None:
    """Nothing lies in the data folder that the catalog does not name, nothing waits, one copy is published."""
    with open_writer(home) as lake:
        assert data_files(home) == referenced(lake)
        assert statistics(lake).waiting_files == 0
    assert len(copies(home.published)) == 1


@on_both_catalogs
def test_upkeep_leaves_the_same_rows_in_one_file_a_table(lake: Lake, home: Home) -> None:
    for start in range(4):
        changed(lake, start)
    before = contents(lake.con.execute)
    assert of(lake).files == 8
    assert of(lake).delete_files > 0
    report = maintain(lake, EVERYTHING)
    assert contents(lake.con.execute) == before
    assert (of(lake).files, of(lake).delete_files, of(lake).rows) == (1, 0, len(before))
    assert report.merged_files >= 8
    assert report.expired_snapshots > 0
    assert report.spared_files == 0
    with open_lake(home.root) as reader:
        assert contents(reader.execute) == before
    assert data_files(home) == current_files(lake)


def batch(run: Run) -> str:
    """SQL for 20,000 batches, with ids that do not compress."""
    return (
        f"SELECT md5(i::VARCHAR) AS batch_id, 'test' AS stage, md5((i * 7)::VARCHAR) AS fingerprint, {run.commit_seq}, "
        "now(), now(), 0, 0, 0, 0, 0 FROM range(20000) AS t(i)"
    )


def current_files(lake: Lake) -> set[str]:
    """The data and delete files of the newest snapshot."""
    rows = lake.con.execute("SELECT data_file, delete_file FROM ducklake_list_files('lake', 'profiles')").fetchall()
    for name in tables():
        rows += lake.con.execute(f"SELECT data_file, delete_file FROM ducklake_list_files('lake', '{name}')").fetchall()
    return {str(Path(path).relative_to(lake.home.root)) for row in rows for path in row if path}


@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_no_step_in_any_order_changes_a_row(template: Home, data: st.DataObject) -> None:
    with open_writer(template) as lake:
        changed(lake, data.draw(st.integers(0, 1000)))
        before = contents(lake.con.execute), contents(lake.con.execute, "batches")
        steps: list[Callable[[Lake], object]] = [
            lambda lake: rewrite_deletes(lake, everything=True),
            lambda lake: rewrite_deletes(lake, everything=False),
            lambda lake: merge_files(lake, everything=True),
            lambda lake: merge_files(lake, everything=False),
            lambda lake: expire_snapshots(lake, datetime.now(UTC)),
            remove_files,
        ]
        for step in data.draw(st.lists(st.sampled_from(steps), min_size=1, max_size=6)):
            step(lake)
            assert (contents(lake.con.execute), contents(lake.con.execute, "batches")) == before
        with open_lake(template.root) as reader:
            assert contents(reader.execute) == before[0]


@pytest.fixture(scope="module")
def template(empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that grows from example to example."""
    return Home(Path(shutil.copytree(empty_home.root, tmp_path_factory.mktemp("growing") / "home")))


@on_both_catalogs
def test_a_merged_file_is_sorted_and_has_large_row_groups_though_an_earlier_release_set_small_ones(lake: Lake) -> None:
    small = "'parquet_row_group_size', '20000', schema => 'main', table_name => 'profiles'"
    lake.con.execute(f"CALL ducklake_set_option('lake', {small})")
    for _ in range(2):
        with lake.commit() as run:
            lake.con.execute(f"INSERT INTO profiles SELECT * FROM ({profiles(run, 25_000)}) ORDER BY hash(customer_id)")
            note(lake, run)
    merge_files(lake)
    (path,) = lake.con.execute("SELECT data_file FROM ducklake_list_files('lake', 'profiles')").fetchone() or ("",)
    found = pq.ParquetFile(path)
    ids = found.read(columns=["customer_id"])["customer_id"].to_pylist()
    assert (len(ids), ids) == (50_000, sorted(ids))
    assert found.metadata.num_row_groups == 1
    looked_up = lake.con.execute("SELECT COUNT(*) FROM profiles WHERE customer_id = 'customer-7'").fetchall()
    assert looked_up == [(2,)]


@on_both_catalogs
def test_rows_with_null_and_of_equal_keys_are_found_by_every_look_up_as_before(lake: Lake) -> None:
    for start in range(3):
        changed(lake, start)
    asked = [
        "SELECT COUNT(*) FROM profiles WHERE anchor = 'email:3'",
        "SELECT COUNT(*) FROM profiles WHERE customer_id = 'customer-3'",
        "SELECT COUNT(*) FROM profiles WHERE customer_id > 'customer-3'",
        "SELECT COUNT(*) FROM batches WHERE fingerprint IS NULL",
        "SELECT COUNT(*) FROM batches WHERE stage = 'collect'",
    ]
    before = [lake.con.execute(query).fetchall() for query in asked]
    merge_files(lake)
    rewrite_deletes(lake)
    expire_snapshots(lake, datetime.now(UTC))
    remove_files(lake)
    assert [lake.con.execute(query).fetchall() for query in asked] == before


def test_the_statistics_count_what_is_there(lake: Lake, home: Home) -> None:
    with lake.commit() as run:
        add_profiles(lake, run, 10)
        note(lake, run)
    with lake.commit() as run:
        lake.con.execute("DELETE FROM profiles WHERE customer_id IN ('customer-1', 'customer-2')")
        note(lake, run)
    found = statistics(lake)
    (path,) = (home.data / "main" / "profiles").glob("*-00000.parquet")
    assert of(lake) == TableFiles("profiles", 1, path.stat().st_size, 8, 1, 1)
    assert of(lake, "orders") == TableFiles("orders", 0, 0, 0, 0, 0)
    assert {table.name for table in found.tables} == set(tables())
    assert found.files == sum(table.files for table in found.tables) == 3
    assert found.published_copies == 1
    assert found.waiting_files == 0
    assert found.catalog_bytes == home.catalog.stat().st_size
    (count,) = lake.con.execute(f"SELECT COUNT(*) FROM {METADATA}.ducklake_snapshot").fetchall()
    assert (found.snapshots,) == count


@on_both_catalogs
def test_cheap_upkeep_leaves_files_with_few_deleted_rows_alone(lake: Lake) -> None:
    with lake.commit() as run:
        add_profiles(lake, run, 100)
        note(lake, run)
    with lake.commit() as run:
        lake.con.execute("DELETE FROM profiles WHERE customer_id = 'customer-7'")
        note(lake, run)
    assert rewrite_deletes(lake, everything=False) == 0
    with lake.commit() as run:
        lake.con.execute("DELETE FROM profiles WHERE customer_id LIKE 'customer-8%'")
        note(lake, run)
    assert rewrite_deletes(lake, everything=False) == 1
    assert of(lake).delete_files == 0
    with lake.commit() as run:
        lake.con.execute("DELETE FROM profiles WHERE customer_id = 'customer-9'")
        note(lake, run)
    assert rewrite_deletes(lake, everything=True) == 1
    assert rewrite_deletes(lake, everything=True) == 0


@on_both_catalogs
def test_cheap_upkeep_merges_small_files_always_and_large_ones_by_eights(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrite, "CLASSES", (2_000,))  # a file of 3 profiles is below it, one of 300 above
    for count in (3, 300, 3, 300, 3):
        with lake.commit() as run:
            add_profiles(lake, run, count)
            note(lake, run)
    merge_files(lake, everything=False)
    assert of(lake).files == 3
    for _ in range(6):
        with lake.commit() as run:
            add_profiles(lake, run, 300)
            note(lake, run)
    merge_files(lake, everything=False)
    assert of(lake).files == 2
    merge_files(lake, everything=True)
    assert (of(lake).files, of(lake).rows) == (1, 2409)


def test_files_of_the_target_size_are_not_written_again(home: Home) -> None:
    home.settings_file.write_text("[maintain]\ntarget_file_mb = 1", encoding="utf-8")
    with open_writer(home) as lake:
        for _ in range(3):
            with lake.commit() as run:
                lake.con.execute(
                    "INSERT INTO profiles SELECT md5(i::VARCHAR), md5((i * 7)::VARCHAR) || md5((i * 3)::VARCHAR), 1, "
                    f"now(), {run.commit_seq} FROM range(14000) AS t(i)"
                )
                note(lake, run)
        first = of(lake)
        assert merge_files(lake) > 0  # batches
        assert of(lake) == first
        assert (first.files, first.small_files) == (3, 0)


@on_both_catalogs
def test_snapshots_go_by_age_or_by_count(lake: Lake) -> None:
    for _ in range(5):
        one_commit(lake)
    count = statistics(lake).snapshots
    assert maintain(lake, MaintainSettings()).expired_snapshots == 0
    assert count < statistics(lake).snapshots
    maintain(lake, MaintainSettings(keep_snapshots=3))
    assert statistics(lake).snapshots <= 4  # and the one of the upkeep's own note
    maintain(lake, MaintainSettings(keep_snapshots_days=0.0))
    assert statistics(lake).snapshots <= 2
    assert expire_snapshots(lake, datetime.now(UTC) + timedelta(days=1)) <= 1
    assert statistics(lake).snapshots == 1


def planned(lake: Lake) -> list[tuple[int, int]]:
    """What the catalog tells the planner of `profiles`: rows and bytes."""
    rows: list[tuple[int, int]] = lake.con.execute(
        f"SELECT s.record_count, s.file_size_bytes FROM {METADATA}.ducklake_table_stats AS s "
        f"JOIN {METADATA}.ducklake_table AS t USING (table_id) WHERE t.table_name = 'profiles'"
    ).fetchall()
    return rows


@on_both_catalogs
def test_the_planner_is_told_how_many_rows_there_are_and_later_commits_add_to_it(lake: Lake) -> None:
    for _ in range(4):
        one_commit(lake, 10)
    assert planned(lake)[0][0] == 40
    maintain(lake, EVERYTHING)
    assert planned(lake) == [(10, of(lake).bytes)]
    with lake.commit() as run:
        add_profiles(lake, run, 5)
        note(lake, run)
    assert planned(lake)[0][0] == of(lake).rows == 15


@on_both_catalogs
def test_upkeep_is_noted_and_the_counts_of_its_batch_are_zero(lake: Lake) -> None:
    one_commit(lake)
    maintain(lake, EVERYTHING)
    rows = lake.con.execute(
        "SELECT commit_seq, received_count + loaded_count + duplicate_count + rejected_count + suppressed_count "
        "FROM batches WHERE stage = 'maintain'"
    ).fetchall()
    assert rows == [(2, 0)]


@on_both_catalogs
def test_upkeep_is_due_after_as_many_commits_as_the_settings_say(home: Home) -> None:
    home.settings_file.write_text("[maintain]\nevery_commits = 3", encoding="utf-8")
    with open_writer(home) as lake:
        done = []
        for _ in range(7):
            one_commit(lake)
            done.append(maintain_if_due(lake) is not None)
    assert done == [False, False, True, False, False, True, False]


def test_upkeep_that_is_not_wanted_is_never_due(home: Home) -> None:
    home.settings_file.write_text("[maintain]\nevery_commits = 0", encoding="utf-8")
    with open_writer(home) as lake:
        for _ in range(11):
            one_commit(lake)
        assert maintain_if_due(lake) is None


def test_files_of_a_leased_copy_stay_until_the_lease_is_let_go(lake: Lake, home: Home) -> None:
    for start in range(3):
        changed(lake, start)
    before = contents(lake.con.execute)
    old = data_files(home)
    with open_lake(home.root) as reader:
        reader.confine()  # it stays on its publication
        report = maintain(lake, EVERYTHING)
        assert report.spared_files > 0
        assert old <= data_files(home)
        assert contents(reader.execute) == before
        maintain(lake, EVERYTHING)
        assert contents(reader.execute) == before
    assert maintain(lake, EVERYTHING).spared_files == 0
    assert data_files(home) == current_files(lake)


def test_a_reader_of_a_catalog_that_was_replaced_keeps_its_files_over_the_sweep_of_the_next_writer(
    home: Home, tmp_path: Path
) -> None:
    saved = home.catalog.read_bytes()
    with open_writer(home) as lake:
        changed(lake)
        before = contents(lake.con.execute)
    with open_lake(home.root) as reader:
        reader.confine()
        home.catalog.write_bytes(saved)
        for _ in range(2):
            with open_writer(home) as lake:
                lake.drop_orphans()
                assert of(lake).rows == 0
            assert contents(reader.execute) == before
    with open_writer(home) as lake:
        lake.drop_orphans()
        assert data_files(home) == set()


class Crash(BaseException):
    """What no code catches by mistake."""


STEPS = ["rewrite_deletes", "write_anew", "merge_files", "expire_snapshots", "_note", "_forget", "remove_files"]


@pytest.mark.parametrize("name", STEPS)
def test_a_crash_after_each_step_leaves_the_rows_and_what_the_next_upkeep_finishes(
    home: Home, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(upkeep, name)

    def broken(*given: Any, **named: Any) -> None:
        real(*given, **named)
        raise Crash

    with open_writer(home) as lake:
        for start in range(2):
            changed(lake, start)
        before = contents(lake.con.execute)
        monkeypatch.setattr(upkeep, name, broken)
        with pytest.raises(Crash):
            maintain(lake, EVERYTHING)
        monkeypatch.undo()
        with open_lake(home.root) as reader:
            assert contents(reader.execute) == before
    with open_lake(home.root) as reader:
        assert contents(reader.execute) == before
    with open_writer(home) as lake:
        assert contents(lake.con.execute) == before
        maintain(lake, EVERYTHING)
        assert contents(lake.con.execute) == before
        assert of(lake).files == 1
    with open_lake(home.root) as reader:
        assert contents(reader.execute) == before


PLACES = [
    ("warehouse.lake.Lake.make_durable", 1),
    ("pathlib.Path.unlink", 3),
    pytest.param("warehouse.lake.Lake.make_durable", 0, marks=pytest.mark.long),
    pytest.param("warehouse.lake.Lake.finish", 0, marks=pytest.mark.long),
    pytest.param("warehouse.catalog_embedded.publish", 0, marks=pytest.mark.long),
    pytest.param("warehouse.maintain._forget", 0, marks=pytest.mark.long),
    pytest.param("warehouse.catalog_embedded.publish", 2, marks=pytest.mark.long),
]


@pytest.mark.parametrize(("place", "number"), PLACES)
def test_an_upkeep_that_is_killed_is_finished_by_the_next_one(home: Home, place: str, number: int) -> None:
    with open_writer(home) as lake:
        for start in range(2):
            changed(lake, start)
        before = contents(lake.con.execute)
    with process("die_in_upkeep", home.root, place, number) as writer:
        assert writer.wait() == -9
    with open_lake(home.root) as reader:
        assert contents(reader.execute) == before
        with open_writer(home) as lake:
            assert contents(lake.con.execute) == before
            assert contents(reader.execute) == before
    with open_writer(home) as lake:
        maintain(lake, EVERYTHING)
        maintain(lake, EVERYTHING)
        assert contents(lake.con.execute) == before
    assert_tidy(home)


@pytest.fixture
def written(home: Home) -> Iterator[Lake]:
    """A lake with what an upkeep has work with."""
    with open_writer(home) as lake:
        for start in range(2):
            changed(lake, start)
        yield lake


def test_the_catalog_is_published_before_a_file_goes(
    written: Lake, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, gone = Path.unlink, []

    def watched(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".parquet":
            with open_lake(home.root) as reader:
                gone.append(len(contents(reader.execute)))
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    count = of(written).rows
    maintain(written, EVERYTHING)
    assert gone
    assert set(gone) == {count}


def test_files_are_on_the_disk_before_a_commit_names_them(written: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    named = len(referenced(written))
    seen: list[int] = []
    real = Lake.make_durable

    def watched(lake: Lake) -> None:
        seen.append(len(list(lake.home.data.rglob("*.parquet"))))
        real(lake)

    monkeypatch.setattr(Lake, "make_durable", watched)
    merge_files(written)
    assert seen
    assert min(seen) > named


def test_readers_in_other_processes_see_no_error_and_no_mixture_over_upkeeps(home: Home) -> None:
    with open_writer(home) as lake:
        with lake.commit() as run:
            for _ in range(4):
                lake.con.execute(f"INSERT INTO batches {batch(run)}")
            note(lake, run)
        one_commit(lake, 1)
        with process("watch_profiles", home.root, 12) as watcher, process("read_slowly", home.root) as slow:
            assert line(watcher) == line(slow) == "ready"
            for count in range(2, 13):
                if count % 3 == 0:
                    maintain(lake, EVERYTHING)
                with lake.commit() as run:
                    lake.con.execute("DELETE FROM profiles")
                    lake.con.execute(
                        f"INSERT INTO profiles SELECT * REPLACE ({count}::BIGINT AS identifier_count) "
                        f"FROM ({profiles(run, count)})"
                    )
                    note(lake, run)
            output, errors = watcher.communicate(timeout=60)
            assert (watcher.returncode, errors) == (0, "")
            slowly, errors = slow.communicate("\n", timeout=60)
            assert (slow.returncode, slowly, errors) == (0, "80000\n", "")
    found = json.loads(output)
    assert found["mixtures"] == []
    assert found["seen"] >= 2


def test_readers_that_hold_no_lease_are_given_the_grace(written: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    real = type(written.catalog).in_use

    def watched(*given: Any) -> Any:
        asked.append(given[-1])
        return real(*given)

    monkeypatch.setattr(type(written.catalog), "in_use", watched)
    remove_files(written)
    remove_files(written, grace_seconds=5)
    assert asked == [3600.0, 5]


def test_a_publication_follows_what_only_the_catalog_knows(written: Lake, home: Home) -> None:
    merge_files(written)
    first = pointed(home.published)
    expire_snapshots(written, datetime.now(UTC))
    removal = remove_files(written)
    assert removal.spared_files == 0
    assert removal.removed_files > 0
    assert pointed(home.published) != first
    second = pointed(home.published)
    written.publish()
    assert pointed(home.published) == second


@on_both_catalogs
def test_without_a_lease_files_stay_for_the_grace_and_then_go(home: Home, catalog: str) -> None:
    with open_writer(home) as lake:
        changed(lake)
        changed(lake)
        before = contents(lake.con.execute)
        with open_lake(home.root) as reader:
            assert contents(reader.execute) == before
            spared = maintain(lake, MaintainSettings(keep_snapshots_days=0.0)).spared_files
            assert (spared > 0) == (catalog == "postgres" or len(copies(home.published)) > 1)
            assert contents(reader.execute) == before
            maintain(lake, EVERYTHING)
            assert contents(reader.execute) == before
        maintain(lake, EVERYTHING)
        assert data_files(home) == current_files(lake)


def test_thirty_commits_with_the_upkeep_that_is_due_stay_in_few_files(lake: Lake, home: Home) -> None:
    seen = []
    for start in range(30):
        changed(lake, start)
        maintain_if_due(lake)
        seen.append(max(table.files for table in statistics(lake).tables))
    assert max(seen) <= 30
    before = contents(lake.con.execute)
    maintain(lake, EVERYTHING)
    assert contents(lake.con.execute) == before
    assert max(table.files for table in statistics(lake).tables) == 2  # the upkeep's own note is a file
    assert data_files(home) == current_files(lake)
