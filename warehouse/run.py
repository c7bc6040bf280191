"""What every stage of one run shares."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from warehouse.errors import UsageError
from warehouse.settings import Settings


@dataclass(frozen=True)
class Run:
    """One run: its id, the commit it will be, when it began (known time), up to when it knows (valid time)."""

    batch_id: str
    commit_seq: int
    started_at: datetime
    as_of: datetime
    settings: Settings


def next_midnight(now: datetime) -> datetime:
    """The UTC midnight after `now`: the default `as_of`, so that runs of one day agree."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)


def parse_instant(text: str) -> datetime:
    """An ISO-8601 time as aware UTC; without a zone it is UTC. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise UsageError(f"'{text}' is not an ISO-8601 time; write for example 2018-01-02T00:00:00Z") from problem


def parse_as_of(text: str) -> datetime:
    """An `as_of`: an ISO-8601 time that is a UTC midnight, as rollups count days. Raises UsageError."""
    found = parse_instant(text)
    if found != found.replace(hour=0, minute=0, second=0, microsecond=0):
        raise UsageError(f"as_of '{text}' is not a UTC midnight; days are counted whole, write for example 2018-01-02")
    return found
