"""Law 4: an event of any age ends in the same state as if it had come in time; only what it touches is rewritten."""

from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.keep.till import row, till
from tests.laws.states import assert_conserved, differences, held, one, rows
from tests.laws.worlds import new_home, run, run_load, small_world, world


@settings(max_examples=1, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(seed=st.integers(0, 7), order=st.integers(0, 2**32), share=st.sampled_from([0.02, 0.3]))
def test_late_events_end_in_the_state_of_events_in_time(seed: int, order: int, share: float) -> None:
    load, random = small_world(seed), Random(order)
    late = set(random.sample(range(len(load.records)), int(len(load.records) * share)))
    with new_home() as in_time, new_home() as with_late:
        run_load(in_time, load)
        run_load(with_late, load.of([r for n, r in enumerate(load.records) if n not in late]))
        run_load(with_late, load.of([load.records[n] for n in sorted(late)]))
        assert_conserved(with_late)
        with held(in_time) as left, held(with_late) as right:
            assert differences(left, right) == {}


def test_only_what_late_events_touch_is_rewritten() -> None:
    load = world(30, 30, seed=5, duplicate_share=0)
    latest = [n for n, (stream, text) in enumerate(load.records) if stream == "pos" and text[0] != ","][:1]
    with new_home() as home:
        run_load(home, load.of([r for n, r in enumerate(load.records) if n not in latest]))
        report = run_load(home, load.of([load.records[n] for n in latest]))
        assert report.counts.loaded == 1
        assert report.known is not None
        assert report.known.recomputed == 1
        last = "commit_seq = (SELECT MAX(commit_seq) FROM batches)"
        new = f"FROM interactions WHERE {last}"
        cell = "anchor, occurred_at::DATE, channel, event_name"
        activity = f"SELECT anchor, day, channel, event_name FROM daily_activity WHERE {last}"
        assert rows(home, activity) == rows(home, f"SELECT {cell} {new}")
        assert rows(home, f"SELECT order_id FROM orders WHERE {last}") == rows(home, f"SELECT order_id {new}")
        assert rows(home, f"SELECT category FROM daily_categories WHERE {last}") == rows(home, f"SELECT category {new}")
        assert one(home, f"SELECT COUNT(*) FROM profiles WHERE {last}") == 1
        for name in ("identities", "identity_links", "contacts", "consents", "outcomes"):
            assert one(home, f"SELECT COUNT(*) FROM {name} WHERE {last}") == 0


def test_an_event_older_than_all_others_is_where_it_belongs() -> None:
    with new_home() as home:
        run_load(home, till(row("e1", at="2025-03-01T10:00:00Z")))
        run_load(home, till(row("e0", at="1999-12-31T23:59:59Z", amount=3)))
        first_seen = "SELECT first_seen_at::DATE::VARCHAR FROM profiles"
        assert rows(home, first_seen) == [("1999-12-31",)]
        assert rows(home, "SELECT MIN(day)::VARCHAR, COUNT(*) FROM daily_activity") == [("1999-12-31", 2)]


def test_events_after_as_of_are_kept_and_profiled_when_their_time_has_come() -> None:
    with new_home() as home:
        run_load(home, till(row("e1"), row("e2", at="2026-06-01T00:00:00Z"), row("e3", at="2026-01-01T00:00:00Z")))
        orders = "SELECT order_count FROM profiles"
        assert one(home, "SELECT COUNT(*) FROM interactions") == 3
        assert one(home, orders) == 1
        run(home, "2026-01-02")
        assert one(home, orders) == 2
        run(home, "2026-06-02")
        assert one(home, orders) == 3
