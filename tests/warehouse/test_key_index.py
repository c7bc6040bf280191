"""The key index: prefixes, segments, mending and merging."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.keys import key
from warehouse.key_index import Days, Keys, Segment, add_segment, key_prefixes, mend, segments, write_segment

ids = st.integers(0, 2**128 - 1).map("{:032x}".format)
days = st.integers(-(2**31) + 1, 2**31 - 1)
entries = st.lists(st.tuples(st.integers(0, 2**64 - 1), days), max_size=30)


def arrays(found: Sequence[tuple[int, int]]) -> tuple[Keys, Days]:
    keys = np.array([pair[0] for pair in found], dtype=np.uint64)
    return keys, np.array([pair[1] for pair in found], dtype=np.int32)


def write(folder: Path, first: int, last: int, found: Sequence[tuple[int, int]]) -> Segment:
    return write_segment(folder, first, last, *arrays(found))


def stored(found: Sequence[Segment]) -> list[tuple[int, int]]:
    return sorted((int(k), int(d)) for segment in found for k, d in zip(segment.keys(), segment.days(), strict=True))


def spans(folder: Path) -> list[tuple[int, int]]:
    return [(segment.first, segment.last) for segment in segments(folder)]


def world(*commits: tuple[int, str, list[tuple[str, str]]]) -> duckdb.DuckDBPyConnection:
    """The tables that the index rests on: commits of (number, stage, interactions of (id, time))."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute("CREATE TABLE batches (stage VARCHAR, commit_seq BIGINT)")
    con.execute("CREATE TABLE interactions (interaction_id VARCHAR, occurred_at TIMESTAMPTZ, commit_seq BIGINT)")
    for number, stage, interactions in commits:
        con.execute("INSERT INTO batches VALUES (?, ?)", [stage, number])
        for interaction_id, occurred_at in interactions:
            con.execute("INSERT INTO interactions VALUES (?, ?, ?)", [interaction_id, occurred_at, number])
    return con


def loading(number: int) -> tuple[int, str, list[tuple[str, str]]]:
    return number, "collect", [(key("shop", str(number)), "2018-01-02 23:59:59Z")]


def entry(number: int) -> tuple[int, int]:
    return int(key("shop", str(number))[:16], 16), 17533


@given(st.lists(ids, max_size=20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_a_prefix_is_the_first_16_hex_digits_also_of_a_slice_of_a_slice(
    values: list[str], start: int, length: int, again: int
) -> None:
    found = key_prefixes(pa.array(values, pa.string()).slice(start, length).slice(again))
    assert found.dtype == np.uint64
    assert found.tolist() == [int(value[:16], 16) for value in values[start : start + length][again:]]


def test_prefixes_of_chunks_are_those_of_the_whole() -> None:
    values = [key(str(number)) for number in range(10)]
    chunked = pa.chunked_array([pa.array(values).slice(0, 3), pa.array(values).slice(3)])
    assert key_prefixes(chunked.combine_chunks()).tolist() == key_prefixes(pa.array(values)).tolist()


@given(entries)
@settings(max_examples=50, deadline=None)
def test_a_segment_gives_back_its_keys_sorted_each_with_its_day(found: list[tuple[int, int]]) -> None:
    with TemporaryDirectory() as folder:
        write(Path(folder) / "index", 3, 3, found)
        (segment,) = segments(Path(folder) / "index")
        assert stored([segment]) == sorted(found)
        assert segment.keys().tolist() == sorted(pair[0] for pair in found)


def test_a_missing_folder_has_no_segments(tmp_path: Path) -> None:
    assert segments(tmp_path / "nowhere") == []


def test_a_merged_segment_stands_for_its_parts_also_while_they_are_there(tmp_path: Path) -> None:
    for first, last in ((1, 1), (2, 2), (1, 2), (3, 3), (4, 6), (5, 5)):
        write(tmp_path, first, last, [])
    assert spans(tmp_path) == [(1, 2), (3, 3), (4, 6)]


def test_a_segment_is_not_there_before_its_keys_have_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace

    def dies(draft: Path, target: Path) -> Path:
        if ".keys" in target.name:
            raise KeyboardInterrupt
        return real(draft, target)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, 1, 1, [(1, 1)])
    assert segments(tmp_path) == []
    monkeypatch.undo()
    mend(world(loading(1)), tmp_path)
    assert stored(segments(tmp_path)) == [entry(1)]


def test_missing_segments_are_made_anew_from_the_interactions(tmp_path: Path) -> None:
    con = world(loading(1), loading(2), (3, "fit", []), loading(4), (5, "collect", []), loading(6), loading(7))
    write(tmp_path, 1, 1, [(n, n) for n in range(9)])
    write(tmp_path, 6, 6, [(7, 7)])
    mend(con, tmp_path)
    assert spans(tmp_path) == [(1, 1), (2, 7)]
    assert stored(segments(tmp_path)) == sorted([*((n, n) for n in range(9)), entry(2), entry(4), (7, 7), entry(7)])


def test_a_segment_keeps_the_utc_day_also_before_1970(tmp_path: Path) -> None:
    interactions = [("0" * 32, "1969-12-31 23:00:00Z"), ("f" * 32, "2018-01-02 00:30:00+01:00")]
    mend(world((1, "collect", interactions)), tmp_path)
    assert stored(segments(tmp_path)) == [(0, -1), (2**64 - 1, 17532)]


def test_segments_of_commits_that_never_came_are_dropped(tmp_path: Path) -> None:
    write(tmp_path, 2, 2, [(7, 7)])
    write(tmp_path, 1, 3, [(8, 8)])
    mend(world(loading(1)), tmp_path)
    assert spans(tmp_path) == [(1, 1)]
    assert stored(segments(tmp_path)) == [entry(1)]
    assert len(list(tmp_path.iterdir())) == 2


def test_an_empty_lake_has_an_empty_index(tmp_path: Path) -> None:
    write(tmp_path, 1, 1, [(7, 7)])
    mend(world(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_parts_that_a_killed_merge_left_are_removed(tmp_path: Path) -> None:
    for first, last in ((1, 2), (1, 1), (2, 2)):
        write(tmp_path, first, last, [(first, last)])
    mend(world(loading(1), loading(2)), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "0000000001-0000000002.keys.npy",
        "0000000001-0000000002.days.npy",
    }


def test_mending_what_is_whole_writes_nothing(tmp_path: Path) -> None:
    con = world(*map(loading, range(1, 30)))
    mend(con, tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    mend(con, tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@given(st.lists(entries, max_size=20), st.booleans())
@settings(max_examples=50, deadline=None)
def test_merging_keeps_every_key_in_a_few_segments_that_cover_every_commit(
    commits: list[list[tuple[int, int]]], one_process: bool
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for number, found in enumerate(commits, 1):
            (add_segment if one_process else write_segment)(folder, number, number, *arrays(found))
        mend(world(*((number, "collect", []) for number in range(1, len(commits) + 1))), folder)
        kept = segments(folder)
        assert stored(kept) == sorted(pair for found in commits for pair in found)
        for segment in kept:
            pairs = [*zip(segment.keys().tolist(), segment.days().tolist(), strict=True)]
            assert pairs == sorted(pairs)
        assert [c for s in kept for c in range(s.first, s.last + 1)] == list(range(1, len(commits) + 1))
        sizes = [len(segment.keys()) for segment in kept]
        assert all(size > sum(sizes[place + 1 :]) for place, size in enumerate(sizes[:-1]))


def test_a_segment_is_added_beside_those_of_former_commits_which_are_merged(tmp_path: Path) -> None:
    for number in range(1, 10):
        add_segment(tmp_path, number, number, *arrays([(number, number)]))
    assert spans(tmp_path) == [(1, 8), (9, 9)]
    assert stored(segments(tmp_path)) == [(number, number) for number in range(1, 10)]
