"""What an act is about: a pair of identifiers, or the identifiers by which a customer is held."""

from collections.abc import Sequence

import duckdb

from flows.identity.apart import conflict_text, conflicts, customers_in
from flows.identity.holds import BY_SIZE, find_holds
from flows.identity.named import customers_of
from flows.identity.why import places_of
from warehouse.errors import RapportError, UsageError
from warehouse.settings import IdentitySettings

LINK, UNLINK, HOLD, RELEASE = "link", "unlink", "hold", "release"
Subject = tuple[str, str | None]


def subjects_of(
    con: duckdb.DuckDBPyConnection,
    settings: IdentitySettings,
    act: str,
    names: Sequence[str],
    *,
    is_bounded: bool = False,
) -> list[Subject]:
    """The left and right identifiers that `act` on known identifiers is written for.

    Raises UsageError for a pair that is one identifier, RapportError for a link that no customer could hold and for a
    release of a customer whom nobody holds.
    """
    if act == HOLD:
        return [(names[0], None)]
    if act == RELEASE:
        return [(name, None) for name in _holding(con, settings, names[0])]
    left, right = sorted(names)
    if left == right:
        raise UsageError(f"both are the same identifier {left}; name two")
    if act == LINK and not is_bounded:
        _check_limits(con, settings, left, right)
    return [(left, right)]


def _check_limits(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, left: str, right: str) -> None:
    """Refuse what would make a customer of more account ids (or others) than one may hold."""
    ours, theirs = (customers_in(rows) for rows in places_of(con, [left, right]).values())
    found = [] if ours & theirs else conflicts(con, settings, sorted(ours | theirs))
    if found:
        raise RapportError(
            f"{left} and {right} can't be one customer: it would hold {conflict_text(*found[0], settings)}; "
            "unlink what is wrong first (`rapport identity why` shows what ties it), or give a shared identifier to "
            "one customer for some days with --from and --to"
        )


def _holding(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, name: str) -> list[str]:
    """The identifiers through which the customers of `name` are held; a size is released through `name` itself."""
    holds = find_holds(con, settings).of(customers_of(con, name))
    if not holds:
        raise RapportError(f"{name} is not held; `rapport identity review` lists who is")
    return sorted({name if row["basis"] == BY_SIZE else row["identifier"] for row in holds})
