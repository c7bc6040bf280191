"""One customer as people ask for them: identifiers, traits with evidence, timeline, decisions with reasons."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb

from schemas.table import JSON, Column
from warehouse.errors import RapportError
from warehouse.queries import records
from warehouse.reader import LakeReader
from warehouse.run import Run
from warehouse.settings import Settings

if TYPE_CHECKING:
    from pipelines.know.explain import Explanation
    from pipelines.know.past import Past

EVIDENCE_LIMIT = 20  # rows behind a trait, the newest
_TIMELINE = """
    SELECT occurred_at, channel, event_name, direction, amount, category, source
    FROM interactions
    WHERE anchor IN (SELECT identifier FROM identities WHERE known_to IS NULL AND customer_id = $1)
        AND EXISTS (
            FROM identities AS i
            WHERE i.identifier = anchor
                AND i.known_to IS NULL
                AND i.customer_id = $1
                AND (occurred_at >= i.valid_from) IS NOT FALSE
                AND (occurred_at < i.valid_to) IS NOT FALSE
        )
        AND occurred_at < $2
    ORDER BY occurred_at DESC, interaction_id
    LIMIT $3
"""
_IDENTIFIERS = (
    "SELECT DISTINCT identifier FROM identities WHERE known_to IS NULL AND customer_id = ? ORDER BY identifier"
)
_DECISIONS = """
    SELECT * FROM decisions
    WHERE customer_id = ?
        AND decided_as_of <= ?
        AND commit_seq <= COALESCE(?, commit_seq)
    ORDER BY decided_as_of DESC, commit_seq DESC, decision_id
    LIMIT ?
"""
_ACCOUNTS = """
    SELECT group_id, g.name, role, rule, valid_from, valid_to
    FROM memberships
    LEFT JOIN groups AS g USING (group_id)
    WHERE customer_id = ?
    ORDER BY valid_to DESC NULLS FIRST, group_id, valid_from
"""


@dataclass(frozen=True)
class Customer:
    """What is known of one customer; `traits` holds name, value and evidence rows.

    `consents` are the states of purposes and channels with the statements that decide, expiry considered at as_of.
    `accounts` are the groups that the customer belongs or belonged to, as known now; of the past they are not told.
    `known_at` is None for what is known now, else since when the newest commit counts that was known at the asked
    time.
    """

    customer_id: str
    identifiers: list[str]
    as_of: datetime
    known_at: datetime | None
    traits: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    accounts: list[dict[str, Any]]
    consents: list[dict[str, Any]]


def find_customer(lake: LakeReader, identifier: str) -> str:
    """The customer id behind KIND:VALUE, a bare VALUE, or the customer id itself.

    Raises RapportError with the candidates if it is not one.
    """
    return _find(lake.connection, lake.settings, identifier, None)


def _find(con: duckdb.DuckDBPyConnection, settings: Settings, identifier: str, known_at: datetime | None) -> str:
    from pipelines.resolve.lookup import find

    found = find(con, identifier, settings.identity.phone_region)
    customers = {customer for _, customer in found}
    if len(customers) > 1:
        listed = ", ".join(sorted(name for name, _ in found))
        raise RapportError(f"'{identifier}' belongs to {len(customers)} customers; name one of {listed}")
    if not customers and not con.execute(_IDENTIFIERS, [identifier]).fetchall():
        raise RapportError(_unknown(identifier, known_at))
    return customers.pop() if customers else identifier


def _unknown(identifier: str, known_at: datetime | None) -> str:
    if known_at is not None:
        return (
            f"'{identifier}' was not known at {known_at:%Y-%m-%dT%H:%M:%SZ}; leave --known-at out for what is known now"
        )
    return (
        f"nobody is known by '{identifier}'; give KIND:VALUE, for example email:ann@example.com "
        '(`rapport sql "FROM current_identities LIMIT 9"` shows some; landed files are known after `rapport run`)'
    )


def read_customer(lake: LakeReader, identifier: str, limit: int = 10) -> Customer:
    """Everything known now of the customer behind `identifier`, at the as_of of their profile. Raises RapportError."""
    from pipelines.keep.rollups import rollups
    from pipelines.know.explain import explain

    con = lake.connection
    customer_id = _find(con, lake.settings, identifier, None)
    row = con.execute("SELECT as_of, commit_seq FROM profiles WHERE customer_id = ?", [customer_id]).fetchone()
    if row is None:
        raise RapportError(f"'{identifier}' is known but has no profile yet; type `rapport run`")
    as_of, commit_seq = row
    run = Run("", commit_seq, as_of, as_of, lake.settings)
    found = explain(con, run, customer_id, EVIDENCE_LIMIT, rollups())
    return _customer(con, customer_id, as_of, limit, found, None)


def read_past_customer(
    lake: LakeReader, identifier: str, as_of: datetime | None, known_at: datetime | None, limit: int = 10
) -> Customer:
    """The same as of `as_of` (None: that of the last run then), as it was known at `known_at` (None: now).

    Raises RapportError, also where the customer was not known then.
    """
    from pipelines.keep.rollups import rollups
    from pipelines.know.explain import explain
    from pipelines.know.past import at_past
    from pipelines.know.premises import profiled_up_to

    con = lake.connection
    until = as_of or profiled_up_to(con, known_at)
    if until is None:
        raise RapportError("nobody was profiled at that time; leave --known-at out, or give --as-of")
    with at_past(con, until, known_at, rollups()) as past:
        customer_id = _find(con, lake.settings, identifier, known_at)
        past.gather(customer_id)
        run = Run("", past.commit_seq, past.known_from, until, past.settings(lake.settings))
        found = explain(con, run, customer_id, EVIDENCE_LIMIT)
        if found is None:
            raise RapportError(
                f"nothing that '{identifier}' did before {until:%Y-%m-%d} was known then; "
                "give a later --as-of or --known-at"
            )
        return _customer(con, customer_id, until, limit, found, past)


def _customer(
    con: duckdb.DuckDBPyConnection,
    customer_id: str,
    as_of: datetime,
    limit: int,
    found: "Explanation | None",
    past: "Past | None",
) -> Customer:
    from pipelines.decide.explain import explain as explain_decision
    from pipelines.know.traits import traits

    values, evidence = (found.values, found.evidence) if found else ({}, {})
    described = [
        {
            "trait": name,
            "unit": trait.unit,
            "values": {column.name: _value(column, values.get(column.name)) for column in trait.columns},
            "evidence": evidence[name].to_pylist() if name in evidence else [],
        }
        for name, trait in traits().items()
    ]
    decisions = records(con.execute(_DECISIONS, [customer_id, as_of, past.commit_seq if past else None, limit]))
    return Customer(
        customer_id=customer_id,
        identifiers=[name for (name,) in con.execute(_IDENTIFIERS, [customer_id]).fetchall()],
        as_of=as_of,
        known_at=past.known_from if past else None,
        traits=described,
        timeline=records(con.execute(_TIMELINE, [customer_id, as_of, limit])),
        consents=_consents(con, customer_id, as_of),
        accounts=[] if past else records(con.execute(_ACCOUNTS, [customer_id])),
        decisions=[{**row, "explanation": vars(explain_decision(row))} for row in decisions],
    )


def _consents(con: duckdb.DuckDBPyConnection, customer_id: str, as_of: datetime) -> list[dict[str, Any]]:
    from warehouse.consent_states import SPOKEN, states_sql

    states = states_sql("$as_of", f"{SPOKEN} WHERE i.customer_id = $customer_id")
    query = f"SELECT * EXCLUDE (customer_id) FROM ({states}) ORDER BY purpose, channel"
    return records(con.execute(query, {"as_of": as_of, "customer_id": customer_id}))


def _value(column: Column, value: Any) -> Any:
    return json.loads(value) if column.type == JSON and value is not None else value
