"""Small worlds of events, and what a plain reading of the rules makes of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from pipelines.resolve.resolve import ResolveReport, resolve
from schemas.identifiers import anchor, is_blocked, split_identifier
from schemas.keys import key
from tests.lakes import memory_lake
from warehouse.run import Run
from warehouse.settings import IdentitySettings, Settings

START = datetime(2024, 1, 1, tzinfo=UTC)
IDENTITY = IdentitySettings()

_ROW = """STRUCT(
    interaction_id VARCHAR, source VARCHAR, connector VARCHAR, event_id VARCHAR, channel VARCHAR,
    event_name VARCHAR, direction VARCHAR, initiator VARCHAR, occurred_at TIMESTAMPTZ,
    received_at TIMESTAMPTZ, ingested_at TIMESTAMPTZ, is_received_assigned BOOLEAN, time_basis VARCHAR,
    identifiers STRUCT(kind VARCHAR, value VARCHAR)[], anchor VARCHAR, is_machine BOOLEAN, batch_id VARCHAR,
    file_id VARCHAR, row_number BIGINT, element INTEGER, commit_seq BIGINT)"""


@dataclass(frozen=True)
class Event:
    """An event: its id, its time in minutes after `START`, its identifiers (`KIND:VALUE`), its name."""

    id: str
    minute: int
    identifiers: tuple[str, ...]
    name: str = "page"

    @property
    def occurred_at(self) -> datetime:
        return START + timedelta(minutes=self.minute)


def event(minute: int, *identifiers: str, name: str = "page") -> Event:
    """An event whose id follows from what it says."""
    return Event(key(str(minute), name, *identifiers), minute, identifiers, name)


def run_of(commit_seq: int, identity: IdentitySettings = IDENTITY) -> Run:
    """The run that makes commit `commit_seq`, one day after the one before."""
    started_at = START + timedelta(days=100 + commit_seq)
    settings = replace(Settings(), identity=identity)
    return Run(f"batch-{commit_seq}", commit_seq, started_at, started_at, settings)


def put(con: duckdb.DuckDBPyConnection, events: Iterable[Event], commit_seq: int) -> None:
    """Publish the events as interactions of commit `commit_seq`."""
    rows = [_row(found, commit_seq) for found in events]
    con.execute(f"INSERT INTO interactions BY NAME SELECT event.* FROM (SELECT UNNEST(?::{_ROW}[]) AS event)", [rows])


def take_out(con: duckdb.DuckDBPyConnection, events: Iterable[Event], commit_seq: int) -> None:
    """Let other copies win over the events at commit `commit_seq`."""
    lost = [found.id for found in events]
    chosen = "FROM interactions WHERE list_contains(?::VARCHAR[], interaction_id)"
    con.execute(
        "INSERT INTO interaction_versions BY NAME SELECT * EXCLUDE (commit_seq), interaction_id AS content_sha256, "
        f"commit_seq AS commit_from, ? AS commit_to {chosen}",
        [commit_seq, lost],
    )
    con.execute(f"DELETE {chosen}", [lost])


def roll_up(con: duckdb.DuckDBPyConnection) -> None:
    """Let the rollup that resolve looks at follow the interactions."""
    con.execute("DELETE FROM daily_activity")
    con.execute(
        "INSERT INTO daily_activity BY NAME SELECT anchor, occurred_at::DATE AS day, channel, event_name, "
        "COUNT(*) AS interaction_count, 0 AS machine_count, 0 AS unconverted_count, MIN(occurred_at) AS first_at, "
        "MAX(occurred_at) AS last_at, 1 AS commit_seq FROM interactions WHERE anchor IS NOT NULL GROUP BY ALL"
    )


def act(
    con: duckdb.DuckDBPyConnection,
    commit_seq: int,
    what: str,
    *identifiers: str,
    since: int | None = None,
    until: int | None = None,
) -> None:
    """Somebody acts in commit `commit_seq`; `since` and `until` are days after `START`."""
    left, right = (*sorted(identifiers), None)[:2]
    bounds = [None if day is None else START + timedelta(days=day) for day in (since, until)]
    acted_at = run_of(commit_seq).started_at
    con.execute(
        "INSERT INTO identity_acts BY NAME SELECT ? AS act_id, ? AS act, ? AS left_identifier, ? AS right_identifier, "
        "?::TIMESTAMPTZ AS valid_from, ?::TIMESTAMPTZ AS valid_to, ? AS acted_at, ? AS commit_seq",
        [key(what, *identifiers, str(commit_seq)), what, left, right, *bounds, acted_at, commit_seq],
    )


def propose(
    con: duckdb.DuckDBPyConnection, commit_seq: int, one: str, other: str, probability: float, version: str = "1"
) -> None:
    """A model scores a pair in commit `commit_seq`."""
    con.execute(
        "INSERT INTO identity_proposals BY NAME SELECT ? AS proposal_id, ? AS left_identifier, ? AS right_identifier, "
        "? AS probability, 0.0 AS match_weight, '[]'::JSON AS waterfall, ? AS model_version, ? AS proposed_at, "
        "? AS commit_seq",
        [key(one, other, version), *sorted((one, other)), probability, version, START, commit_seq],
    )


def rows_of(con: duckdb.DuckDBPyConnection, identifier: str) -> list[tuple[str, str, int | None, int | None]]:
    """The current rows of an identifier: customer_id, relation, and from and until which day after `START`."""
    return con.execute(
        "SELECT customer_id, relation, date_diff('day', $start, valid_from), date_diff('day', $start, valid_to) "
        "FROM identities WHERE known_to IS NULL AND identifier = $identifier ORDER BY valid_from NULLS FIRST",
        {"identifier": identifier, "start": START},
    ).fetchall()


def resolved(
    batches: Sequence[Sequence[Event]], identity: IdentitySettings = IDENTITY
) -> tuple[duckdb.DuckDBPyConnection, list[ResolveReport]]:
    """A lake in which the batches came one after the other, each followed by a call of `resolve`."""
    con = memory_lake()
    reports = []
    for commit_seq, events in enumerate(batches, start=1):
        put(con, events, commit_seq)
        since = commit_seq - 1 if commit_seq > 1 else None
        reports.append(resolve(con, run_of(commit_seq, identity), since))
    return con, reports


def current(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, datetime]]:
    """The current identities: identifier -> (customer_id, first_seen_at)."""
    rows = con.execute(
        "SELECT identifier, customer_id, first_seen_at FROM identities WHERE known_to IS NULL"
    ).fetchall()
    assert len(rows) == len({identifier for identifier, _, _ in rows})
    return {identifier: (customer_id, first_seen_at) for identifier, customer_id, first_seen_at in rows}


def customers(con: duckdb.DuckDBPyConnection) -> set[frozenset[str]]:
    """The current customers, each as its set of identifiers."""
    return grouped({identifier: found[0] for identifier, found in current(con).items()})


def grouped(labels: dict[str, str]) -> set[frozenset[str]]:
    """The sets of keys that share a value."""
    groups: dict[str, set[str]] = {}
    for member, label in labels.items():
        groups.setdefault(label, set()).add(member)
    return {frozenset(group) for group in groups.values()}


def links(con: duckdb.DuckDBPyConnection) -> set[tuple[str, str, str, str]]:
    """The earliest evidence of each pair under each rule: link_id, both identifiers, rule."""
    found = con.execute(
        "SELECT link_id, left_identifier, right_identifier, rule FROM identity_links QUALIFY ROW_NUMBER() OVER "
        "(PARTITION BY left_identifier, right_identifier, rule ORDER BY occurred_at, link_id) = 1"
    )
    return set(found.fetchall())


def expected_links(events: Sequence[Event]) -> set[tuple[str, str, str, str]]:
    """What `links` must be."""
    earliest: dict[tuple[str, str, str], tuple[datetime, str]] = {}
    for found in events:
        for at, link_id, left, right in links_of(found, IDENTITY):
            pair = (left, right, "alias" if found.name == "alias" else "same_event")
            earliest[pair] = min(earliest.get(pair, (at, link_id)), (at, link_id))
    return {(link_id, *pair) for pair, (_, link_id) in earliest.items()}


def links_of(found: Event, identity: IdentitySettings) -> list[tuple[datetime, str, str, str]]:
    """What an event ties: time, link_id, both identifiers."""
    identifiers = unblocked(found, identity)
    centre = anchor_of(found, identity)
    rule = "alias" if found.name == "alias" else "same_event"
    links = []
    for identifier in identifiers - {centre}:
        left, right = sorted((str(centre), identifier))
        links.append((found.occurred_at, key(left, right, rule, found.id), left, right))
    return links


def anchor_of(found: Event, identity: IdentitySettings) -> str | None:
    """The anchor of an event."""
    return anchor([parts(identifier) for identifier in unblocked(found, identity)], identity.priorities)


def unblocked(found: Event, identity: IdentitySettings) -> set[str]:
    """The identifiers of an event that are somebody's."""
    return {i for i in found.identifiers if not is_blocked(parts(i)[1], identity.blocked_values)}


def parts(identifier: str) -> tuple[str, str]:
    """Kind and value."""
    parts = split_identifier(identifier)
    assert parts is not None
    return parts


def _row(found: Event, commit_seq: int) -> dict[str, Any]:
    return {
        "interaction_id": found.id,
        "source": "test",
        "connector": "segment",
        "event_id": found.id,
        "channel": "web",
        "event_name": found.name,
        "direction": "inbound",
        "initiator": "customer",
        "occurred_at": found.occurred_at,
        "received_at": found.occurred_at,
        "ingested_at": found.occurred_at,
        "is_received_assigned": False,
        "time_basis": "occurred",
        "identifiers": [dict(zip(("kind", "value"), parts(i), strict=True)) for i in found.identifiers],
        "anchor": anchor_of(found, IDENTITY),
        "is_machine": False,
        "batch_id": f"batch-{commit_seq}",
        "file_id": "file",
        "row_number": 1,
        "element": 0,
        "commit_seq": commit_seq,
    }
