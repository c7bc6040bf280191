"""Law 3: any permutation of events and any split into runs gives the same as one run over everything."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.states import assert_conserved, differences, held, one, rows
from tests.laws.worlds import new_home, run_load, small_world, world


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 7), order=st.integers(0, 2**32), runs=st.integers(2, 3))
def test_any_order_and_any_split_into_runs_give_the_state_of_one_run(seed: int, order: int, runs: int) -> None:
    load, random = small_world(seed), Random(order)
    with new_home() as together, new_home() as apart:
        run_load(together, load)
        for part in load.shuffled(random).dealt(runs, random):
            run_load(apart, part, random)
            assert_conserved(apart)
        assert_conserved(together)
        with held(together) as left, held(apart) as right:
            assert differences(left, right) == {}
        received = "SELECT SUM(received_count)::BIGINT FROM landing_files"
        assert one(together, received) == one(apart, received) == len(load.records)
        refused = "SELECT reason_code, COUNT(*) FROM rejections GROUP BY ALL ORDER BY ALL"
        assert rows(together, refused) == rows(apart, refused) != []
