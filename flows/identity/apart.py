"""What keeps two identifiers apart, though something ties them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from flows.identity.evidence import Row
from flows.identity.holds import find_holds
from flows.identity.ties import Tie
from warehouse.queries import records
from warehouse.settings import IdentitySettings

_MOST_NAMED = 5
_PERIODS: dict[str, Callable[[datetime], str]] = {
    "ever": lambda _: "ever",
    "week": lambda at: f"{at:%G-W%V}",
    "year": lambda at: f"{at:%Y}",
}
_UNLINK = """
    SELECT acted_at, acted_by, reason
    FROM identity_acts
    WHERE left_identifier = $left AND right_identifier = $right AND act = 'unlink'
    ORDER BY acted_at DESC, act_id DESC
    LIMIT 1
"""
_MEMBERS = """
    SELECT DISTINCT identifier, kind, first_seen_at
    FROM identities
    WHERE known_to IS NULL
        AND customer_id IN (SELECT UNNEST($customers::VARCHAR[]))
    ORDER BY identifier
"""


@dataclass(frozen=True)
class Obstacle:
    """Why the evidence on one pair does not make one customer of it: its kind, and a sentence."""

    left: str
    right: str
    kind: str
    sentence: str


def obstacle_on(
    con: duckdb.DuckDBPyConnection, settings: IdentitySettings, tie: Tie, places: Mapping[str, Sequence[Row]]
) -> Obstacle:
    """What is against a tie whose ends are different customers; `places` are the current rows of each identifier."""
    for kind, found in (
        ("unlinked", _unlinked(con, tie)),
        ("waiting", _waiting(tie, settings)),
        ("shared", _shared(tie, places)),
        ("limit", _over_limit(con, settings, tie, places)),
        ("held", _held(con, settings, tie, places)),
    ):
        if found:
            return Obstacle(tie.left, tie.right, kind, found)
    return Obstacle(tie.left, tie.right, "refused", f"the link of {tie.left} and {tie.right} was refused")


def customers_in(places: Sequence[Row]) -> set[str]:
    """The customers in the rows of an identifier."""
    return {row["customer_id"] for row in places}


def on_other_days(identifier: str, rows: Sequence[Row]) -> Obstacle:
    """An identifier that is each customer's on days of their own ties them without making them one."""
    listed = ", ".join(sorted(customers_in(rows)))
    sentence = f"{identifier} belongs to several customers, each on days of their own: {listed}"
    return Obstacle(identifier, identifier, "shared", sentence)


def _unlinked(con: duckdb.DuckDBPyConnection, tie: Tie) -> str | None:
    if not tie.is_unlinked:
        return None
    (row,) = records(con.execute(_UNLINK, {"left": tie.left, "right": tie.right}))
    by = f" by {row['acted_by']}" if row["acted_by"] else ""
    why = f": {row['reason']}" if row["reason"] else ""
    return f"{tie.left} and {tie.right} were unlinked at {row['acted_at']:%Y-%m-%d %H:%M}{by}{why}"


def _waiting(tie: Tie, settings: IdentitySettings) -> str | None:
    if tie.stands(settings) or tie.probability is None:
        return None
    return (
        f"{tie.left} and {tie.right} are only proposed, with probability {tie.probability:.4f}; "
        f"from {settings.accept:g} on it is a link by itself, below that `rapport identity review` decides"
    )


def _shared(tie: Tie, places: Mapping[str, Sequence[Row]]) -> str | None:
    own = [end for end in (tie.left, tie.right) if any(row["relation"] == "own" for row in places.get(end, ()))]
    if not own:
        return None
    return (
        f"{own[0]} is shared: two or more customers claim it, or too many identifiers are tied to it, so it has a "
        "customer of its own; `rapport identity link`, also with --from and --to, gives it to one"
    )


def _over_limit(
    con: duckdb.DuckDBPyConnection, settings: IdentitySettings, tie: Tie, places: Mapping[str, Sequence[Row]]
) -> str | None:
    """The conflict of the two customers: more values of a kind than one customer may hold."""
    customers = sorted(customers_in([*places.get(tie.left, ()), *places.get(tie.right, ())]))
    found = conflicts(con, settings, customers)
    if not found:
        return None
    return f"{tie.left} and {tie.right} can't be one customer: it would hold {conflict_text(*found[0], settings)}"


def conflicts(
    con: duckdb.DuckDBPyConnection, settings: IdentitySettings, customers: Sequence[str]
) -> list[tuple[str, str, list[str]]]:
    """Of what kind, in what period, the customers together have more identifiers than one customer may hold."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in records(con.execute(_MEMBERS, {"customers": list(customers)})):
        when = _PERIODS[settings.period(row["kind"])](row["first_seen_at"])
        groups.setdefault((row["kind"], when), []).append(row["identifier"])
    found = [(kind, when, names) for (kind, when), names in groups.items() if len(names) > settings.limit(kind)]
    return sorted(found, key=lambda each: (-settings.priority(each[0]), each))


def conflict_text(kind: str, when: str, names: Sequence[str], settings: IdentitySettings) -> str:
    """Which values are too many, and how many there may be."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    within = "" if when == "ever" else f" first seen in {when}"
    return f"{', '.join(names[:_MOST_NAMED])}{more} ({kind}: at most {settings.limit(kind)}{within})"


def _held(
    con: duckdb.DuckDBPyConnection, settings: IdentitySettings, tie: Tie, places: Mapping[str, Sequence[Row]]
) -> str | None:
    customers = customers_in([*places.get(tie.left, ()), *places.get(tie.right, ())])
    held = find_holds(con, settings).of(customers)
    if not held:
        return None
    return f"customer {held[0]['customer_id']} is held, and only links with an account id stand until it is released"
