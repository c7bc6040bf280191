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
        for at, link_id, left, right in _links(found, IDENTITY):
            pair = (left, right, "alias" if found.name == "alias" else "same_event")
            earliest[pair] = min(earliest.get(pair, (at, link_id)), (at, link_id))
    return {(link_id, *pair) for pair, (_, link_id) in earliest.items()}


def expected(events: Sequence[Event], identity: IdentitySettings = IDENTITY) -> dict[str, tuple[str, datetime]]:
    """What `current` must be: one greedy pass over all evidence in the order (occurred_at, link_id)."""
    first_seen: dict[str, datetime] = {}
    for found in events:
        for identifier in _unblocked(found, identity):
            first_seen[identifier] = min(first_seen.get(identifier, found.occurred_at), found.occurred_at)
    groups = {identifier: frozenset([identifier]) for identifier in first_seen}
    for _, _, left, right in sorted(link for found in events for link in _links(found, identity)):
        union = groups[left] | groups[right]
        if all(_count(union, kind) <= 1 for kind in identity.account_kinds):
            groups.update(dict.fromkeys(union, union))
    return {
        identifier: (_customer_id(group, first_seen, identity), first_seen[identifier])
        for identifier, group in groups.items()
    }


def _links(found: Event, identity: IdentitySettings) -> list[tuple[datetime, str, str, str]]:
    identifiers = _unblocked(found, identity)
    centre = _anchor(found, identity)
    rule = "alias" if found.name == "alias" else "same_event"
    links = []
    for identifier in identifiers - {centre}:
        left, right = sorted((str(centre), identifier))
        links.append((found.occurred_at, key(left, right, rule, found.id), left, right))
    return links


def _anchor(found: Event, identity: IdentitySettings) -> str | None:
    return anchor([_parts(identifier) for identifier in _unblocked(found, identity)], identity.priorities)


def _unblocked(found: Event, identity: IdentitySettings) -> set[str]:
    return {i for i in found.identifiers if not is_blocked(_parts(i)[1], identity.blocked_values)}


def _customer_id(group: frozenset[str], first_seen: dict[str, datetime], identity: IdentitySettings) -> str:
    def rank(identifier: str) -> tuple[int, datetime, str, str]:
        kind, value = _parts(identifier)
        return (-identity.priority(kind), first_seen[identifier], value, kind)

    return key(*_parts(min(group, key=rank)))


def _count(group: Iterable[str], kind: str) -> int:
    return sum(_parts(identifier)[0] == kind for identifier in group)


def _parts(identifier: str) -> tuple[str, str]:
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
        "identifiers": [dict(zip(("kind", "value"), _parts(i), strict=True)) for i in found.identifiers],
        "anchor": _anchor(found, IDENTITY),
        "is_machine": False,
        "batch_id": f"batch-{commit_seq}",
        "file_id": "file",
        "row_number": 1,
        "element": 0,
        "commit_seq": commit_seq,
    }
