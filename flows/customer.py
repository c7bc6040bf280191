"""One customer as people ask for them: identifiers, traits with evidence, timeline, decisions with reasons."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.table import JSON, Column
from warehouse.errors import RapportError
from warehouse.reader import LakeReader

EVIDENCE_LIMIT = 20  # rows behind a trait, the newest
_TIMELINE = """
    SELECT occurred_at, channel, event_name, direction, amount, category, source
    FROM interactions
    WHERE anchor IN (SELECT identifier FROM identities WHERE known_to IS NULL AND customer_id = ?)
        AND occurred_at < ?
    ORDER BY occurred_at DESC, interaction_id
    LIMIT ?
"""
_IDENTIFIERS = "SELECT identifier FROM identities WHERE known_to IS NULL AND customer_id = ? ORDER BY identifier"
_DECISIONS = """
    SELECT * FROM decisions
    WHERE customer_id = ?
        AND decided_as_of <= ?
    ORDER BY decided_as_of DESC, commit_seq DESC, decision_id
    LIMIT ?
"""


@dataclass(frozen=True)
class Customer:
    """What is known of one customer; `traits` holds name, value and evidence rows."""

    customer_id: str
    identifiers: list[str]
    as_of: datetime
    traits: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    decisions: list[dict[str, Any]]


def find_customer(lake: LakeReader, identifier: str) -> str:
    """The customer id behind KIND:VALUE, a bare VALUE, or the customer id itself.

    Raises RapportError with the candidates if it is not one.
    """
    from pipelines.resolve.lookup import find

    found = find(lake.connection, identifier)
    customers = {customer for _, customer in found}
    if len(customers) > 1:
        listed = ", ".join(sorted(name for name, _ in found))
        raise RapportError(f"'{identifier}' belongs to {len(customers)} customers; name one of {listed}")
    if not customers and not lake.execute(_IDENTIFIERS, [identifier]).fetchall():
        raise RapportError(
            f"nobody is known by '{identifier}'; give KIND:VALUE, for example email:ann@example.com "
            '(`rapport sql "FROM current_identities LIMIT 9"` shows some; landed files are known after `rapport run`)'
        )
    return customers.pop() if customers else identifier


def read_customer(lake: LakeReader, identifier: str, limit: int = 10) -> Customer:
    """Everything known now of the customer behind `identifier`, at the as_of of their profile. Raises RapportError."""
    from pipelines.decide.explain import explain as explain_decision
    from pipelines.know.explain import explain
    from pipelines.know.traits import traits
    from warehouse.run import Run

    customer_id = find_customer(lake, identifier)
    row = lake.execute("SELECT as_of, commit_seq FROM profiles WHERE customer_id = ?", [customer_id]).fetchone()
    if row is None:
        raise RapportError(f"'{identifier}' is known but has no profile yet; type `rapport run`")
    as_of, commit_seq = row
    found = explain(lake.connection, Run("", commit_seq, as_of, as_of, lake.settings), customer_id, EVIDENCE_LIMIT)
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
    decisions = _rows(lake, _DECISIONS, [customer_id, as_of, limit])
    return Customer(
        customer_id=customer_id,
        identifiers=[name for (name,) in lake.execute(_IDENTIFIERS, [customer_id]).fetchall()],
        as_of=as_of,
        traits=described,
        timeline=_rows(lake, _TIMELINE, [customer_id, as_of, limit]),
        decisions=[{**row, "explanation": vars(explain_decision(row))} for row in decisions],
    )


def _value(column: Column, value: Any) -> Any:
    return json.loads(value) if column.type == JSON and value is not None else value


def _rows(lake: LakeReader, query: str, parameters: list[Any]) -> list[dict[str, Any]]:
    found = lake.execute(query, parameters)
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
