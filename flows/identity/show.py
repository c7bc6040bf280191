"""Who somebody is: the customers behind what was typed, with identifiers, earlier ids, holds and health."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from flows.identity.evidence import Row
from flows.identity.health import Health, health_of
from flows.identity.holds import Holds, find_holds
from flows.identity.named import customers_of, identifier_named
from flows.identity.ties import ties_of
from flows.identity.why import places_of, standing_inside
from warehouse.queries import records
from warehouse.settings import IdentitySettings

_IDENTIFIERS = """
    SELECT identifier, relation, first_seen_at, valid_from, valid_to, known_from, known_to
    FROM identities
    WHERE customer_id = ?
    ORDER BY known_to IS NOT NULL, identifier, valid_from NULLS FIRST, known_from
"""
# Ids that identifiers of the customer once had, and that nobody has now.
_EARLIER = """
    WITH mine AS (
        SELECT identifier
        FROM identities
        WHERE known_to IS NULL
            AND customer_id = $customer
    ),
    current AS (
        SELECT customer_id
        FROM identities
        WHERE known_to IS NULL
    )
    SELECT customer_id, MIN(known_from) AS known_from, MAX(known_to) AS known_to
    FROM identities
    WHERE identifier IN (SELECT identifier FROM mine)
        AND customer_id NOT IN (SELECT customer_id FROM current)
    GROUP BY customer_id
    ORDER BY known_to, customer_id
"""


@dataclass(frozen=True)
class Person:
    """One customer. `identifiers` are the rows of `identities`, also closed ones: those with a `known_to`.

    `earlier_ids` are customer ids that are gone and lead here, with the span in which they were known. `claims` are,
    for a shared identifier with a customer of its own, the customers that it is tied to.
    """

    customer_id: str
    identifiers: list[Row]
    earlier_ids: list[Row]
    holds: list[Row]
    health: Health
    claims: list[str]


def show(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, text: str) -> list[Person]:
    """The customers of the identifier that somebody typed; several where it is theirs on different days.

    Raises RapportError for an identifier that is unknown or ambiguous.
    """
    named = identifier_named(con, text, settings)
    holds = find_holds(con, settings)
    return [_person(con, settings, customer, holds) for customer in customers_of(con, named)]


def _person(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, customer: str, holds: Holds) -> Person:
    rows = records(con.execute(_IDENTIFIERS, [customer]))
    current = [row for row in rows if row["known_to"] is None]
    names = sorted({row["identifier"] for row in current})
    own = sorted({row["identifier"] for row in current if row["relation"] == "own"})
    return Person(
        customer_id=customer,
        identifiers=rows,
        earlier_ids=records(con.execute(_EARLIER, {"customer": customer})),
        holds=holds.of([customer]),
        health=health_of(names, standing_inside(con, settings, customer)),
        claims=_claims(con, customer, own),
    )


def _claims(con: duckdb.DuckDBPyConnection, customer: str, own: Sequence[str]) -> list[str]:
    """The other customers to whom ties of shared identifiers lead."""
    if not own:
        return []
    ends = {tie.other(name) for name in own for tie in ties_of(con, [name]) if not tie.is_unlinked}
    rows = [row for places in places_of(con, sorted(ends)).values() for row in places]
    return sorted({row["customer_id"] for row in rows} - {customer})
