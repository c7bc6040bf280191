"""Settings: `rapport.toml` in the home, overridden by RAPPORT_* variables."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from warehouse.errors import RapportError
from warehouse.group_settings import GroupSettings
from warehouse.identity_settings import DEFAULT_KINDS as DEFAULT_KINDS
from warehouse.identity_settings import IdentitySettings as IdentitySettings


@dataclass(frozen=True)
class KnowSettings:
    """How traits look at time: half-lives of the forward decay in days."""

    channel_half_life_days: float = 180.0
    interest_half_life_days: float = 120.0


@dataclass(frozen=True)
class MachineSettings:
    """When several events of one message together are a machine's: seconds (0: never), least number of links."""

    delivery_seconds: float = 10.0
    agent_seconds: float = 3.0
    least_links: int = 2


@dataclass(frozen=True)
class DecideSettings:
    """The policy: weight of the customer's value, lever of loyalty, exploration, contact cap, opt-in purposes, seed."""

    customer_weight: float = 0.5
    loyalty_lever: float = 0.25
    exploration_gamma: float = 50.0
    contacts_per_week: int = 3
    holdout_share: float = 0.0
    opt_in: tuple[str, ...] = ()
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
class CollectorSettings:
    """The HTTP collector: where it listens, when a segment is sealed, and its limits.

    `public_url` (scheme and host) is what senders call it by, where a proxy stands before it: some sign the address.
    A segment is sealed after `seal_seconds` or at `seal_mb`. What waits for the disk or is being read may take
    `queue_mb`; a request may have `max_body_mb`. Tokens that count once are remembered for `token_days`.
    """

    host: str = "127.0.0.1"
    port: int = 8380
    public_url: str = ""
    seal_seconds: float = 60.0
    seal_mb: int = 64
    queue_mb: int = 64
    max_body_mb: int = 32
    token_days: float = 7.0


@dataclass(frozen=True)
class SourceSettings:
    """A source that the collector takes requests of: its connector (empty: the source's name), and its secrets.

    `secrets` are the other texts of the table, as they stand there: the value, or env:NAME. They are never shown.
    `rejection_limit` is the share of rejected records beyond which a load is held (None: never).
    """

    connector: str = ""
    rejection_limit: float | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Settings:
    """All settings; `currency` is the base currency, `rates` the worth of one unit of another in it.

    `as_of` (ISO 8601) is where the knowledge of a closed data set ends; empty is the next UTC midnight.
    `catalog` is `postgres:` and how to connect, empty is a file in the home; `data_path` is where the lake's files
    lie, empty is in the home. `lease_seconds` is after what silence a writer on PostgreSQL counts as dead. `channels`
    are the company's own channels beside the known ones: name -> what it is.
    """

    as_of: str = ""
    catalog: str = ""
    data_path: str = ""
    is_encrypted: bool = False
    lease_seconds: int = 30
    currency: str = "EUR"
    rates: dict[str, Decimal] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    threads: int = 0
    memory_limit: str = "1500MB"
    max_batch_events: int = 5_000_000
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    machines: MachineSettings = field(default_factory=MachineSettings)
    know: KnowSettings = field(default_factory=KnowSettings)
    groups: GroupSettings = field(default_factory=GroupSettings)
    decide: DecideSettings = field(default_factory=DecideSettings)
    maintain: MaintainSettings = field(default_factory=MaintainSettings)
    erase: EraseSettings = field(default_factory=EraseSettings)
    collector: CollectorSettings = field(default_factory=CollectorSettings)
    sources: dict[str, SourceSettings] = field(default_factory=dict)


_SECTIONS: dict[str, type] = {
    "identity": IdentitySettings,
    "machines": MachineSettings,
    "know": KnowSettings,
    "groups": GroupSettings,
    "decide": DecideSettings,
    "maintain": MaintainSettings,
    "erase": EraseSettings,
    "collector": CollectorSettings,
}
# A rate is kept with ten digits before and ten behind the point; a smaller one would be nothing.
_LEAST_RATE, _TOO_GREAT_RATE = Decimal("1e-10"), Decimal("1e10")
# What a member of a table is like; else a whole number.
_MEMBERS: dict[str, Any] = {"rates": Decimal(1), "channels": "", "periods": ""}
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
    if name == "sources" and isinstance(value, dict):
        return {source: _source(source, table, where) for source, table in value.items()}
    if isinstance(old, dict) and isinstance(value, dict):
        member = _MEMBERS.get(name, 0)
        _check_channels(value if name == "channels" else {}, where)
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


def _source(name: str, table: Any, where: str) -> SourceSettings:
    """The table of one source. A message never says a value: it may be a secret."""
    if not isinstance(table, dict):
        raise RapportError(f"{where}: [sources.{name}] must be a table")
    texts = {key: value for key, value in table.items() if key != "rejection_limit"}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise RapportError(f"{where}: [sources.{name}] '{key}' must be a text")
    connector = texts.pop("connector", "")
    return SourceSettings(connector, _limit(name, table.get("rejection_limit"), where), texts)


def _limit(source: str, value: Any, where: str) -> float | None:
    if value is None:
        return None
    if type(value) in (int, float) and 0 <= value <= 1:
        return float(value)
    raise RapportError(f"{where}: [sources.{source}] 'rejection_limit' must be a share from 0 to 1, such as 0.05")


def _check_channels(names: Mapping[str, Any], where: str) -> None:
    for name in names:
        if name != name.lower() or not re.fullmatch(r"[^\W_]+(_[^\W_]+)*", name):
            raise RapportError(
                f"{where}: [channels] '{name}' is no name of a channel; use words of small letters and digits "
                "joined by underscores"
            )


def _rate(name: str, text: str, where: str) -> Decimal:
    try:
        rate = Decimal(text)
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or rate <= 0:
        raise RapportError(f"{where}: setting '{name}' must be a number above zero, not {text!r}")
    if not _LEAST_RATE <= rate < _TOO_GREAT_RATE:
        raise RapportError(
            f"{where}: setting '{name}' must be from 0.0000000001 to below 10,000,000,000, not {text!r}; "
            "choose a base currency of about the worth of the others"
        )
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
