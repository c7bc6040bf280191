"""Requests of persons that systems send as events: what is asked, until when, and what answers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from schemas.table import literals

if TYPE_CHECKING:
    from warehouse.lake import Lake
    from warehouse.reader import LakeReader

# A month, as laws on privacy have it and Shopify writes ("Privacy law compliance").
DUE = timedelta(days=30)
# An erasure takes its request away. What else was answered leaves no trace, and is listed until long after it was due.
_LISTED = DUE + timedelta(days=60)
# event -> (what is asked, whether an erasure takes it away, what answers it).
_ASKED = {
    "customer_redact_requested": ("erase", True, "erase {who}"),
    "customer_data_requested": ("access", False, "access {who} --html FILE"),
    "shop_redact_requested": ("erase a shop", False, ""),
}
_NAMES = literals(_ASKED)
_ONCE = literals(name for name, (_, is_taken, _) in _ASKED.items() if not is_taken)
_OPEN = f"""
    WITH asked AS (
        SELECT event_name, source, COALESCE(anchor, properties ->> '$.shop_domain') AS who,
            COALESCE(received_at, occurred_at) AS asked_at
        FROM interactions
        WHERE event_name IN ({_NAMES})
    )
    SELECT event_name, source, who, asked_at
    FROM asked
    WHERE event_name NOT IN ({_ONCE}) OR asked_at >= $listed_from
    ORDER BY asked_at, event_name, who, source
"""
_COUNT = f"SELECT COUNT(*) FROM interactions WHERE commit_seq >= ? AND event_name IN ({_NAMES})"
_FIRST = "SELECT MIN(commit_seq) FROM landing_files WHERE list_contains($file_ids, file_id)"


@dataclass(frozen=True)
class PersonRequest:
    """What a person asks, or a shop for all of its persons: an identifier or the shop's domain, and the command.

    `due_at` is `DUE` after it was received. `answer` is empty where no one command does it.
    """

    request: str
    source: str
    who: str | None
    asked_at: datetime
    due_at: datetime
    answer: str


def open_requests(lake: "LakeReader", now: datetime) -> list[PersonRequest]:
    """The requests that wait, the oldest first. Those that no erasure takes away leave the list 60 days overdue."""
    found = lake.sql(_OPEN, params={"listed_from": now - _LISTED})
    return [_request(*row) for row in found.fetchall()]


def _request(event_name: str, source: str, who: str | None, asked_at: datetime) -> PersonRequest:
    request, _, answer = _ASKED[event_name]
    return PersonRequest(request, source, who, asked_at, asked_at + DUE, answer.format(who=who) if who else "")


def count_requests(lake: "Lake", file_ids: Sequence[str]) -> int:
    """How many requests came in with these files; looks at the commits since the first that loaded one of them."""
    first = lake.con.execute(_FIRST, {"file_ids": list(file_ids)}).fetchone() if file_ids else None
    if not first or first[0] is None:
        return 0
    (count,) = lake.con.execute(_COUNT, [first[0]]).fetchone() or (0,)
    return int(count)
