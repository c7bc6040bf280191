"""What profiles rest on besides events: the asked time, and the settings in force."""

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb

from warehouse.errors import RapportError
from warehouse.run import Run
from warehouse.settings import KnowSettings, MachineSettings, Settings

_RULES = "machine_delivery_seconds, machine_agent_seconds, machine_least_links"
_COLUMNS = f"currency, rates, priorities, blocked_values, channel_half_life_days, interest_half_life_days, {_RULES}"

# Maps, as the keys of the settings are any text, which a path into JSON is not.
AS_MAPS = f"""
SELECT currency, rates::MAP(VARCHAR, DECIMAL(20,10)) AS rates, priorities::MAP(VARCHAR, INTEGER) AS priorities,
  blocked_values, channel_half_life_days, interest_half_life_days, {_RULES}
FROM {{premises}}
"""
CLOCK = """
SELECT {as_of} AS as_of, {as_of}::DATE AS as_of_day, channel_half_life_days, interest_half_life_days
FROM know_premises
"""
_GIVEN = (
    "(SELECT ? AS currency, ?::JSON AS rates, ?::JSON AS priorities, "
    "list_transform(?::VARCHAR[], lambda value: lower(value)) AS blocked_values, "
    "?::DOUBLE AS channel_half_life_days, ?::DOUBLE AS interest_half_life_days, "
    "?::DOUBLE AS machine_delivery_seconds, ?::DOUBLE AS machine_agent_seconds, ?::INTEGER AS machine_least_links)"
)


def prepare_premises(con: duckdb.DuckDBPyConnection, settings: Settings, as_of: datetime) -> None:
    """Make know_premises and know_clock of a run. Raises RapportError for a half-life that is not above 0."""
    found = _half_lives(settings)
    if not all(days > 0 for days in found):
        raise RapportError(f"[know] half-lives must be above 0 days, not {found}; inf means no decay")
    made = "CREATE OR REPLACE TEMP TABLE"
    con.execute(f"{made} know_premises AS {AS_MAPS.format(premises=_GIVEN)}", _values(settings))
    con.execute(f"{made} know_clock AS {CLOCK.format(as_of='?::TIMESTAMPTZ')}", [as_of, as_of])


def settings_of(con: duckdb.DuckDBPyConnection, present: Settings) -> Settings:
    """`present` with the settings that know_premises holds; as it is where there are none."""
    row = con.execute(
        "SELECT currency, rates::JSON, priorities::JSON, blocked_values, channel_half_life_days, "
        f"interest_half_life_days, {_RULES} FROM know_premises"
    ).fetchone()
    if row is None:
        return present
    currency, rates, priorities, blocked, channel_days, interest_days, *rules = row
    return replace(
        present,
        currency=currency,
        rates={code: Decimal(str(rate)) for code, rate in json.loads(rates).items()},
        identity=replace(present.identity, priorities=json.loads(priorities), blocked_values=tuple(blocked)),
        know=KnowSettings(channel_days, interest_days),
        machines=present.machines if None in rules else MachineSettings(*rules),
    )


def profiled_up_to(con: duckdb.DuckDBPyConnection, known_at: datetime | None = None) -> datetime | None:
    """The as_of of the last call of `know` that was known at `known_at` (None: now); None before the first."""
    row = con.execute(
        "SELECT MAX_BY(as_of, commit_seq) FROM premises WHERE known_from <= COALESCE(?, known_from)", [known_at]
    ).fetchone()
    return row[0] if row else None


def record_premises(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Note what this run's profiles rest on, unless the last ones rested on the same."""
    values = _values(run.settings)
    last = f"SELECT as_of, {_COLUMNS} FROM premises ORDER BY commit_seq DESC LIMIT 1"
    now = f"SELECT ?::TIMESTAMPTZ AS as_of, {_COLUMNS} FROM {_GIVEN}"
    row = con.execute(f"SELECT COUNT(*) FROM ({now} EXCEPT ({last}))", [run.as_of, *values]).fetchone()
    if row and row[0]:
        con.execute(
            "INSERT INTO premises BY NAME SELECT ?::BIGINT AS commit_seq, ?::TIMESTAMPTZ AS known_from, * "
            f"FROM ({now})",
            [run.commit_seq, run.started_at, run.as_of, *values],
        )


def _values(settings: Settings) -> list[Any]:
    rates = {code: f"{rate:f}" for code, rate in settings.rates.items()}
    texts = [json.dumps(found, sort_keys=True) for found in (rates, settings.identity.priorities)]
    blocked = sorted(settings.identity.blocked_values)
    machines = settings.machines
    rules = [machines.delivery_seconds, machines.agent_seconds, machines.least_links]
    return [settings.currency, *texts, blocked, *_half_lives(settings), *rules]


def _half_lives(settings: Settings) -> tuple[float, float]:
    return settings.know.channel_half_life_days, settings.know.interest_half_life_days
