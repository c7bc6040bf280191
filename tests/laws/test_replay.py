"""Law 2: ingesting the same data any number of times, in any mixture, changes nothing after the first."""

from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.laws.states import assert_conserved, contents, one
from tests.laws.worlds import new_home, run_load, small_world


@settings(max_examples=1, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(seed=st.integers(0, 7), order=st.integers(0, 2**32))
def test_any_mixture_of_the_same_data_changes_nothing(seed: int, order: int) -> None:
    load, random = small_world(seed), Random(order)
    with new_home() as home:
        run_load(home, load)
        before = contents(home)
        again = load.of(random.choices(load.records, k=len(load.records))).shuffled(random)
        for mixture in (load.shuffled(random), again):
            counts = run_load(home, mixture, random).counts
            assert counts.loaded == 0
            assert counts.received == counts.duplicate + counts.rejected == len(load.records)
        assert contents(home) == before
        assert_conserved(home)
        assert one(home, "SELECT COUNT(*) FROM batches WHERE stage = 'collect'") == 3
