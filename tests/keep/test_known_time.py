"""What an event said at any commit can be told for ever, however its copies came."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipelines.keep.rollup import recompute
from schemas.copies import content_sql
from schemas.keys import key
from tests.keep.memory import MemoryLake, said
from tests.keep.rows import AT, Row, event, recomputed, rolled_up, run_of
from warehouse.compare import current_sql
from warehouse.home import Home

COPY = st.fixed_dictionaries(
    {
        "number": st.integers(0, 2),
        "version": st.sampled_from([None, None, None, "1"]),
        "received": st.none() | st.integers(0, 5),
        "order_id": st.sampled_from(["o", "p"]),
        "anchor": st.sampled_from(["user_id:u1", "user_id:u2"]),
        "day": st.sampled_from([0, 0, 400]),
    }
)
RUNS = st.lists(st.lists(st.lists(COPY, min_size=1, max_size=3), min_size=1, max_size=2), min_size=1, max_size=6)
Runs = list[list[list[Row]]]
FIRST: Row = {"order_id": "o"}
SECOND: Row = {"order_id": "p"}


def rows_of(runs: Runs) -> Runs:
    """Rows of interactions: those of the n-th run have commit n, each run has parts."""
    return [
        [[_row(copy, commit, part, place) for place, copy in enumerate(copies)] for part, copies in enumerate(parts)]
        for commit, parts in enumerate(runs, start=1)
    ]


def _row(copy: Row, commit: int, part: int, place: int) -> Row:
    return {
        **event(f"e{copy['number']}", anchor=copy["anchor"]),
        "interaction_id": key("till", f"e{copy['number']}"),
        "source_version": copy["version"],
        "is_received_assigned": copy["received"] is None,
        "received_at": AT + timedelta(seconds=copy["received"] or 0),
        "order_id": copy["order_id"],
        "occurred_at": AT + timedelta(days=copy["day"]),
        "commit_seq": commit,
        "file_id": f"{commit}-{part}",
        "row_number": place,
    }


def the_winner(copies: list[tuple[Row, str]]) -> tuple[Row, str]:
    """The rule, read word by word: greatest version, else earliest received time given, else smallest digest."""
    versions = [copy for copy in copies if copy[0]["source_version"]] or copies
    return min(
        versions,
        key=lambda c: (c[0]["is_received_assigned"], not c[0]["is_received_assigned"] and c[0]["received_at"], c[1]),
    )


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with TemporaryDirectory() as folder:
        yield MemoryLake(Home(Path(folder))).con


def known_at(lake: MemoryLake, commit: int) -> dict[str, str]:
    """What each event said at a commit."""
    found = lake.con.execute(f"""
        SELECT interaction_id, {content_sql()} FROM interactions WHERE commit_seq <= {commit}
        UNION ALL
        SELECT interaction_id, content_sha256 FROM interaction_versions
        WHERE commit_from <= {commit} AND commit_to > {commit}
    """).fetchall()
    assert len(found) == len(dict(found))
    return dict(found)


def history(lake: MemoryLake) -> list[str]:
    """All that is kept of copies, with the commits at which they won and lost."""
    kept = lake.con.execute(
        "SELECT interaction_id, commit_seq, received_at, file_id, order_id, anchor FROM interactions ORDER BY ALL"
    )
    lost = "SELECT interaction_id, content_sha256, commit_from, commit_to FROM interaction_versions ORDER BY ALL"
    return [*map(repr, kept.fetchall()), *map(repr, lake.con.execute(lost).fetchall())]


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(dealt=RUNS)
def test_what_was_known_at_each_commit_is_known_for_ever(con: duckdb.DuckDBPyConnection, dealt: Runs) -> None:
    runs = rows_of(dealt)
    copies = [(row, said(con, row)) for parts in runs for rows in parts for row in rows]
    by_event: dict[str, list[tuple[Row, str]]] = {}
    for copy in copies:
        by_event.setdefault(copy[0]["interaction_id"], []).append(copy)
    with TemporaryDirectory() as folder:
        lake = MemoryLake(Home(Path(folder)))
        for commit, parts in enumerate(runs, start=1):
            report = lake.keep(commit, parts)
            assert sum(report.loaded.values()) + sum(report.duplicates.values()) == sum(map(len, parts))
            for past in range(1, commit + 1):
                then = {
                    event_id: the_winner(known)[1]
                    for event_id, found in by_event.items()
                    if (known := [copy for copy in found if copy[0]["commit_seq"] <= past])
                }
                assert known_at(lake, past) == then
            assert rolled_up(lake.con) == recomputed(lake.con)
        winners = {event_id: the_winner(found) for event_id, found in by_event.items()}
        kept = lake.con.execute("SELECT interaction_id, is_received_assigned, received_at FROM interactions").fetchall()
        for event_id, is_assigned, received in kept:
            winner = winners[event_id][0]
            assert (is_assigned, is_assigned or received) == (
                winner["is_received_assigned"],
                is_assigned or winner["received_at"],
            )
        lost = {(event_id, c[1]) for event_id, found in by_event.items() for c in found if c[1] != winners[event_id][1]}
        current = current_sql("interaction_versions", "main")
        found = lake.con.execute(
            f"SELECT interaction_id, content_sha256 FROM interaction_versions WHERE {current}"
        ).fetchall()
        assert sorted(found) == sorted(lost)


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(dealt=RUNS, cut=st.integers(0, 5))
def test_commits_kept_together_leave_the_history_that_they_left_one_by_one(dealt: Runs, cut: int) -> None:
    runs = rows_of(dealt)
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        apart, together = MemoryLake(Home(Path(one))), MemoryLake(Home(Path(other)))
        loaded: dict[str, int] = {}
        for commit, parts in enumerate(runs, start=1):
            loaded |= apart.keep(commit, parts).loaded
        counted: dict[str, int] = {}
        for first, last in ((1, min(cut, len(runs))), (min(cut, len(runs)) + 1, len(runs))):
            series = [rows for parts in runs[first - 1 : last] for rows in parts]
            if series:
                counted |= together.keep(last, series, first_commit=first).loaded
        assert history(together) == history(apart)
        assert counted == loaded
        recompute(together.con, run_of(len(runs)))
        assert rolled_up(together.con) == rolled_up(apart.con)


class TestOneEvent:
    def told(self, folder: Path, *copies: Row) -> list[tuple[str, int | None, int | None]]:
        """Order, first and last commit of every row of the event, after one run for each copy."""
        lake = MemoryLake(Home(folder))
        plain = {"number": 0, "version": None, "anchor": "user_id:u1", "day": 0}
        for commit, parts in enumerate(rows_of([[[{**plain, **copy}]] for copy in copies]), start=1):
            lake.keep(commit, parts)
        return lake.con.execute("""
            SELECT order_id, commit_from, commit_to FROM interaction_versions
            UNION ALL
            SELECT order_id, commit_seq, NULL FROM interactions
            ORDER BY ALL
        """).fetchall()

    @pytest.mark.parametrize("few", [0, 1000])
    def test_a_copy_that_won_and_lost_may_win_again_among_few_and_among_many(
        self, few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pipelines.keep.winners._FEW", few)
        copies = [{**FIRST, "received": 5}, {**SECOND, "received": 3}, {**FIRST, "received": 1}]
        assert self.told(tmp_path, *copies) == [("o", 1, 2), ("o", 3, None), ("p", 2, 3)]

    def test_a_copy_that_never_won_is_forgotten_as_such_when_it_wins(self, tmp_path: Path) -> None:
        copies = [{**SECOND, "received": 3}, {**FIRST, "received": 5}, {**FIRST, "received": 1}]
        assert self.told(tmp_path, *copies) == [("o", 3, None), ("p", 1, 3)]

    def test_an_equal_copy_that_was_received_earlier_does_not_move_when_it_was_known(self, tmp_path: Path) -> None:
        copies = [{**FIRST, "received": 5}, {**FIRST, "received": None}, {**FIRST, "received": 3}]
        assert self.told(tmp_path, *copies) == [("o", 1, None)]
        again = [*copies, {**SECOND, "received": 4}, {**SECOND, "received": 2}]
        assert self.told(tmp_path / "again", *again) == [("o", 1, 5), ("p", 5, None)]
