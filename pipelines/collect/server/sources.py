"""The sources that a collector takes requests of, and how a request names its own."""

import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.collect.connectors import connectors
from pipelines.collect.signatures import BASIC
from pipelines.collect.webhook import RefusedError, Secrets, Webhook
from warehouse.errors import RapportError
from warehouse.settings import SourceSettings

# Protocols that the collector speaks itself; who sends is told by a write key.
SPOKEN = ("segment", "snowplow", "cloudevents")
KEY = "write_key"
_VARIABLE = "env:"
_OR_BASIC = f" (or {' and '.join(BASIC)})"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Source:
    """A source with its secrets, which are never shown."""

    name: str
    connector: str
    secrets: Secrets = field(repr=False)

    @property
    def target(self) -> tuple[str, str]:
        """What its segments belong to."""
        return self.connector, self.name


@dataclass(frozen=True)
class Sources:
    """All sources that are served."""

    known: tuple[Source, ...]

    def with_key(self, connector: str, key: str) -> Source:
        """The source of `connector` that has this write key. Raises RefusedError (401).

        All are compared, by digests, so that the time tells nothing of a key.
        """
        given = _digest(key)
        matches = [s for s in self._of(connector) if hmac.compare_digest(_digest(s.secrets.get(KEY, "")), given)]
        if not matches or not key:
            raise RefusedError(401, "the write key is unknown")
        return matches[0]

    def only(self, connector: str) -> Source | None:
        """The one source of `connector`, if it is one and has no write key."""
        found = list(self._of(connector))
        return found[0] if len(found) == 1 and not found[0].secrets.get(KEY) else None

    def named(self, connector: str, name: str) -> Source:
        """The source of that name. Raises RefusedError (404)."""
        for source in self._of(connector):
            if source.name == name:
                return source
        raise RefusedError(404, "there is no such source; [sources] in rapport.toml names them")

    def _of(self, connector: str) -> Iterable[Source]:
        return (source for source in self.known if source.connector == connector)


def served_sources(
    settings: Mapping[str, SourceSettings], environment: Mapping[str, str] = os.environ
) -> tuple[Sources, list[str]]:
    """The sources that can be served, and for each of the others what it lacks.

    Raises RapportError for a connector that does not exist, a variable that is not set, a key of two sources, or if
    there is no source at all. Messages name settings and variables, never their values.
    """
    found, lacking = [], []
    for name, given in settings.items():
        source = _source(name, given, environment)
        lack = _lack(source)
        if lack:
            lacking.append(f"source '{name}' is not served: {lack}")
        else:
            found.append(source)
    if not found:
        raise RapportError(
            "no source can be served; write [sources.NAME] with a connector and its secrets into rapport.toml "
            f"(docs/collector.md){''.join(f'. {text}' for text in lacking)}"
        )
    _demand_distinct(found)
    return Sources(tuple(found)), lacking


def webhook_of(connector: str) -> Webhook | None:
    """How the connector takes requests, if it does."""
    found = connectors().get(connector)
    return found.webhook if found else None


def _source(name: str, given: SourceSettings, environment: Mapping[str, str]) -> Source:
    connector = given.connector or name
    if connector not in connectors():
        raise RapportError(f"[sources.{name}]: connector '{connector}' is unknown; `rapport connectors` lists them")
    if not _NAME.fullmatch(name):
        raise RapportError(f"[sources.{name}]: a name has only letters, digits, '_', '-' and '.'; choose another")
    return Source(name, connector, {key: _value(name, key, text, environment) for key, text in given.secrets.items()})


def _value(name: str, key: str, text: str, environment: Mapping[str, str]) -> str:
    if not text.startswith(_VARIABLE):
        return text
    variable = text.removeprefix(_VARIABLE)
    if not environment.get(variable):
        raise RapportError(f"[sources.{name}] {key}: the variable {variable} is not set; set it, or write a value")
    return environment[variable]


def _lack(source: Source) -> str:
    """What a source has not that it needs; empty if nothing."""
    if source.connector in SPOKEN:
        is_open = source.connector == "snowplow"  # its trackers send no key
        return "" if is_open or source.secrets.get(KEY) else f"it has no {KEY}"
    webhook = webhook_of(source.connector)
    if webhook is None:
        return f"connector '{source.connector}' takes no requests"
    missing = [name for name in webhook.secrets or BASIC if not source.secrets.get(name)]
    if not missing or (webhook.or_basic and all(source.secrets.get(name) for name in BASIC)):
        return ""
    return f"it has no {', no '.join(missing)}{_OR_BASIC if webhook.or_basic else ''}"


def _demand_distinct(found: Iterable[Source]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for source in found:
        key = source.secrets.get(KEY, "")
        if source.connector not in SPOKEN:
            continue
        if (source.connector, key) in seen:
            raise RapportError(
                f"[sources.{source.name}] and [sources.{seen[source.connector, key]}] have the same {KEY}, or none; "
                "give each its own"
            )
        seen[source.connector, key] = source.name


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
