"""What waits for review: customers held by a person, identifiers of too many links, components that are too large.

Every command that asks for holds reads the pairs of all links once: about a second for a million of them.
"""

from collections.abc import Collection
from dataclasses import dataclass

import duckdb

from flows.identity.evidence import Row
from flows.identity.sizes import TooLarge, too_large
from flows.identity.ties import LATEST_ACTS, ON_CUSTOMERS, ON_PAIRS
from warehouse.queries import records
from warehouse.settings import IdentitySettings

BY_ACT, BY_DEGREE, BY_SIZE = "act", "degree", "size"
_CURRENT = "SELECT DISTINCT customer_id, identifier FROM identities WHERE known_to IS NULL"
_HELD = f"""
    WITH held AS (
        SELECT left_identifier AS identifier, reason, acted_by, acted_at
        FROM ({LATEST_ACTS.format(condition=ON_CUSTOMERS)})
        WHERE act = 'hold'
    ),
    current AS ({_CURRENT}),
    sizes AS (
        SELECT customer_id, COUNT(*) AS identifier_count
        FROM current
        GROUP BY customer_id
    )
    SELECT '{BY_ACT}' AS basis, customer_id, identifier, identifier_count, reason, acted_by, acted_at
    FROM held
    JOIN current USING (identifier)
    JOIN sizes USING (customer_id)
    ORDER BY acted_at, customer_id, identifier
"""
# `identifier_count` are the others that it has links to, and that nobody has unlinked.
_CROWDED = f"""
    WITH ends AS (
        SELECT UNNEST([left_identifier, right_identifier]) AS identifier,
            UNNEST([right_identifier, left_identifier]) AS other
        FROM identity_links
        ANTI JOIN (SELECT * FROM ({LATEST_ACTS.format(condition=ON_PAIRS)}) WHERE act = 'unlink') AS unlinked
            USING (left_identifier, right_identifier)
    ),
    crowded AS (
        SELECT identifier, COUNT(DISTINCT other) AS identifier_count
        FROM ends
        GROUP BY identifier
        HAVING COUNT(DISTINCT other) > $limit
    ),
    released AS (
        SELECT left_identifier AS identifier
        FROM ({LATEST_ACTS.format(condition=ON_CUSTOMERS)})
        WHERE act = 'release'
    )
    SELECT '{BY_DEGREE}' AS basis, customer_id, identifier, identifier_count, NULL AS reason, NULL AS acted_by,
        NULL AS acted_at
    FROM crowded
    ANTI JOIN released USING (identifier)
    JOIN ({_CURRENT}) AS current USING (identifier)
    ORDER BY identifier_count DESC, identifier
"""


@dataclass(frozen=True)
class Holds:
    """All holds: `rows` by acts and for degrees, `components` for sizes."""

    rows: list[Row]
    components: list[TooLarge]

    def listed(self) -> list[Row]:
        """A row for each hold, `basis` saying what is behind it; a component stands as the customer of its anchor."""
        return [*self.rows, *(_row(component) for component in self.components)]

    def of(self, customers: Collection[str]) -> list[Row]:
        """The holds that concern one of `customers`."""
        large = [_row(component) for component in self.components if not component.customers.isdisjoint(customers)]
        return [*(row for row in self.rows if row["customer_id"] in customers), *large]


def find_holds(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> Holds:
    """Every hold of today; acts by age, degrees and sizes the greatest first."""
    crowded = records(con.execute(_CROWDED, {"limit": settings.degree_limit}))
    large = too_large(con, settings, [row["identifier"] for row in crowded])
    return Holds([*records(con.execute(_HELD)), *crowded], large)


def _row(component: TooLarge) -> Row:
    return {
        "basis": BY_SIZE,
        "customer_id": component.customer_id,
        "identifier": component.anchor,
        "identifier_count": component.size,
        **dict.fromkeys(("reason", "acted_by", "acted_at")),
    }
