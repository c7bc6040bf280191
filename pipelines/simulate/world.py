"""The world to simulate, and what was written of it."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import pyarrow as pa

from warehouse.errors import UsageError

CHANNELS = ("web", "email", "pos", "crm")
DAY_MS = 86_400_000
NEVER = 2**31


@dataclass(frozen=True)
class World:
    """A world: how many customers, over how many days from `start` (a UTC date), drawn from `seed`.

    `channels` are the ones that are written; the world itself does not depend on them. `people` gives
    identifiers that exist already, one row per customer, one column per kind: user_id, email and phone
    replace the drawn ones, other kinds travel as external ids of the identify calls. `duplicate_share` of
    the web calls and mail events are sent twice, `late_share` of them arrive late. Without `web_orders`
    customers buy in the shop only. Raises UsageError for what makes no world.
    """

    customers: int
    days: int
    seed: int
    start: date = date(2025, 1, 1)
    channels: tuple[str, ...] = CHANNELS
    people: pa.Table | None = field(default=None, repr=False)
    duplicate_share: float = 0.01
    late_share: float = 0.02
    web_orders: bool = True

    def __post_init__(self) -> None:
        """Refuse what makes no world."""
        require_at_least("customers", self.customers, 1)
        require_at_least("days", self.days, 1)
        require_at_least("seed", self.seed, 0)
        self._check_channels()
        for name in ("duplicate_share", "late_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}; give a share from 0 to 1")
        if self.people is not None and self.people.num_rows != self.customers:
            raise UsageError(f"people has {self.people.num_rows} rows; give one for each of {self.customers} customers")

    def _check_channels(self) -> None:
        unknown = sorted(set(self.channels) - set(CHANNELS))
        if unknown or not self.channels:
            named = ", ".join(unknown) or "(none)"
            raise UsageError(f"channels {named} can't be simulated; choose from {', '.join(CHANNELS)}")

    @property
    def start_ms(self) -> int:
        """The first instant, milliseconds since 1970."""
        return int(datetime.combine(self.start, time(), UTC).timestamp()) * 1000

    @property
    def end_ms(self) -> int:
        """The instant after the last, milliseconds since 1970."""
        return self.start_ms + self.days * DAY_MS

    @property
    def salt(self) -> str:
        """Six hex digits of the seed: part of every id, so that two worlds never share one."""
        return hashlib.sha256(str(self.seed).encode()).hexdigest()[:6]

    def stream(self, name: str) -> np.random.Generator:
        """The random numbers of one part of the world; parts do not disturb each other."""
        return stream(self.seed, name)


@dataclass(frozen=True)
class Simulation:
    """What was written under `out`: records (copies included) per file, by relative path, and per channel."""

    out: Path
    files: dict[str, int]
    channels: dict[str, int]


def require_at_least(name: str, value: int, least: int) -> None:
    """Raise UsageError if `value` is smaller than `least`."""
    if value < least:
        raise UsageError(f"{name} is {value}; give {least} or more")


def stream(seed: int, name: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the name only."""
    return np.random.default_rng([seed, *name.encode()])
