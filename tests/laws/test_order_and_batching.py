"""Law 3: any permutation of events and any split into runs gives the same as one run over everything."""

from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flows.landing import bounded
from pipelines.collect.landing import LandedFile
from tests.laws.states import assert_conserved, differences, held, one, rows
from tests.laws.worlds import drop, new_home, run, run_load, small_world

REFUSED = "SELECT reason_code, COUNT(*) FROM rejections GROUP BY ALL ORDER BY ALL"


@settings(max_examples=1, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(seed=st.integers(0, 7), order=st.integers(0, 2**32), runs=st.integers(2, 3))
def test_any_order_any_split_into_runs_and_any_number_of_threads_give_the_state_of_one_run(
    seed: int, order: int, runs: int
) -> None:
    load, random = small_world(seed), Random(order)
    with new_home() as together, new_home() as apart:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RAPPORT_THREADS", "2")
            run_load(together, load)
        for part in load.shuffled(random).dealt(runs, random):
            run_load(apart, part, random)
        assert_conserved(apart)
        with held(together) as left, held(apart) as right:
            assert differences(left, right) == {}
        received = "SELECT SUM(received_count)::BIGINT FROM landing_files"
        assert one(together, received) == one(apart, received) == len(load.records)
        assert rows(together, REFUSED) == rows(apart, REFUSED) != []


def test_a_backlog_in_bounded_commits_gives_the_state_of_one_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    load = small_world(1)
    with new_home() as together, new_home() as bounded_home:
        run_load(together, load)
        monkeypatch.setenv("RAPPORT_MAX_BATCH_EVENTS", "1")
        drop(bounded_home, load)
        report = run(bounded_home)
        assert report.files == 4
        assert report.counts.received == len(load.records)
        assert one(bounded_home, "SELECT COUNT(*) FROM batches WHERE stage = 'collect'") == 4
        assert one(bounded_home, "SELECT COUNT(DISTINCT commit_seq) FROM batches") == 4
        with held(together) as left, held(bounded_home) as right:
            assert differences(left, right) == {}


@given(sizes=st.lists(st.integers(0, 3_000), max_size=12), most=st.integers(1, 5))
def test_series_of_files_stay_under_the_bound_unless_one_file_alone_is_greater(sizes: list[int], most: int) -> None:
    files = [LandedFile(str(n), "segment", "segment", "", "", "", size, None, "") for n, size in enumerate(sizes)]
    series = list(bounded(files, most))
    assert [file for each in series for file in each] == files
    assert all(len(each) == 1 or sum(file.size_bytes for file in each) <= most * 500 for each in series)
    assert all(each for each in series)
