"""What stages have done: notes in `batches`, and whether rollups are what the settings ask for."""

from collections.abc import Iterator

import pytest

from flows.progress import COLLECT, ROLLUPS, Counts, is_rolled_up, last_progress, newest_commit, write_notes
from tests.laws.worlds import new_home
from warehouse.lake import Lake, open_writer

Note = tuple[str, str | None]


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    with new_home() as home, open_writer(home) as found:
        yield found


def noted(lake: Lake, *commits: list[Note]) -> None:
    """Each list is what one commit notes: stage and fingerprint."""
    lake.con.execute("DELETE FROM batches")
    for notes in commits:
        with lake.commit() as run:
            write_notes(lake, run, [(stage, Counts(), fingerprint) for stage, fingerprint in notes])


@pytest.mark.parametrize(
    ("commits", "expected"),
    [
        ([], True),
        ([[(COLLECT, "f")]], True),
        ([[(COLLECT, "g")]], False),
        ([[(COLLECT, None)]], False),
        ([[("know", "g")]], True),
        ([[(COLLECT, "g")], [(ROLLUPS, "f")]], True),
        ([[(COLLECT, "g"), (ROLLUPS, "f")]], True),
        ([[(ROLLUPS, "f")], [(COLLECT, "f")]], True),
        ([[(ROLLUPS, "f")], [(COLLECT, "g")], [(COLLECT, "f")]], False),
        ([[(COLLECT, "f")], [(ROLLUPS, "g")]], False),
        ([[(ROLLUPS, "f")], [(ROLLUPS, "g")], [(ROLLUPS, "f")]], True),
    ],
)
def test_rollups_are_as_asked_if_every_commit_since_they_were_made_so_had_the_same_settings(
    lake: Lake, commits: list[list[Note]], expected: bool
) -> None:
    noted(lake, *commits)
    assert is_rolled_up(lake, "f") is expected


def test_all_notes_of_a_run_are_one_file_and_each_is_found(lake: Lake) -> None:
    noted(lake, [(COLLECT, "f")])
    before = len(list((lake.home.data / "main" / "batches").iterdir()))
    noted(lake, [("resolve", "r"), ("know", "k"), (COLLECT, "c")], [])
    progress = last_progress(lake, "know")
    assert progress is not None
    assert (progress.fingerprint, newest_commit(lake)) == ("k", progress.commit_seq)
    assert last_progress(lake, "decide") is None
    written = {path for path in (lake.home.data / "main" / "batches").iterdir() if "delete" not in path.name}
    assert len(written) <= before + 1
