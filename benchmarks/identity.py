"""Who is one customer, against the truth: `python -m benchmarks.identity [--customers N] [--seed N]`.

A world of customers with an account, an e-mail address, for most a phone number, for half a loyalty card, and three
devices each; two devices in a hundred are used by the neighbour too. They browse without a name, log in, click in
mails, buy with the card. One device in a hundred never sees a login. Printed are precision and recall over pairs of
identifiers, the time that resolve takes, and how many links it read.

A pair is true if both identifiers are one person's alone. A shared device is nobody's alone: tied to a person it counts
against precision. `recall_with_shared` is the recall if it were both persons', which no map of one customer each gives.
"""

import argparse
import sys
import time
from dataclasses import dataclass, fields
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.resolve.resolve import resolve
from schemas.identifiers import anchor_sql, identifier_sql
from schemas.tables import tables
from warehouse.functions import add_functions
from warehouse.run import Run
from warehouse.settings import Settings

DEVICES = 3
SHARED_SHARE = 0.02
ANONYMOUS_SHARE = 0.01
LOGINS, BROWSED = 2.0, 3.0
START = datetime(2023, 1, 1, tzinfo=UTC)
_SECONDS = 365 * 86_400

# Who did what: the parts of the world, each with the identifiers on its events.
_EVENTS = {
    "browsing": "[{'kind': 'device_id', 'value': 'd' || device}]",
    "login": "[{'kind': 'user_id', 'value': 'u' || person}, {'kind': 'device_id', 'value': 'd' || device}]",
    "mail": "[{'kind': 'email', 'value': 'p' || person || '@example.com'}, "
    "{'kind': 'device_id', 'value': 'd' || device}]",
    "profile": "list_filter([{'kind': 'user_id', 'value': 'u' || person}, "
    "{'kind': 'email', 'value': 'p' || person || '@example.com'}, "
    "{'kind': 'phone', 'value': CASE WHEN person % 10 < 7 THEN '+4930' || person END}, "
    "{'kind': 'loyalty_id', 'value': CASE WHEN person % 2 = 1 THEN 'l' || person END}], "
    "lambda i: i.value IS NOT NULL)",
}
_INTERACTIONS = """
    INSERT INTO interactions BY NAME
    WITH events AS (
        SELECT {event} AS event_name, moment, {identifiers} AS identifiers,
            {event} || ROW_NUMBER() OVER (ORDER BY moment, person, device) AS event_id
        FROM part
    )
    SELECT md5(event_id) AS interaction_id, 'world' AS source, 'segment' AS connector, event_id, 'web' AS channel,
        event_name, 'inbound' AS direction, 'customer' AS initiator, $start + to_seconds(moment) AS occurred_at,
        occurred_at AS received_at, occurred_at AS ingested_at, FALSE AS is_received_assigned,
        'occurred' AS time_basis, identifiers, {anchor} AS anchor, FALSE AS is_machine, 'batch' AS batch_id,
        'file' AS file_id, 1 AS row_number, 0 AS element, 1 AS commit_seq
    FROM events
"""
_PAIRS = f"""
    WITH truth AS (
        SELECT {identifier_sql("'device_id'", "('d' || device)")} AS identifier, person FROM used
        UNION
        SELECT {identifier_sql("kind", "value")}, substr(anchor, 10)::BIGINT
        FROM (SELECT anchor, UNNEST(identifiers, recursive := TRUE) FROM interactions WHERE event_name = 'profile')
    ),
    seen AS (
        SELECT identifier, customer_id, person, COUNT(*) OVER (PARTITION BY identifier) > 1 AS is_shared
        FROM identities
        JOIN truth USING (identifier)
        WHERE known_to IS NULL
    ),
    true_pairs AS (
        SELECT a.identifier AS one, b.identifier AS other, BOOL_OR(a.is_shared OR b.is_shared) AS is_shared
        FROM seen AS a
        JOIN seen AS b ON a.person = b.person AND a.identifier < b.identifier
        GROUP BY ALL
    ),
    found_pairs AS (
        SELECT DISTINCT a.identifier AS one, b.identifier AS other
        FROM seen AS a
        JOIN seen AS b ON a.customer_id = b.customer_id AND a.identifier < b.identifier
    )
    SELECT
        (SELECT COUNT(*) FROM found_pairs),
        COUNT(*) FILTER (WHERE NOT is_shared),
        COUNT(*) FILTER (WHERE NOT is_shared AND found_pairs.one IS NOT NULL),
        COUNT(*),
        COUNT(found_pairs.one)
    FROM true_pairs
    LEFT JOIN found_pairs USING (one, other)
"""


@dataclass(frozen=True)
class Figures:
    """What was measured: sizes of the world, seconds of one resolve over all of it, pairs found and true."""

    customers: int
    events: int
    links: int
    seconds: float
    precision: float
    recall: float
    recall_with_shared: float
    shared_devices: int


def build(con: duckdb.DuckDBPyConnection, customers: int, seed: int) -> None:
    """Fill `interactions` with a world's events, and `used` (device, person) with who uses what."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(customers), DEVICES)
    device = np.arange(len(person))
    lent = np.flatnonzero(rng.random(len(device)) < SHARED_SHARE)
    person = np.concatenate([person, (person[lent] + 1) % customers])
    device = np.concatenate([device, device[lent]])
    con.register("world_used", pa.table({"person": person, "device": device}))
    con.execute("CREATE TABLE used AS FROM world_used")
    con.unregister("world_used")
    is_anonymous = rng.random(len(device)) < ANONYMOUS_SHARE
    logins = np.where(is_anonymous, 0, 1 + rng.poisson(LOGINS - 1, len(device)))
    for event, times in {
        "browsing": rng.poisson(BROWSED, len(device)),
        "login": logins,
        "mail": (rng.random(len(device)) < 0.3).astype(np.int64),
        "profile": (device % DEVICES == 0) & (np.arange(len(device)) < customers * DEVICES),
    }.items():
        chosen = np.repeat(np.arange(len(device)), times)
        moment = rng.integers(0, _SECONDS, len(chosen))
        _insert(con, event, pa.table({"person": person[chosen], "device": device[chosen], "moment": moment}))


def _insert(con: duckdb.DuckDBPyConnection, event: str, part: pa.Table) -> None:
    anchor = anchor_sql("identifiers", Settings().identity.priorities)
    con.register("part", part)
    sql = _INTERACTIONS.format(event=f"'{event}'", identifiers=_EVENTS[event], anchor=anchor)
    con.execute(sql, {"start": START})
    con.unregister("part")


def measure(customers: int, seed: int) -> Figures:
    """Make the world, resolve it in one run, and compare with the truth."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    add_functions(con)
    for table in tables().values():
        con.execute(table.ddl("main")[0])
    build(con, customers, seed)
    run = Run("batch", 1, START, START, Settings())
    started = time.perf_counter()
    report = resolve(con, run, None)
    seconds = time.perf_counter() - started
    found, true, both, true_or_shared, both_or_shared = con.execute(_PAIRS).fetchall()[0]
    events = con.execute("SELECT COUNT(*) FROM interactions").fetchall()[0][0]
    return Figures(
        customers=customers,
        events=events,
        links=report.links_added,
        seconds=seconds,
        precision=both / max(found, 1),
        recall=both / max(true, 1),
        recall_with_shared=both_or_shared / max(true_or_shared, 1),
        shared_devices=report.identifiers_shared,
    )


def main() -> None:
    """Print the figures of one world."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    figures = measure(asked.customers, asked.seed)
    for field in fields(figures):
        value = getattr(figures, field.name)
        text = f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"
        sys.stdout.write(f"{field.name:>20} {text}\n")


if __name__ == "__main__":
    main()
