"""Why two identifiers are one customer: the shortest chain of links; or what keeps them apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from flows.identity.apart import Obstacle, customers_in, obstacle_on, on_other_days
from flows.identity.evidence import Row, evidence_of
from flows.identity.named import identifier_named, is_blocked_name
from flows.identity.ties import Tie, by_end, shortest_chain, ties_of
from warehouse.errors import UsageError
from warehouse.queries import records
from warehouse.settings import IdentitySettings

# So far a chain is sought; what hangs together further off says nothing to people.
MOST_IDENTIFIERS = 100_000
_PLACES = """
    SELECT identifier, customer_id, relation, valid_from, valid_to
    FROM identities
    WHERE known_to IS NULL
        AND identifier IN (SELECT UNNEST($asked::VARCHAR[]))
    ORDER BY identifier, valid_from NULLS FIRST
"""
_IN_CUSTOMER = """
    SELECT identifier, BOOL_AND(valid_from IS NOT NULL OR valid_to IS NOT NULL) AND BOOL_AND(relation = 'explicit')
    FROM identities
    WHERE known_to IS NULL
        AND customer_id = ?
    GROUP BY identifier
"""


@dataclass(frozen=True)
class Step:
    """One tie of a chain, walked from `from_identifier` to `to_identifier`, with the evidence behind it."""

    from_identifier: str
    to_identifier: str
    evidence: list[Row]


@dataclass(frozen=True)
class Why:
    """The answer: whether the two are one customer (`customer_id`), the chain that ties them, what is against it.

    `chain` is the shortest one of what stands if they are one customer; else of all there is, and `obstacles` say which
    of its ties do not hold. Without any chain there is one obstacle that says so.
    """

    left: str
    right: str
    customer_id: str | None
    chain: list[Step]
    obstacles: list[Obstacle]


def why(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, left: str, right: str) -> Why:
    """Why the two identifiers, as somebody typed them, are one customer or not. Raises RapportError, UsageError."""
    for one, other in ((left, right), (right, left)):
        if is_blocked_name(one, settings):
            sentence = f"{one} is a value that names nobody (a blocked value), so it ties nothing to {other}"
            return Why(left, right, None, [], [Obstacle(one, other, "blocked", sentence)])
    start, goal = (identifier_named(con, text, settings) for text in (left, right))
    if start == goal:
        raise UsageError(f"'{left}' and '{right}' are the same identifier {start}; name two")
    return why_of(con, settings, start, goal)


def why_of(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, start: str, goal: str) -> Why:
    """The same for two identifiers that are known."""
    places = places_of(con, [start, goal])
    common = sorted(customers_in(places[start]) & customers_in(places[goal]))
    if common:
        chain = _chain_inside(con, settings, common[0], start, goal)
        return Why(start, goal, common[0], _steps(con, start, chain), [])
    return _apart(con, settings, start, goal)


def places_of(con: duckdb.DuckDBPyConnection, identifiers: Sequence[str]) -> dict[str, list[Row]]:
    """The current rows of each identifier: customer, relation, span."""
    found: dict[str, list[Row]] = {identifier: [] for identifier in identifiers}
    for row in records(con.execute(_PLACES, {"asked": sorted(identifiers)})):
        found[row["identifier"]].append(row)
    return found


def standing_inside(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, customer_id: str) -> list[Tie]:
    """The standing ties between identifiers of one customer; to one given for some days, only those of acts."""
    is_given: Mapping[str, bool] = dict(con.execute(_IN_CUSTOMER, [customer_id]).fetchall())
    return [
        tie
        for tie in ties_of(con, is_given)
        if tie.stands(settings)
        and {tie.left, tie.right} <= is_given.keys()
        and (tie.act == "link" or not (is_given[tie.left] or is_given[tie.right]))
    ]


def _chain_inside(
    con: duckdb.DuckDBPyConnection, settings: IdentitySettings, customer_id: str, start: str, goal: str
) -> list[Tie]:
    ties = by_end(standing_inside(con, settings, customer_id))
    return shortest_chain(start, goal, lambda _: ties, MOST_IDENTIFIERS) or []


def _apart(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, start: str, goal: str) -> Why:
    chain = shortest_chain(start, goal, lambda frontier: by_end(ties_of(con, frontier)), MOST_IDENTIFIERS)
    if chain is None:
        sentence = f"no event, act or proposal ties {start} to {goal}, also not through others"
        return Why(start, goal, None, [], [Obstacle(start, goal, "nothing", sentence)])
    places = places_of(con, sorted({end for tie in chain for end in (tie.left, tie.right)}))
    crossing = [tie for tie in chain if not customers_in(places[tie.left]) & customers_in(places[tie.right])]
    obstacles = [obstacle_on(con, settings, tie, places) for tie in crossing]
    if not crossing:
        obstacles = [on_other_days(name, rows) for name, rows in places.items() if len(customers_in(rows)) > 1]
    return Why(start, goal, None, _steps(con, start, chain), obstacles)


def _steps(con: duckdb.DuckDBPyConnection, start: str, chain: Sequence[Tie]) -> list[Step]:
    steps = []
    at = start
    for tie in chain:
        steps.append(Step(at, tie.other(at), evidence_of(con, tie)))
        at = tie.other(at)
    return steps
