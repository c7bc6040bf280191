"""Settings: `rapport.toml` in the home, overridden by RAPPORT_* variables."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from warehouse.errors import RapportError

DEFAULT_KINDS = {
    "user_id": 100,
    "customer_id": 95,
    "household_id": 90,
    "loyalty_id": 80,
    "email": 50,
    "phone": 40,
    "device_id": 20,
    "anonymous_id": 10,
}


@dataclass(frozen=True)
class IdentitySettings:
    """Identifiers: priority of each kind (the greatest is the anchor), kinds of one value a person, blocked values."""

    priorities: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_KINDS))
    account_kinds: tuple[str, ...] = ("user_id", "customer_id", "household_id", "loyalty_id")
    blocked_values: tuple[str, ...] = ("-1", "null", "undefined", "none", "anonymous", "unknown", "n/a")

    def priority(self, kind: str) -> int:
        """The kind's priority; 1 for a kind that the settings do not name."""
        return self.priorities.get(kind, 1)


@dataclass(frozen=True)
class KnowSettings:
    """How traits look at time: half-lives of the forward decay in days."""

    channel_half_life_days: float = 180.0
    interest_half_life_days: float = 120.0


@dataclass(frozen=True)
class DecideSettings:
    """The policy: weight of the customer's value, lever of loyalty, exploration, contact caps, seed."""

    customer_weight: float = 0.5
    loyalty_lever: float = 0.25
    exploration_gamma: float = 50.0
    contacts_per_week: int = 3
    holdout_share: float = 0.0
    seed: int = 1


@dataclass(frozen=True)
class EraseSettings:
    """Erasure: seconds that readers of older publications get to end before their files go."""

    grace_seconds: float = 60.0


@dataclass(frozen=True)
class MaintainSettings:
    """Upkeep of the lake's files: after how many commits it happens by itself (0: never), and what is kept.

    A snapshot goes when it is older than `keep_snapshots_days`, or not among the newest `keep_snapshots`. Files are
    merged up to `target_file_mb`. `reader_grace_seconds` is how long files stay for readers that hold no lease on
    them: those of a PostgreSQL catalog.
    """

    every_commits: int = 10
    keep_snapshots_days: float = 7.0
    keep_snapshots: int = 100
    target_file_mb: int = 128
    reader_grace_seconds: float = 3600.0


@dataclass(frozen=True)
class Settings:
    """All settings; `currency` is the base currency, `rates` the worth of one unit of another in it.

    `as_of` (ISO 8601) is where the knowledge of a closed data set ends; empty is the next UTC midnight.
    `catalog` is `postgres:` and how to connect, empty is a file in the home; `data_path` is where the lake's files
    lie, empty is in the home. `lease_seconds` is after what silence a writer on PostgreSQL counts as dead.
    """

    as_of: str = ""
    catalog: str = ""
    data_path: str = ""
    is_encrypted: bool = False
    lease_seconds: int = 30
    currency: str = "EUR"
    rates: dict[str, Decimal] = field(default_factory=dict)
    threads: int = 0
    memory_limit: str = "1500MB"
    max_batch_events: int = 5_000_000
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    know: KnowSettings = field(default_factory=KnowSettings)
    decide: DecideSettings = field(default_factory=DecideSettings)
    maintain: MaintainSettings = field(default_factory=MaintainSettings)
    erase: EraseSettings = field(default_factory=EraseSettings)


_SECTIONS: dict[str, type] = {
    "identity": IdentitySettings,
    "know": KnowSettings,
    "decide": DecideSettings,
    "maintain": MaintainSettings,
    "erase": EraseSettings,
}
_WORDS: dict[type, str] = {
    bool: "true or false",
    str: "a text",
    int: "a whole number",
    float: "a number",
    Decimal: "a number above zero",
    dict: "a table",
    tuple: "a list",
}


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings of the file at `path`, or the defaults if there is none.

    The variables RAPPORT_<NAME> and RAPPORT_<SECTION>_<NAME> override it, but for tables and lists.
    Raises RapportError for a setting that does not exist or has the wrong type.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise RapportError(f"{path.name} is not valid TOML: {problem}; mend that line") from problem
    settings = _filled(Settings(), raw, path.name, "")
    return _overridden(settings, environment)


def _filled(target: Any, raw: Mapping[str, Any], where: str, section: str) -> Any:
    known = {f.name for f in fields(target)}
    for name in raw:
        if name not in known:
            place = f"[{section}] " if section else ""
            raise RapportError(f"{where}: setting {place}'{name}' is unknown; known are {', '.join(sorted(known))}")
    changes: dict[str, Any] = {}
    for name, value in raw.items():
        old = getattr(target, name)
        if name in _SECTIONS and not section:
            if not isinstance(value, dict):
                raise RapportError(f"{where}: [{name}] must be a table")
            changes[name] = _filled(old, value, where, name)
        else:
            changes[name] = _typed(name, old, value, where)
    return replace(target, **changes)


def _typed(name: str, old: Any, value: Any, where: str) -> Any:
    """`value` in the type of the default `old`; the members of a table or a list are typed too."""
    if isinstance(old, dict) and isinstance(value, dict):
        member: Any = Decimal(1) if name == "rates" else 0
        return {**old, **{key: _typed(f"{name}.{key}", member, one, where) for key, one in value.items()}}
    if isinstance(old, tuple) and isinstance(value, list):
        return tuple(_typed(name, "", one, where) for one in value)
    if isinstance(old, Decimal) and type(value) in (int, float, str):
        return _rate(name, str(value), where)
    if isinstance(old, float) and type(value) is int:
        return float(value)
    if type(value) is not type(old):
        raise RapportError(f"{where}: setting '{name}' must be {_WORDS[type(old)]}, not {value!r}")
    return value


def _rate(name: str, text: str, where: str) -> Decimal:
    try:
        rate = Decimal(text)
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or rate <= 0:
        raise RapportError(f"{where}: setting '{name}' must be a number above zero, not {text!r}")
    return rate


def _overridden(settings: Settings, environment: Mapping[str, str]) -> Settings:
    for name in (f.name for f in fields(settings)):
        if name in _SECTIONS:
            section = getattr(settings, name)
            raw = _variables(section, f"RAPPORT_{name.upper()}_", environment)
            settings = replace(settings, **{name: _filled(section, raw, "environment", name)})
    return replace(settings, **_variables(settings, "RAPPORT_", environment))


def _variables(target: Any, prefix: str, environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for f in fields(target):
        text, old = environment.get(prefix + f.name.upper()), getattr(target, f.name)
        if text is not None and isinstance(old, str | int | float):
            try:
                found[f.name] = _truth(text) if isinstance(old, bool) else type(old)(text)
            except (ValueError, KeyError) as problem:
                raise RapportError(f"{prefix}{f.name.upper()} must be {_WORDS[type(old)]}, not {text!r}") from problem
    return found


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text]
