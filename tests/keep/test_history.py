"""Copies of what history holds: found on any day, whatever happened to the key index, never by the prefix alone."""

from pathlib import Path

import numpy as np
import pytest

from tests.keep.till import ingest, row
from tests.laws.states import assert_conserved, one, rows
from warehouse.home import Home
from warehouse.key_index import segments, write_segment

DAYS = [f"2025-{month:02d}-05T10:00:00Z" for month in range(1, 13)]


def loaded_and_duplicate(home: Home, *records: tuple[str, str]) -> tuple[int, int]:
    (report,) = ingest(home, records)
    return report.counts.loaded, report.counts.duplicate


def test_a_copy_is_found_though_it_carries_another_day(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert loaded_and_duplicate(home, *(row(f"e{n}", at=day) for n, day in enumerate(DAYS))) == (12, 0)
    assert loaded_and_duplicate(home, *(row(f"e{n}", at=day) for n, day in enumerate(reversed(DAYS)))) == (0, 12)
    assert one(home, "SELECT COUNT(*) FROM interactions") == 12
    assert_conserved(home)


@pytest.mark.parametrize("what", ["*.npy", "*.keys.npy"])
def test_a_lost_key_index_is_mended_and_copies_are_still_found(what: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    ingest(home, [row("e1", at=DAYS[0])], [row("e2", at=DAYS[5]), row("e1", at=DAYS[0])])
    for path in home.index.glob(what):
        path.unlink()
    assert loaded_and_duplicate(home, row("e1", at=DAYS[0]), row("e2", at=DAYS[5]), row("e3")) == (1, 2)


def test_a_commit_of_nothing_new_leaves_the_index_readable(tmp_path: Path) -> None:
    home = Home(tmp_path)
    ingest(home, [row("e1")], [row("e1")], [row("")])
    assert loaded_and_duplicate(home, row("e1"), row("e2")) == (1, 1)


def test_copies_are_found_in_segments_that_were_merged(tmp_path: Path) -> None:
    home = Home(tmp_path)
    ingest(home, *([row(f"e{n}", at=day)] for n, day in enumerate(DAYS[:9])))
    assert len(segments(home.index)) < 9
    assert loaded_and_duplicate(home, *(row(f"e{n}", at=day) for n, day in enumerate(DAYS[:9]))) == (0, 9)


def test_a_copy_is_found_after_a_correction_moved_its_day_and_segments_were_merged(tmp_path: Path) -> None:
    home = Home(tmp_path)
    moves = [(DAYS[0], DAYS[5])] * 2 + [(DAYS[5], DAYS[0])] * 2
    corrections = [row(f"e{n}", at=at, version=2) for n, (_, at) in enumerate(moves)]
    ingest(home, [row(f"e{n}", at=at, version=1) for n, (at, _) in enumerate(moves)], corrections)
    earlier, later = segments(home.index)
    keys, days = (
        np.concatenate(arrays) for arrays in zip(*((s.keys(), s.days()) for s in (earlier, later)), strict=True)
    )
    write_segment(home.index, earlier.first, later.last, keys, days)
    for correction in corrections:
        assert loaded_and_duplicate(home, correction) == (0, 1)
    assert_conserved(home)


@pytest.fixture
def colliding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids whose first 64 bits are all the same: every key collides with every other."""

    def key_sql(*expressions: str) -> str:
        parts = " || ".join(f"length({e}) || ':' || {e}" for e in expressions)
        return f"repeat('a', 16) || left(sha256({parts}), 16)"

    monkeypatch.setattr("pipelines.collect.compose.key_sql", key_sql)


@pytest.mark.usefixtures("colliding")
def test_different_keys_with_equal_prefixes_are_all_kept_and_their_copies_are_not(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert loaded_and_duplicate(home, row("e1"), row("e2"), row("e1"), row("e3")) == (3, 1)
    assert loaded_and_duplicate(home, row("e4"), row("e2"), row("e5", version=1), row("e5", version=2)) == (2, 2)
    assert rows(home, "SELECT event_id FROM interactions ORDER BY event_id") == [(f"e{n}",) for n in range(1, 6)]
    assert one(home, "SELECT COUNT(DISTINCT left(interaction_id, 16)) FROM interactions") == 1


@pytest.mark.usefixtures("colliding")
def test_copies_of_colliding_keys_are_found_on_their_own_days(tmp_path: Path) -> None:
    home = Home(tmp_path)
    ingest(home, [row(f"e{n}", at=day) for n, day in enumerate(DAYS[:4])])
    for n, day in enumerate(DAYS[:4]):
        assert loaded_and_duplicate(home, row(f"e{n}", at=day)) == (0, 1)
    assert_conserved(home)
