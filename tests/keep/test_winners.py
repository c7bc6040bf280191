"""Which copy wins is a function of the set of copies; the others are kept beside it."""

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flows.ingest import ingest_paths
from schemas.copies import content_sql
from tests.keep.rows import recomputed, rolled_up
from tests.keep.till import ingest, row, written
from tests.laws.states import assert_conserved, differences, held, rows
from tests.laws.worlds import Record, new_home
from warehouse.home import Home
from warehouse.lake import open_writer

KEPT = (
    "interactions", "interaction_versions", "orders", "daily_activity", "daily_categories", "contacts", "consents",
    "outcomes", "statements",
)  # fmt: skip
# Copies of few events: they say different things, and often the same. Without a declared received time ours stands in.
COPY = st.fixed_dictionaries(
    {
        "id": st.integers(0, 7).map(lambda n: f"e{n}"),
        "version": st.sampled_from(["", "", "1", "2"]),
        "received": st.sampled_from(["", "2025-06-01T00:00:00Z", "2025-06-01T00:00:01Z"]),
        "at": st.sampled_from(["2025-03-01T10:00:00Z", "2025-03-09T23:59:59Z"]),
        "event": st.sampled_from(["order_completed", "email_unsubscribed", "coupon_redeemed", "email_clicked"]),
        "amount": st.sampled_from(["", "5", "7.5"]),
        "order": st.sampled_from(["", "o"]),
        "contact": st.sampled_from(["", "k"]),
        "category": st.sampled_from(["", "c"]),
        "user": st.sampled_from(["u1", "u2"]),
    }
)


def the_winner(copies: list[dict[str, Any]]) -> dict[str, Any]:
    """The rule, read word by word: greatest version, else earliest received time given, else smallest digest."""

    def rank(copy: dict[str, Any]) -> tuple[Any, ...]:
        return copy["received_at"] is None, copy["received_at"] or 0, copy["content"]

    greatest = max((copy["source_version"] or "" for copy in copies), default="")
    newest = [copy for copy in copies if (copy["source_version"] or "") == greatest]
    return min(newest, key=rank)


def copies_in(home: Home) -> dict[str, list[dict[str, Any]]]:
    """Every different copy of each event, the winner first."""
    given = "CASE WHEN NOT is_received_assigned THEN epoch_us(received_at) END AS received_at"
    said = f"event_id, source_version, {given}"
    query = f"""
        SELECT {said}, {content_sql()} AS content FROM interactions
        UNION ALL
        SELECT {said}, content_sha256 FROM interaction_versions
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for event_id, version, received, content in rows(home, query):
        copy = {"source_version": version, "received_at": received, "content": content}
        found.setdefault(event_id, []).append(copy)
    return found


@settings(
    max_examples=1,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(said=st.lists(COPY, min_size=40, max_size=80), order=st.integers(0, 2**32))
def test_the_set_of_copies_decides_and_neither_their_order_nor_their_runs(
    said: list[dict[str, str]], order: int
) -> None:
    records, random = [row(**copy) for copy in said], Random(order)
    with new_home() as together, new_home() as apart:
        ingest(together, records)
        shuffled = random.sample(records, len(records))
        cuts = sorted(random.sample(range(1, len(records)), 2))
        ingest(apart, shuffled[: cuts[0]], shuffled[cuts[0] : cuts[1]], shuffled[cuts[1] :])
        for home in (together, apart):
            assert_conserved(home)
            found = copies_in(home)
            assert {copies[0]["content"] for copies in found.values()} == {
                the_winner(copies)["content"] for copies in found.values()
            }
            said_once = {
                tuple(sorted((name, cell) for name, cell in copy.items() if name != "received")) for copy in said
            }
            assert sum(map(len, found.values())) == len(said_once)
        with held(together) as left, held(apart) as right:
            assert differences(left, right, KEPT) == {}


@settings(max_examples=1, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(runs=st.lists(st.lists(COPY, min_size=10, max_size=25), min_size=2, max_size=3))
def test_after_every_run_each_rollup_is_what_its_query_gives_over_all_interactions(
    runs: list[list[dict[str, str]]],
) -> None:
    with new_home() as home:
        for said in runs:
            ingest(home, [row(**copy) for copy in said])
            with open_writer(home) as lake:
                assert rolled_up(lake.con) == recomputed(lake.con, lake.settings)


class TestOneEvent:
    def told(self, home: Home) -> tuple[list[Any], list[Any]]:
        """The amount that won, and those that lost with the commits from and to which they had won."""
        lost = "SELECT amount::INTEGER, commit_from, commit_to FROM interaction_versions ORDER BY ALL"
        return [r[0] for r in rows(home, "SELECT amount::INTEGER FROM interactions")], rows(home, lost)

    def test_an_equal_copy_is_a_duplicate_that_is_not_stored(self, home: Home) -> None:
        reports = ingest(home, [row("e1", amount=5), row("e1", amount=5)], [row("e1", amount=5)])
        assert [(r.counts.loaded, r.counts.duplicate) for r in reports] == [(1, 1), (0, 1)]
        assert self.told(home) == ([5], [])
        assert_conserved(home)

    def test_a_greater_version_retracts_the_earlier_row(self, home: Home) -> None:
        reports = ingest(home, [row("e1", amount=5, version=1)], [row("e1", amount=7, version=2)])
        assert [(r.counts.loaded, r.counts.duplicate) for r in reports] == [(1, 0), (0, 1)]
        assert self.told(home) == ([7], [(5, 1, 2)])
        assert rows(home, "SELECT amount::INTEGER FROM orders") == [(7,)]
        assert_conserved(home)

    def test_a_smaller_version_that_comes_later_never_wins(self, home: Home) -> None:
        ingest(home, [row("e1", amount=7, version=2)], [row("e1", amount=5, version=1)], [row("e1", amount=3)])
        assert self.told(home) == ([7], [(3, None, 3), (5, None, 2)])

    def test_a_version_wins_against_none_and_an_earlier_received_time_against_a_later_or_none(self, home: Home) -> None:
        late, early = "2025-06-02T00:00:00Z", "2025-06-01T00:00:00Z"
        ingest(home, [row("e1", amount=1)], [row("e1", amount=2, received=late)], [row("e1", amount=3, received=early)])
        assert self.told(home) == ([3], [(1, 1, 2), (2, 2, 3)])
        ingest(home, [row("e1", amount=4, version=1, received=late)])
        assert self.told(home)[0] == [4]

    def test_a_loser_that_is_sent_again_is_kept_once(self, home: Home) -> None:
        ingest(home, [row("e1", amount=5, version=1)], [row("e1", amount=7, version=2)])
        ingest(home, [row("e1", amount=5, version=1)], [row("e1", amount=5, version=1)] * 2)
        assert self.told(home) == ([7], [(5, 1, 2)])

    def test_the_winner_is_noted_as_having_won_though_an_equal_copy_loses_beside_its_correction(
        self, home: Home
    ) -> None:
        ingest(home, [row("e1", amount=5, version=1)])
        ingest(home, [row("e1", amount=5, version=1), row("e1", amount=7, version=2)])
        assert self.told(home) == ([7], [(5, 1, 2)])

    def test_a_copy_that_lost_in_its_file_is_no_loser_where_an_equal_one_wins(self, home: Home) -> None:
        first, second, third = (f"2025-06-01T00:00:0{n}Z" for n in range(3))
        with open_writer(home) as lake:
            given = [
                [row("e1", amount=5, received=third), row("e1", amount=7, received=second)],
                [row("e1", amount=5, received=first)],
            ]
            files = [written(home, [text for _, text in records]) for records in given]
            report = ingest_paths(lake, "table", files, "till", home.root / "till.toml")
        assert (report.counts.loaded, report.counts.duplicate) == (1, 2)
        assert self.told(home) == ([5], [(7, None, 1)])

    def test_versions_that_are_numbers_are_compared_as_numbers(self, home: Home) -> None:
        ingest(home, [row("e1", amount=9, version=9)], [row("e1", amount=10, version=10)])
        assert self.told(home)[0] == [10]

    def test_the_same_id_from_another_source_is_another_event(self, home: Home) -> None:
        ingest(home, [row("e1")])
        path, mapping = home.root / "given" / "0.csv", home.root / "till.toml"
        with open_writer(home) as lake:
            report = ingest_paths(lake, "table", [path], "another till", mapping)
        assert (report.counts.loaded, report.counts.duplicate) == (1, 0)

    def test_when_everything_of_a_file_loses_nothing_of_it_is_added(self, home: Home) -> None:
        ingest(home, [row("e1", version=2), row("e2", version=2)])
        (report,) = ingest(home, [row("e1", version=1), row("e2", version=1)])
        assert (report.counts.loaded, report.counts.duplicate) == (0, 2)
        assert rows(home, "SELECT DISTINCT commit_seq FROM interactions") == [(1,)]


@pytest.fixture
def home(tmp_path: Any) -> Home:
    return Home(tmp_path)


def test_a_file_of_copies_of_many_records_counts_each_once(home: Home) -> None:
    records: list[Record] = [row(f"e{n % 10}", amount=n % 10) for n in range(100)]
    (report,) = ingest(home, records)
    assert (report.counts.received, report.counts.loaded, report.counts.duplicate) == (100, 10, 90)
    assert_conserved(home)
