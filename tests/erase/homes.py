"""Homes in which persons are erased, and the same worlds without them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from flows.erasure import ErasureReport, erase_home
from tests.laws.states import rows
from tests.laws.worlds import Load
from warehouse.home import Home
from warehouse.scan import find_traces
from warehouse.settings import Settings

ACCOUNTS = Settings().identity.account_kinds
GRACE = "[erase]\ngrace_seconds = 0.05\n"


def erase(home: Home, *identifiers: str, is_scanned: bool = True, settings: str = "") -> ErasureReport:
    """Erase the persons behind the identifiers; readers get no time to speak of."""
    home.settings_file.write_text(settings + GRACE, encoding="utf-8")
    return erase_home(home, identifiers, lambda _: None, is_scanned=is_scanned)


def events(*calls: Mapping[str, object]) -> Load:
    """Segment calls as a load; what a call does not say is a page of a fixed day."""
    default = {"type": "page", "timestamp": "2024-03-01T10:00:00Z"}
    return Load(tuple(("segment", json.dumps({"messageId": f"m{n}", **default, **c})) for n, c in enumerate(calls)))


def persons(home: Home) -> list[list[str]]:
    """The identifiers of each customer that is known by more than one, sorted."""
    query = (
        "SELECT list(identifier ORDER BY identifier) FROM current_identities "
        "GROUP BY customer_id HAVING COUNT(*) > 2 ORDER BY ALL"
    )
    return [found for (found,) in rows(home, query)]


def values(identifiers: Iterable[str]) -> list[str]:
    """The values of `KIND:VALUE`s."""
    return [identifier.partition(":")[2] for identifier in identifiers]


def accounts(home: Home) -> list[str]:
    """The identifiers that say which of several persons with one device or address a record is about."""
    return [found for (found,) in rows(home, f"SELECT identifier FROM current_identities WHERE kind IN {ACCOUNTS}")]


def without(load: Load, identifiers: Iterable[str], known: Iterable[str] = ()) -> Load:
    """The load without the records about who has the identifiers.

    They carry an account of theirs; or another identifier of theirs, and none of the accounts `known`: two persons may
    share a device.
    """
    gone = list(identifiers)
    mine = values(each for each in gone if each.startswith(ACCOUNTS))
    others = values(set(known) - set(gone))

    def is_theirs(text: str) -> bool:
        return any(value in text for value in mine) or (
            any(value in text for value in values(gone)) and not any(value in text for value in others)
        )

    return load.of([record for record in load.records if not is_theirs(record[1])])


def traced(home: Home, wanted: Iterable[str]) -> set[Path]:
    """The files under the home in which one of the values is found."""
    return {trace.path for trace in find_traces(home.root, [value.encode() for value in wanted])}
