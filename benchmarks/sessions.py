"""Sessions of customers as Parquet files for the `table` connector: a long history, and increments on its newest day.

Sessions are counted back from the newest day at a fixed rate, so a longer history is the shorter one and more before
it. Every seventh session is a message of the company with its answers, the others are visits to the shop. A sign-up
of each customer, with all identifiers, comes before the history: the customers are the same however long it is. Each
cares for eight of the forty categories, so that a longer history says more of the same, not of ever more. In an
increment one visitor in a hundred is new.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from schemas.table import literal

SOURCE = "shop"
SESSION_EVENTS = 5
NEWEST_DAY = datetime(2025, 12, 31, tzinfo=UTC)
AS_OF = "2026-01-01"
# One in so many: events that are late, rows that are copies, rows that are corrections, visitors who are new.
LATE_SHARE = 100
COPY_SHARE = 100
CORRECTION_SHARE = 1_000
NEW_SHARE = 100
LATEST_DAYS = 400
CORRECTED_DAYS = 30

MAPPING = """\
format = "parquet"

[constants]
currency = "EUR"

[columns]
event_id = "event_id"
source_version = "version"
event_name = "event"
channel = "channel"
occurred_at = "seen_at"
received_at = "received_at"
amount = "amount"
quantity = "quantity"
product_id = "product_id"
category = "category"
order_id = "order_id"
contact_id = "contact_id"
campaign_id = "campaign_id"

[identifiers]
user_id = "user_id"
anonymous_id = "anonymous_id"
email = "email"
"""

CATEGORIES = 40
OWN_CATEGORIES = 8

# `{sessions}` gives number, name and began_at of sessions; `{version}` is 1, or 2 where an amount was wrong.
_EVENTS = """
WITH drawn AS (
    SELECT *, hash(name, 'customer') % {customers} AS customer, hash(name) AS chance, number % 7 = 0 AS is_message
    FROM ({sessions})
),
events AS (
    SELECT *, hash(name, place) AS luck, chance % 100 < 60 AS is_known,
        (customer * 7 + luck // 1000 % {own} * ({categories} // {own})) % {categories} AS category_number
    FROM drawn
    CROSS JOIN (SELECT UNNEST(range(5)) AS place)
),
named AS (
    SELECT
        *,
        CASE
            WHEN is_message AND place = 0 THEN 'email_sent'
            WHEN is_message AND place = 1 THEN 'email_delivered'
            WHEN is_message AND place = 2 AND chance % 2 = 0 THEN 'email_opened'
            WHEN is_message AND place = 3 AND chance % 6 = 0 THEN 'email_clicked'
            WHEN is_message OR place = 0 THEN 'page'
            WHEN place = 1 THEN 'product_searched'
            WHEN place = 3 AND chance % 3 = 0 THEN 'product_added'
            WHEN place = 4 AND chance % 5 = 0 THEN 'order_completed'
            ELSE 'product_viewed'
        END AS event
    FROM events
)
SELECT
    name || '-' || place AS event_id,
    '{version}' AS version,
    event,
    CASE WHEN event[:6] = 'email_' THEN 'email' ELSE 'web' END AS channel,
    began_at + to_seconds(place * 40) AS seen_at,
    began_at + to_seconds(place * 40 + 2) AS received_at,
    CASE WHEN event = 'order_completed' THEN ((luck % 9000 + 1000 * {version}) / 100)::DECIMAL(18,2) END AS amount,
    CASE WHEN event IN ('order_completed', 'product_added') THEN 1 + luck % 3 END AS quantity,
    CASE WHEN event[:8] = 'product_' THEN 'p' || category_number + luck % 125 * {categories} END AS product_id,
    CASE WHEN event[:8] = 'product_' OR event = 'order_completed' THEN 'category-' || category_number END AS category,
    CASE WHEN event = 'order_completed' THEN 'o-' || name END AS order_id,
    CASE WHEN event[:6] = 'email_' THEN 'm-' || name END AS contact_id,
    CASE WHEN event[:6] = 'email_' THEN 'campaign-' || number // 5000 END AS campaign_id,
    CASE WHEN is_known AND event[:6] <> 'email_' THEN 'u' || customer END AS user_id,
    CASE WHEN event[:6] <> 'email_' THEN 'd' || customer || '-' || chance % 2 END AS anonymous_id,
    CASE WHEN event[:6] = 'email_' THEN 'u' || customer || '@shop.example' END AS email
FROM named
"""

_SIGN_UPS = """
SELECT
    'sign-up-' || customer || '-' || device AS event_id, '1' AS version, 'identify' AS event, 'web' AS channel,
    {before} + to_seconds(customer) AS seen_at, seen_at AS received_at, NULL::DECIMAL(18,2) AS amount,
    NULL::BIGINT AS quantity, NULL::VARCHAR AS product_id, NULL::VARCHAR AS category, NULL::VARCHAR AS order_id,
    NULL::VARCHAR AS contact_id, NULL::VARCHAR AS campaign_id,
    'u' || customer AS user_id, 'd' || customer || '-' || device AS anonymous_id,
    CASE WHEN device = 0 THEN 'u' || customer || '@shop.example' END AS email
FROM range({customers}) AS c (customer)
CROSS JOIN range(2) AS d (device)
"""

_HISTORY = """
SELECT number, 'h' || number AS name, {end} - to_microseconds((number + 1) * {gap}) AS began_at
FROM range({first}, {last}) AS s (number)
"""

_INCREMENT = """
SELECT number, 'i{increment}-' || number AS name, {end} + to_microseconds(number * {gap}) AS began_at
FROM range({first}, {last}) AS s (number)
"""

# A late event keeps its time of receipt.
_LATE = """
SELECT * REPLACE (
    CASE
        WHEN hash(event_id, 'late') % {late_share} = 0
        THEN seen_at - to_days(pow({latest_days}, hash(event_id, 'days') % 1000 / 1000)::INTEGER)
        ELSE seen_at
    END AS seen_at
)
FROM ({events})
"""


@dataclass(frozen=True)
class Shop:
    """A shop with so many customers and sessions in an average day; `gap` is the time between two, microseconds."""

    customers: int
    sessions_a_day: int = 5_480

    @property
    def gap(self) -> int:
        """Microseconds from one session to the next."""
        return 86_400_000_000 // self.sessions_a_day

    def write_history(self, folder: Path, events: int, events_a_file: int = 1_000_000) -> list[Path]:
        """Write sign-ups and sessions, `events` rows in all, oldest first; gives the files in that order.

        Raises ValueError for a history that has no room for two sign-ups of each customer and one session.
        """
        sessions = (events - 2 * self.customers) // SESSION_EVENTS
        if sessions < 1:
            raise ValueError(f"{events} events are too few for {self.customers} customers; twice as many sign up")
        before = NEWEST_DAY - timedelta(microseconds=(sessions + 1) * self.gap) - timedelta(days=2 + LATEST_DAYS)
        queries = [_SIGN_UPS.format(before=_instant(before), customers=self.customers)]
        size = events_a_file // SESSION_EVENTS
        queries += [self._history(max(0, end - size), end) for end in range(sessions, 0, -size)]
        return [_written(query, folder / f"history-{number:03d}.parquet") for number, query in enumerate(queries)]

    def write_increment(self, folder: Path, number: int, events: int, history_events: int) -> Path:
        """Write increment `number` on the newest day: one row in a hundred late, one a copy, one in 1,000 a correction.

        Copies are of the increment itself and of the day before, corrections of orders of the last 30 days.
        """
        copies, corrections = events // COPY_SHARE, events // CORRECTION_SHARE
        sessions = -(-(events - copies - corrections) // SESSION_EVENTS)
        known = (history_events - 2 * self.customers) // SESSION_EVENTS
        customers = self.customers + self.customers // NEW_SHARE
        fresh = self._events(_INCREMENT, 1, customers, increment=number, first=0, last=sessions)
        fresh = _LATE.format(events=fresh, late_share=LATE_SHARE, latest_days=LATEST_DAYS)
        before = self._history(0, min(known, self.sessions_a_day))
        later = self._history(0, min(known, self.sessions_a_day * CORRECTED_DAYS), 2)
        query = f"""
            WITH fresh AS (FROM ({fresh}) LIMIT {events - copies - corrections})
            FROM fresh
            UNION ALL FROM (FROM fresh ORDER BY hash(event_id, 'copy') LIMIT {copies - copies // 2})
            UNION ALL FROM (FROM ({before}) ORDER BY hash(event_id, {number}) LIMIT {copies // 2})
            UNION ALL FROM (
                FROM ({later}) WHERE event = 'order_completed' ORDER BY hash(event_id, {number}) LIMIT {corrections}
            )
        """
        return _written(query, folder / f"increment-{number:03d}.parquet")

    def _history(self, first: int, last: int, version: int = 1) -> str:
        return self._events(_HISTORY, version, self.customers, first=first, last=last)

    def _events(self, sessions: str, version: int, customers: int, **numbers: int) -> str:
        chosen = sessions.format(end=_instant(NEWEST_DAY), gap=self.gap, **numbers)
        return _EVENTS.format(
            sessions=chosen, customers=customers, version=version, categories=CATEGORIES, own=OWN_CATEGORIES
        )


def _instant(at: datetime) -> str:
    return f"{literal(at.isoformat())}::TIMESTAMPTZ"


def _written(query: str, path: Path) -> Path:
    """Write the rows of `query` to `path`; the file has its name only when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET preserve_insertion_order = FALSE")
        con.execute(f"COPY ({query}) TO {literal(str(draft))} (FORMAT parquet)")
    return draft.replace(path)
