"""What ties identifiers: events, acts and proposals, a tie for each pair; and the shortest chain of them.

All evidence on one pair is one tie. It stands unless an act has unlinked the pair; a tie of a proposal alone stands
from the probability `accept` on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from warehouse.settings import IdentitySettings

# Of several acts on a pair, or on one held identifier, the latest counts.
LATEST_ACTS = """
    SELECT *
    FROM identity_acts
    WHERE {condition}
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY left_identifier, COALESCE(right_identifier, '')
        ORDER BY acted_at DESC, act_id DESC
    ) = 1
"""
ON_PAIRS = "act IN ('link', 'unlink')"
# A link on no day at all has taken one on some days back.
HOLDS_SOMETIME = "COALESCE(valid_from <> valid_to, TRUE)"
ON_CUSTOMERS = "act IN ('hold', 'release')"
# Of several proposals on a pair the latest model's counts.
LATEST_PROPOSALS = """
    SELECT *
    FROM identity_proposals
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY left_identifier, right_identifier
        ORDER BY TRY_CAST(model_version AS BIGINT) DESC, model_version DESC, proposed_at DESC, proposal_id
    ) = 1
"""
_TIES = f"""
    WITH asked AS (SELECT UNNEST($asked::VARCHAR[]) AS identifier),
    acts AS ({LATEST_ACTS.format(condition=ON_PAIRS)}),
    proposals AS ({LATEST_PROPOSALS}),
    said AS (
        SELECT left_identifier, right_identifier, occurred_at AS first_at, TRUE AS is_event, NULL AS act,
            NULL::DOUBLE AS probability
        FROM identity_links
        WHERE left_identifier IN (SELECT identifier FROM asked)
            OR right_identifier IN (SELECT identifier FROM asked)
        UNION ALL
        SELECT left_identifier, right_identifier, acted_at, FALSE, act, NULL
        FROM acts
        WHERE {HOLDS_SOMETIME}
            AND (
                left_identifier IN (SELECT identifier FROM asked)
                OR right_identifier IN (SELECT identifier FROM asked)
            )
        UNION ALL
        SELECT left_identifier, right_identifier, proposed_at, FALSE, NULL, probability
        FROM proposals
        WHERE left_identifier IN (SELECT identifier FROM asked)
            OR right_identifier IN (SELECT identifier FROM asked)
    )
    SELECT
        left_identifier,
        right_identifier,
        MIN(first_at) AS first_at,
        BOOL_OR(is_event) AS has_event,
        MAX(act) AS act,
        MAX(probability) AS probability
    FROM said
    GROUP BY left_identifier, right_identifier
    ORDER BY left_identifier, right_identifier
"""


@dataclass(frozen=True)
class Tie:
    """All evidence on one pair of identifiers: the first of it, whether an event says it, the act, the proposal."""

    left: str
    right: str
    first_at: datetime
    has_event: bool
    act: str | None
    probability: float | None

    @property
    def is_unlinked(self) -> bool:
        """Whether somebody has taken the pair apart."""
        return self.act == "unlink"

    def stands(self, settings: IdentitySettings) -> bool:
        """Whether it makes one customer of the two, if nothing else is against it."""
        is_accepted = self.probability is not None and self.probability >= settings.accept
        return not self.is_unlinked and (self.has_event or self.act == "link" or is_accepted)

    def other(self, identifier: str) -> str:
        """The other end."""
        return self.right if identifier == self.left else self.left


Neighbours = Callable[[Sequence[str]], Mapping[str, Sequence[Tie]]]


def ties_of(con: duckdb.DuckDBPyConnection, identifiers: Iterable[str]) -> list[Tie]:
    """The ties that have one of `identifiers` at an end, by pair; also those that do not stand."""
    rows = con.execute(_TIES, {"asked": sorted(identifiers)}).fetchall()
    return [Tie(*row) for row in rows]


def by_end(ties: Iterable[Tie]) -> dict[str, list[Tie]]:
    """The ties of each identifier, the one with the earliest evidence first."""
    found: dict[str, list[Tie]] = {}
    for tie in sorted(ties, key=lambda tie: (tie.first_at, tie.left, tie.right)):
        found.setdefault(tie.left, []).append(tie)
        found.setdefault(tie.right, []).append(tie)
    return found


def shortest_chain(start: str, goal: str, neighbours: Neighbours, most: int) -> list[Tie] | None:
    """The fewest ties from `start` to `goal`, in their order; of several the one of the earliest evidence.

    `neighbours` gives the ties of each of a round's identifiers. None if there is no chain, or none among the `most`
    identifiers nearest to `start`.
    """
    came_by: dict[str, Tie | None] = {start: None}
    frontier = [start]
    while frontier and goal not in came_by and len(came_by) <= most:
        ties = neighbours(frontier)
        reached: list[str] = []
        for identifier in frontier:
            for tie in ties.get(identifier, ()):
                if tie.other(identifier) not in came_by:
                    came_by[tie.other(identifier)] = tie
                    reached.append(tie.other(identifier))
        frontier = reached
    return _walked_back(came_by, goal) if goal in came_by else None


def _walked_back(came_by: Mapping[str, Tie | None], goal: str) -> list[Tie]:
    chain: list[Tie] = []
    at, tie = goal, came_by[goal]
    while tie is not None:
        chain.append(tie)
        at = tie.other(at)
        tie = came_by[at]
    return chain[::-1]
