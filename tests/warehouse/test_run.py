"""Times of a run."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.errors import UsageError
from warehouse.run import next_midnight, parse_as_of, parse_instant

EAST = timezone(timedelta(hours=5, minutes=30))


@given(st.integers(-(2**31), 2**33), st.sampled_from([UTC, EAST, timezone(timedelta(hours=-11))]))
@settings(max_examples=100, deadline=None)
def test_the_next_midnight_is_the_first_after_now(seconds: int, zone: timezone) -> None:
    now = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(zone)
    found = next_midnight(now)
    assert found > now
    assert found - now <= timedelta(days=1)
    assert (found.hour, found.minute, found.second, found.microsecond, found.tzinfo) == (0, 0, 0, 0, UTC)


def test_midnight_itself_belongs_to_the_day_that_begins() -> None:
    assert next_midnight(datetime(2018, 1, 2, tzinfo=UTC)) == datetime(2018, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2018-01-02", datetime(2018, 1, 2, tzinfo=UTC)),
        ("2018-01-02T03:04:05", datetime(2018, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2018-01-02T03:04:05Z", datetime(2018, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2018-01-02T00:00:00+05:30", datetime(2018, 1, 1, 18, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_utc(text: str, expected: datetime) -> None:
    found = parse_instant(text)
    assert (found, found.tzinfo) == (expected, UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2018-13-01", "2018-01-02T25:00", "0001-01-01T00:00:00+05:00"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="is not an ISO-8601 time; write for example 2018-01-02T00:00:00Z"):
        parse_instant(text)


@pytest.mark.parametrize("text", ["2018-01-02", "2018-01-02T00:00:00Z", "2018-01-02T05:30:00+05:30"])
def test_an_as_of_is_a_utc_midnight(text: str) -> None:
    assert parse_as_of(text) == datetime(2018, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2018-01-02T00:00:01Z", "2018-01-02T00:00:00+05:30"])
def test_an_as_of_within_a_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a UTC midnight; days are counted whole"):
        parse_as_of(text)
