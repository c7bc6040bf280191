"""Resolve: links from interactions, customers from links, and the current map of identifiers to customers.

`identities` and `identity_links` carry the history; only the increment's interactions are read, and what people and
models have said since. Both tables are written only where something changed.
"""

from dataclasses import dataclass, replace

import duckdb

from pipelines.resolve.evidence import add_links, gather_events, gather_seen
from pipelines.resolve.graph import partition
from pipelines.resolve.identity_map import write_map
from pipelines.resolve.said import gather_said
from pipelines.resolve.touched import gather_members
from pipelines.resolve.withdrawn import LOST, withdraw
from warehouse.queries import drop_temporary, number
from warehouse.run import Run

_TEMPORARY = (
    *("carried", "withdrawn", "reopened", "broken", "days", "reread", "seen", "evidence", "new_links"),
    *("acts", "scored", "frontier", "reached", "ends", "members", "crowded"),
    *("known", "nodes", "groups", "ties", "decided", "spans", "parted", "changed"),
)


@dataclass(frozen=True)
class ResolveReport:
    """What one call found and changed.

    `customers` are those behind the identifiers that the increment mentions; `customers_changed` those that
    are new, gone, or have gained or lost an identifier or an earlier first sight of one (their rows of
    `identities` carry the run's commit_seq). Of the components that were decided anew, `links_refused` are pairs whose
    link was refused, `identifiers_shared` those that two or more customers claim, `identifiers_crowded` those over the
    degree limit, `components_held` those over the size limit, which wait for review.
    """

    links_added: int = 0
    identifiers_seen: int = 0
    customers: int = 0
    customers_changed: int = 0
    links_refused: int = 0
    identifiers_shared: int = 0
    identifiers_crowded: int = 0
    components_held: int = 0


def resolve(con: duckdb.DuckDBPyConnection, run: Run, since: int | None, *, lost: str = LOST) -> ResolveReport:
    """Bring links and identities up to date with the interactions of commits after `since` (None: all).

    So do the acts and proposals of these commits. The current identities are a function of the sets of interactions,
    acts and proposals alone: neither their order nor their split into calls changes anything. A call without news
    writes nothing. The rollups must be up to date. `lost` is a query for the rows of events that went away after a
    commit, its parameter.
    """
    settings = run.settings.identity
    withdraw(con, run, since, lost)
    gather_said(con, -1 if since is None else since)
    gather_events(con, since)
    added = add_links(con, run)
    seen = gather_seen(con, settings)
    _close_vanished(con, run, since)
    report = ResolveReport(added, seen)
    if gather_members(con, settings, since):
        con.execute(_KNOWN)
        report = _decide(con, run, report)
    report = replace(report, customers=number(con, _CUSTOMERS_SEEN))
    con.execute("DROP VIEW IF EXISTS temp.resolve_events")
    drop_temporary(con, (f"resolve_{name}" for name in _TEMPORARY))
    return report


_KNOWN = """
    CREATE OR REPLACE TEMP TABLE resolve_known AS
    SELECT identifier, kind, value, customer_id, first_seen_at, relation, valid_from, valid_to, known_from
    FROM identities
    WHERE known_to IS NULL
        AND identifier IN (SELECT identifier FROM resolve_members)
"""


def _decide(con: duckdb.DuckDBPyConnection, run: Run, report: ResolveReport) -> ResolveReport:
    """Decide the members anew and write what differs."""
    decision = partition(con, run.settings.identity)
    return replace(
        report,
        customers_changed=write_map(con, run, decision),
        links_refused=decision.refused,
        identifiers_shared=int(decision.is_shared.sum()),
        identifiers_crowded=number(con, "SELECT COUNT(*) FROM resolve_crowded"),
        components_held=decision.oversized,
    )


def _close_vanished(con: duckdb.DuckDBPyConnection, run: Run, since: int | None) -> None:
    """Close the identifiers that no event carries any more: of those whose first sight may be lost, or of all."""
    doubtful = "" if since is None else "AND identifier IN (SELECT identifier FROM resolve_withdrawn)"
    vanished = f"""
        SELECT identifier
        FROM identities
        WHERE known_to IS NULL
            {doubtful}
            AND identifier NOT IN (SELECT identifier FROM resolve_seen)
    """
    if number(con, f"SELECT COUNT(*) FROM ({vanished})"):
        con.execute(
            f"UPDATE identities SET known_to = ?, commit_seq = ? WHERE known_to IS NULL AND identifier IN ({vanished})",
            [run.started_at, run.commit_seq],
        )


_CUSTOMERS_SEEN = """
    SELECT COUNT(DISTINCT customer_id)
    FROM identities
    WHERE known_to IS NULL
        AND identifier IN (SELECT identifier FROM resolve_seen)
"""
