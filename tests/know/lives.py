"""Runs of the stages from interactions to profiles on a small lake: events, other copies, links, settings, times."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import duckdb

from pipelines.keep.rollup import recompute
from pipelines.keep.rollups import rollups
from pipelines.know.know import KnowReport, know
from pipelines.resolve.resolve import resolve
from schemas.identifiers import anchor, identifier_sql
from schemas.keys import key
from tests.know.worlds import at, insert, interaction
from tests.lakes import memory_lake
from warehouse.run import Run
from warehouse.settings import Settings

BEGIN = at("2018-06-01")
Rows = list[tuple[Any, ...]]
_WITHOUT_STAMPS = "* EXCLUDE (as_of, commit_seq)"


@dataclass(frozen=True)
class Event:
    """A copy of an event: who did what on which day of 2018; of copies with one id the greatest version wins."""

    number: int
    version: int
    people: tuple[str, ...]
    name: str
    day: int
    target: str = ""
    amount: int = 1

    def row(self, settings: Settings, commit_seq: int) -> dict[str, Any]:
        """The row of `interactions`."""
        identifiers = [{"kind": p.split(":")[0], "value": p.split(":")[1]} for p in self.people]
        pairs = [(i["kind"], i["value"]) for i in identifiers]
        moment = (at("2018-01-01T12:00:00") + timedelta(days=self.day, seconds=self.number)).isoformat()[:19]
        extra: dict[str, Any] = {"category": self.target or None} if self.name == "product_viewed" else {}
        if self.name.startswith("order"):
            extra = {"order_id": self.target or None, "amount": self.amount, "currency": "USD"}
        if self.name.startswith("email"):
            extra = {"contact_id": self.target or "m", "channel": "email"}
        if self.name == "identify":
            extra = {"properties": '{"traits": {"preferred_channel": "post"}}'}
        row = interaction("user_id:none", moment, self.name)
        return row | extra | {
            "interaction_id": key("shop", str(self.number)), "event_id": str(self.number),
            "source_version": str(self.version), "identifiers": identifiers,
            "anchor": anchor(pairs, settings.identity.priorities), "commit_seq": commit_seq,
        }  # fmt: skip


@dataclass
class Life:
    """A lake and its runs so far."""

    con: duckdb.DuckDBPyConnection = field(default_factory=memory_lake)
    runs: list[Run] = field(default_factory=list)
    winners: dict[int, Event] = field(default_factory=dict)

    def live(
        self, events: Sequence[Event], as_of: datetime, settings: Settings, *, is_whole: bool = False
    ) -> KnowReport:
        """One run; `is_whole` recomputes every profile."""
        seq = len(self.runs) + 1
        run = Run(f"b{seq}", seq, BEGIN + timedelta(hours=seq), as_of, settings)
        for event in events:
            self._keep(event, run)
        insert(self.con, "batches", [batch(run)])
        recompute(self.con, run)
        resolve(self.con, run, seq - 1 if self.runs and settings == self.runs[-1].settings else None)
        since = None if is_whole or not self.runs or settings != self.runs[-1].settings else seq - 1
        self.runs.append(run)
        return know(self.con, run, since, rollups())

    def _keep(self, event: Event, run: Run) -> None:
        known = self.winners.get(event.number)
        if known is None or event.version > known.version:
            if known is not None:
                self.con.execute(
                    "INSERT INTO interaction_versions BY NAME SELECT * EXCLUDE (commit_seq), ? AS content_sha256, "
                    "commit_seq AS commit_from, ? AS commit_to FROM interactions WHERE event_id = ?",
                    [str(known), run.commit_seq, str(event.number)],
                )
                self.con.execute("DELETE FROM interactions WHERE event_id = ?", [str(event.number)])
            insert(self.con, "interactions", [event.row(run.settings, run.commit_seq)])
            self.winners[event.number] = event

    def profiles(self) -> Rows:
        """The table, without the stamps."""
        return self.con.execute(f"SELECT {_WITHOUT_STAMPS} FROM profiles ORDER BY customer_id").fetchall()

    def past(self, run: Run) -> Rows:
        """The answer of profiles_asof at the time of a run."""
        sql = "SELECT * EXCLUDE (as_of) FROM profiles_asof(?, ?) ORDER BY customer_id"
        return self.con.execute(sql, [run.as_of, run.started_at]).fetchall()

    def people(self) -> list[tuple[str, str]]:
        """Identifiers now with their customers."""
        sql = f"SELECT {identifier_sql('kind', 'value')}, customer_id FROM identities WHERE known_to IS NULL ORDER BY 1"
        return self.con.execute(sql).fetchall()


def batch(run: Run) -> dict[str, Any]:
    counts = {f"{name}_count": 0 for name in ("received", "loaded", "duplicate", "rejected", "suppressed")}
    return {
        "batch_id": run.batch_id, "stage": "collect", "commit_seq": run.commit_seq, "started_at": run.started_at,
        "finished_at": run.started_at, **counts,
    }  # fmt: skip
