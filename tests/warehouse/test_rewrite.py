"""Which files are written anew together, and that nothing but files changes when they are."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.homes import add_profiles, note
from warehouse.errors import RapportError
from warehouse.lake import Lake
from warehouse.rewrite import MANY, MEGABYTE, DataFile, Group, files_by_table, merges, rewrites, write_anew

TARGET = 20 * MEGABYTE
PLANS: list[Callable[..., list[Group]]] = [merges, rewrites]


@st.composite
def files(draw: st.DrawFn) -> list[DataFile]:
    """Data files of any size and share of deleted rows."""
    sizes = draw(st.lists(st.integers(1, 2 * TARGET), max_size=30))
    shares = draw(st.lists(st.sampled_from([0, 0, 1, 50, 100, 999, 1000]), min_size=30, max_size=30))
    return [DataFile(f"{number}", size, 1000, shares[number]) for number, size in enumerate(sizes)]


@settings(max_examples=60, deadline=None)
@given(found=files(), plan=st.sampled_from(PLANS), everything=st.booleans())
def test_each_file_is_in_one_group_at_most_and_no_group_of_several_is_larger_than_the_target(
    found: list[DataFile], plan: Callable[..., list[Group]], everything: bool
) -> None:
    groups = plan(found, TARGET, everything=everything)
    taken = [file for group in groups for file in group]
    assert len(set(taken)) == len(taken)
    assert set(taken) <= set(found)
    for group in groups:
        assert len(group) == 1 or sum(file.live_bytes for file in group) <= TARGET


@settings(max_examples=60, deadline=None)
@given(found=files())
def test_all_deleted_rows_are_written_out_and_what_is_whole_stays(found: list[DataFile]) -> None:
    taken = {file for group in rewrites(found, TARGET, everything=True) for file in group}
    assert taken == {file for file in found if file.deleted}
    cheap = {file for group in rewrites(found, TARGET, everything=False) for file in group}
    assert cheap == {file for file in found if file.deleted >= 100}


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 400), size=st.integers(10_000, 4 * MEGABYTE))
def test_files_that_come_one_by_one_stay_few_and_are_written_again_a_few_times(count: int, size: int) -> None:
    kept: list[DataFile] = []
    written = 0
    for number in range(count):
        kept.append(DataFile(f"{number}", size, 1000, 10))
        for group in merges(kept, TARGET, everything=False) if number % 10 == 0 else []:
            total = sum(file.bytes for file in group)
            written += total
            kept = [file for file in kept if file not in group] + [DataFile(f"m{number}", total, 1000, 10)]
    full = count * size / (TARGET / 2)
    assert len(kept) <= 3 * MANY + 10 + full
    assert written <= count * size * 4 + count * MEGABYTE


def test_one_small_file_is_left_alone_and_two_are_merged() -> None:
    one, two = DataFile("a", 1000, 10, 0), DataFile("b", 1000, 10, 0)
    for everything in (True, False):
        assert merges([one], TARGET, everything=everything) == []
        assert merges([one, two], TARGET, everything=everything) == [[one, two]]


def test_two_files_that_are_more_than_the_target_together_are_left_apart() -> None:
    pair = [DataFile(name, TARGET * 2 // 3, 10, 0) for name in "ab"]
    assert merges(pair, TARGET, everything=True) == []


def test_a_file_without_rows_takes_no_room() -> None:
    assert DataFile("a", 100, 0, 0).live_bytes == 0


def test_rows_keep_every_value_and_the_table_its_order(lake: Lake) -> None:
    for count in (3, 4):
        with lake.commit() as run:
            add_profiles(lake, run, count)
            note(lake, run)
    with lake.commit() as run:
        lake.con.execute("DELETE FROM profiles WHERE customer_id = 'customer-2'")
        lake.con.execute("ALTER TABLE profiles ADD COLUMN extra BIGINT")
        lake.con.execute("INSERT INTO profiles SELECT * REPLACE (7 AS extra) FROM profiles")
        note(lake, run)
    before = sorted(map(repr, lake.con.execute("SELECT * FROM profiles").fetchall()))
    found = files_by_table(lake)["profiles"]
    assert [(file.rows, file.deleted) for file in found] == [(3, 1), (4, 1), (5, 0)]
    write_anew(lake, "profiles", found)
    assert sorted(map(repr, lake.con.execute("SELECT * FROM profiles").fetchall())) == before
    (file,) = files_by_table(lake)["profiles"]
    assert (file.rows, file.deleted) == (10, 0)


def test_nothing_changes_when_the_files_do_not_hold_what_the_catalog_counts(lake: Lake) -> None:
    with lake.commit() as run:
        add_profiles(lake, run, 3)
        note(lake, run)
    (file,) = files_by_table(lake)["profiles"]
    with pytest.raises(RapportError, match="files of table profiles hold 3 rows where the catalog counts 2"):
        write_anew(lake, "profiles", [DataFile(file.path, file.bytes, 3, 1)])
    with pytest.raises(RapportError, match="hold 0 rows"):
        write_anew(lake, "profiles", [DataFile("elsewhere.parquet", 1, 3, 0)])
    assert files_by_table(lake)["profiles"] == [file]
