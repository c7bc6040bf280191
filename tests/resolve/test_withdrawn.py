"""Corrections: what events said about identity goes again with them, and nothing else is read."""

from datetime import date, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.resolve.resolve import resolve
from pipelines.resolve.withdrawn import ranges_sql
from tests.lakes import memory_lake
from tests.resolve.rules import expected
from tests.resolve.test_resolve import CONTESTED, IDENTIFIERS, worlds_of
from tests.resolve.worlds import (
    Event,
    current,
    customers,
    event,
    expected_links,
    links,
    put,
    roll_up,
    run_of,
    take_out,
)

UTC = memory_lake()
# An event, and the commits (of 1 to 4) that bring it and that take it out again; 5 is never.
Life = tuple[Event, int, int]


def lives_of(world: list[Event]) -> st.SearchStrategy[list[Life]]:
    spans = st.tuples(st.integers(1, 4), st.integers(2, 5)).filter(lambda span: span[0] < span[1])
    return st.lists(spans, min_size=len(world), max_size=len(world)).map(
        lambda found: [(event, *span) for event, span in zip(world, found, strict=True)]
    )


lives = st.one_of(worlds_of(IDENTIFIERS, 1, 3, 1), worlds_of(CONTESTED, 2, 2, 6)).flatmap(lives_of)


def lived(lives: list[Life]) -> duckdb.DuckDBPyConnection:
    con = memory_lake()
    for commit in range(1, 5):
        put(con, [found for found, born, _ in lives if born == commit], commit)
        take_out(con, [found for found, _, lost in lives if lost == commit], commit)
        roll_up(con)
        resolve(con, run_of(commit), commit - 1 if commit > 1 else None)
    return con


@given(lives=lives)
@settings(max_examples=25, deadline=None)
def test_after_any_corrections_identities_and_links_are_those_of_the_events_that_are_left(lives: list[Life]) -> None:
    con = lived(lives)
    left = [found for found, _, lost in lives if lost == 5]
    assert current(con) == expected(left)
    assert links(con) == expected_links(left)


def test_the_next_evidence_for_a_link_is_found_though_it_is_of_long_ago() -> None:
    first, second, third = (event(day * 24 * 60, "user_id:u", "device_id:d") for day in (0, 3, 9))
    con = lived([(first, 1, 3), (second, 2, 5), (third, 1, 5)])
    assert links(con) == expected_links([second, third])
    assert customers(con) == {frozenset({"user_id:u", "device_id:d"})}


def test_only_the_events_of_the_anchor_from_the_lost_evidence_on_are_read_again() -> None:
    con = memory_lake()
    before, lost, after = (event(day * 24 * 60, "user_id:u", "device_id:d") for day in (0, 3, 9))
    put(con, [lost, after, event(5 * 24 * 60, "user_id:other", "device_id:d"), event(0, "user_id:u")], 1)
    roll_up(con)
    resolve(con, run_of(1), None)
    # No resolve has seen it: if it were read, it would count.
    put(con, [before], 1)
    take_out(con, [lost], 2)
    roll_up(con)
    report = resolve(con, run_of(2), 1)
    assert (report.links_added, links(con)) == (
        1,
        expected_links([after, event(5 * 24 * 60, "user_id:other", "device_id:d")]),
    )


def test_a_lost_event_that_was_no_evidence_changes_nothing() -> None:
    seen, later = event(0, "user_id:u", "device_id:d"), event(9, "user_id:u", "device_id:d")
    con = memory_lake()
    put(con, [seen, later], 1)
    resolve(con, run_of(1), None)
    before = con.execute("SELECT * FROM identities ORDER BY ALL").fetchall()
    take_out(con, [later], 2)
    report = resolve(con, run_of(2), 1)  # the rollup is empty: it is not asked
    assert (report.customers_changed, report.identifiers_seen) == (0, 0)
    assert con.execute("SELECT * FROM identities ORDER BY ALL").fetchall() == before


def test_an_identifier_that_no_event_carries_any_more_is_closed() -> None:
    wrong = event(1, "user_id:u", "email:a@example.com")
    con = lived([(wrong, 1, 2), (event(2, "user_id:u"), 1, 5)])
    assert customers(con) == {frozenset({"user_id:u"})}
    closed = con.execute("SELECT identifier, known_to FROM identities WHERE known_to IS NOT NULL").fetchall()
    assert closed == [("email:a@example.com", run_of(2).started_at)]


@given(offsets=st.sets(st.integers(0, 3_000), min_size=1, max_size=250))
@settings(max_examples=50, deadline=None)
def test_ranges_hold_every_day_and_are_few(offsets: set[int]) -> None:
    days = [date(2020, 1, 1) + timedelta(days=offset) for offset in sorted(offsets)]
    ranges = ranges_sql(days)
    assert len(ranges) <= 100
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute(
        "CREATE TABLE t AS SELECT day::TIMESTAMPTZ AS occurred_at FROM (SELECT UNNEST(?::DATE[]) AS day)", [days]
    )
    assert con.execute(f"SELECT COUNT(*) FROM t WHERE {' OR '.join(ranges)}").fetchall() == [(len(days),)]


@pytest.mark.parametrize(("offsets", "ranges"), [([0], 1), ([0, 1, 2], 1), ([0, 2], 2), ([0, 1, 5, 6, 9], 3)])
def test_days_in_a_row_are_one_range(offsets: list[int], ranges: int) -> None:
    assert len(ranges_sql([date(2020, 1, 1) + timedelta(days=offset) for offset in offsets])) == ranges
