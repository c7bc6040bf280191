"""What waits for a person: proposals between the thresholds, and customers that are held."""

import json
from dataclasses import dataclass

import duckdb

from flows.identity.acts import Act, ActReport, act_on
from flows.identity.evidence import Row
from flows.identity.holds import find_holds
from flows.identity.subjects import LINK, UNLINK
from flows.identity.ties import LATEST_ACTS, LATEST_PROPOSALS, ON_PAIRS
from flows.work import Tell
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.queries import records
from warehouse.reader import open_lake
from warehouse.settings import IdentitySettings

# Nobody has decided on the pair yet, both are known, and nothing else has made one customer of them.
_WAITING = f"""
    WITH decided AS (
        SELECT left_identifier, right_identifier
        FROM ({LATEST_ACTS.format(condition=ON_PAIRS)})
    ),
    current AS (
        SELECT DISTINCT identifier, customer_id
        FROM identities
        WHERE known_to IS NULL
    ),
    one AS (
        SELECT p.proposal_id
        FROM ({LATEST_PROPOSALS}) AS p
        JOIN current AS l ON l.identifier = p.left_identifier
        JOIN current AS r ON r.identifier = p.right_identifier AND r.customer_id = l.customer_id
    )
    SELECT proposal_id, left_identifier, right_identifier, probability, match_weight, waterfall, model_version,
        proposed_at
    FROM ({LATEST_PROPOSALS})
    ANTI JOIN decided USING (left_identifier, right_identifier)
    ANTI JOIN one USING (proposal_id)
    WHERE probability >= $review
        AND probability < $accept
        AND left_identifier IN (SELECT identifier FROM current)
        AND right_identifier IN (SELECT identifier FROM current)
    ORDER BY probability DESC, proposal_id
"""


@dataclass(frozen=True)
class Waiting:
    """The review queue: proposals, the most probable first, and holds: by persons, for degrees, for sizes."""

    proposals: list[Row]
    held: list[Row]


def waiting(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> Waiting:
    """What waits for review now."""
    rows = records(con.execute(_WAITING, {"review": settings.review, "accept": settings.accept}))
    proposals = [{**row, "waterfall": json.loads(row["waterfall"])} for row in rows]
    return Waiting(proposals, find_holds(con, settings).listed())


def decide_on(
    home: Home, proposal_id: str, tell: Tell, *, is_approved: bool, reason: str | None, acted_by: str | None
) -> ActReport:
    """Make a link of a waiting proposal, or a tombstone of its pair. Raises RapportError for one that does not wait."""
    with open_lake(home.root) as lake:
        found = waiting(lake.connection, lake.settings.identity).proposals
    chosen = [row for row in found if row["proposal_id"] == proposal_id]
    if not chosen:
        raise RapportError(
            f"no proposal '{proposal_id}' waits for review; `rapport identity review` lists those that do"
        )
    (row,) = chosen
    why = reason or f"proposal {proposal_id}, probability {row['probability']:.6f}"
    pair = (row["left_identifier"], row["right_identifier"])
    return act_on(home, Act(LINK if is_approved else UNLINK, pair, None, None, why, acted_by), tell)
