"""Ranges of days hold every day that is asked for, and few others."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.keep.days import days_between, ranges, within_sql
from tests.lakes import memory_lake

DAYS = st.sets(st.integers(-50, 50))


@settings(max_examples=50, deadline=None)
@given(days=DAYS, most=st.integers(1, 5))
def test_few_ranges_hold_all_days_and_leave_out_the_widest_gaps(days: set[int], most: int) -> None:
    found = ranges(days, most)
    assert len(found) <= most
    assert all(any(first <= day <= last for first, last in found) for day in days)
    assert {edge for pair in found for edge in pair} <= days
    assert sorted(found) == found
    inside = [gap for first, last in found for gap in _gaps(sorted(d for d in days if first <= d <= last))]
    outside = [right[0] - left[1] for left, right in pairwise(found)]
    assert max(inside, default=0) <= min(outside, default=200)


def _gaps(ordered: list[int]) -> list[int]:
    return [later - earlier for earlier, later in pairwise(ordered)]


def test_enough_ranges_hold_no_other_day() -> None:
    assert ranges([1, 2, 3, 7, 9, 10]) == [(1, 3), (7, 7), (9, 10)]
    assert ranges([]) == []


def test_the_predicate_takes_whole_utc_days() -> None:
    con = memory_lake()
    times = (
        "1970-01-01 23:59:59.999999+00",
        "1970-01-02 00:00:00+00",
        "1970-01-02 23:59:59.999999+00",
        "1970-01-04 00:00:00+00",
    )
    values = ", ".join(f"(TIMESTAMPTZ '{time}')" for time in times)
    query = f"SELECT epoch_us(moment) // 86400000000 FROM (VALUES {values}) AS t (moment) WHERE "
    assert con.execute(query + within_sql("moment", [1])).fetchall() == [(1,), (1,)]
    assert con.execute(query + within_sql("moment", [0, 3])).fetchall() == [(0,), (3,)]
    assert con.execute(query + within_sql("moment", [])).fetchall() == []


def test_a_row_that_does_not_say_its_days_may_have_any() -> None:
    con = memory_lake()
    con.execute("CREATE TEMP TABLE spans AS SELECT DATE '1970-01-02' AS first, DATE '1970-01-04' AS last")
    assert sorted(days_between(con, "spans", "first", "last") or []) == [1, 2, 3]
    con.execute("INSERT INTO spans VALUES (NULL, DATE '1970-01-04')")
    assert days_between(con, "spans", "first", "last") is None
