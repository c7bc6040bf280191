"""Worlds of people and groups: events kept, resolved and profiled run by run, and the same in one run."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from pipelines.keep.rollups import rollups
from pipelines.know.know import know
from pipelines.resolve.resolve import resolve
from schemas.identifiers import anchor
from schemas.table import quoted
from tests.keep.rows import Row, event, step
from tests.lakes import memory_lake
from warehouse.group_settings import GroupSettings
from warehouse.run import Run
from warehouse.settings import Settings

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
AS_OF = datetime(2025, 3, 1, tzinfo=UTC)
TABLES = ("group_statements", "groups", "memberships", "account_profiles", "profiles")
_STAMPS = {"commit_seq", "as_of"}
Rows = list[dict[str, Any]]


def day(number: float) -> datetime:
    """Noon of a day of the world."""
    return BEGIN + timedelta(days=number, hours=12)


def settings_with(*rules: str) -> Settings:
    """Settings with these rules on."""
    return Settings(groups=GroupSettings(rules=rules))


def said(
    id: str, at: datetime, *identifiers: str, name: str = "page", properties: str | None = None, **more: Any
) -> Row:
    """An event of the person with these identifiers (KIND:VALUE)."""
    pairs = [tuple(identifier.split(":", 1)) for identifier in identifiers]
    chosen = anchor([(kind, value) for kind, value in pairs], Settings().identity.priorities)
    listed = [{"kind": kind, "value": value} for kind, value in pairs]
    return event(id, event_name=name, anchor=chosen, identifiers=listed, occurred_at=at, properties=properties, **more)


def joins(id: str, at: datetime, group: str, *identifiers: str, **traits: str) -> Row:
    """A group call."""
    told = json.dumps({"groupId": group, "traits": traits})
    return said(id, at, *identifiers, name="group", properties=told)


def buys(id: str, at: datetime, amount: int, *identifiers: str) -> Row:
    """An order."""
    return said(id, at, *identifiers, name="order_completed", order_id=id, amount=Decimal(amount), category="tea")


def _told(value: Any) -> Any:
    """Floating values as far as the laws ask them to agree."""
    return float(f"{value:.9g}") if isinstance(value, float) else value


@dataclass
class World:
    """A lake and the commits so far."""

    settings: Settings = field(default_factory=Settings)
    con: duckdb.DuckDBPyConnection = field(default_factory=memory_lake)
    commit: int = 0

    def run(self, events: Sequence[Row], as_of: datetime = AS_OF) -> "World":
        """One run; an event that is known already takes the place of its earlier copy."""
        self.commit += 1
        fresh = [{**row, "commit_seq": self.commit} for row in events]
        lost = self._lose([row["interaction_id"] for row in fresh])
        step(self.con, fresh, lost, self.settings, self.commit)
        self.know(as_of, self.commit - 1 if self.commit > 1 else None)
        return self

    def know(self, as_of: datetime, since: int | None) -> None:
        """Resolve and profile."""
        started = BEGIN + timedelta(hours=self.commit)
        run = Run(f"b{self.commit}", self.commit, started, as_of, self.settings)
        resolve(self.con, run, since)
        know(self.con, run, since, rollups())

    def _lose(self, ids: Iterable[str]) -> list[str]:
        chosen = "FROM interactions WHERE list_contains(?, interaction_id)"
        lost = [id for (id,) in self.con.execute(f"SELECT interaction_id {chosen}", [list(ids)]).fetchall()]
        self.con.execute(
            "INSERT INTO interaction_versions BY NAME SELECT * EXCLUDE (commit_seq), "
            "sha256(COALESCE(properties::VARCHAR, '')) AS content_sha256, commit_seq AS commit_from, ? AS commit_to "
            + chosen,
            [self.commit, lost],
        )
        return lost

    def rows(self, table: str, *columns: str, where: str = "TRUE") -> Rows:
        """The rows of a table, in the order of all columns; without the stamps unless columns are named."""
        chosen = ", ".join(map(quoted, columns)) if columns else "*"
        found = (
            self.con.execute(f"SELECT {chosen} FROM {table} WHERE {where} ORDER BY ALL").to_arrow_table().to_pylist()
        )
        return [{n: _told(value) for n, value in row.items() if columns or n not in _STAMPS} for row in found]

    def state(self) -> dict[str, Rows]:
        """What every table of accounts says."""
        return {name: self.rows(name) for name in TABLES}

    def again(self, as_of: datetime = AS_OF) -> "World":
        """Another world in which all that stands now came in one run."""
        other = World(self.settings)
        other.con.register("all_rows", self.con.execute("SELECT * FROM interactions").to_arrow_table())
        rows = other.con.execute("SELECT * FROM all_rows").to_arrow_table().to_pylist()
        return other.run(rows, as_of)
