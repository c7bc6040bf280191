"""Small lakes of identities, links, acts and proposals, made by hand."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import duckdb

from schemas.identifiers import split_identifier
from schemas.keys import key
from tests.lakes import insert, memory_lake
from warehouse.identity_settings import IdentitySettings

AT = datetime(2024, 3, 1, tzinfo=UTC)
SETTINGS = IdentitySettings()
_NUMBERS = count(1)


def lake(**customers: list[str]) -> duckdb.DuckDBPyConnection:
    """A lake in which each customer, by id, has these identifiers."""
    con = memory_lake()
    for customer, identifiers in customers.items():
        for identifier in identifiers:
            belong(con, customer, identifier)
    return con


def belong(con: duckdb.DuckDBPyConnection, customer: str, identifier: str, **values: Any) -> None:
    """Give a customer an identifier; a member since ever, unless `values` say otherwise."""
    kind, value = split_identifier(identifier) or ("", "")
    given = {"relation": "member", "first_seen_at": AT, "known_from": AT, **values}
    insert(con, "identities", identifier=identifier, kind=kind, value=value, customer_id=customer, **given)


def tie(con: duckdb.DuckDBPyConnection, one: str, other: str, days: int = 0, rule: str = "same_event") -> None:
    """An event, `days` after AT, that carries both."""
    left, right = sorted((one, other))
    number = str(next(_NUMBERS))
    at = AT + timedelta(days=days)
    names = {"left_identifier": left, "right_identifier": right}
    insert(
        con,
        "identity_links",
        link_id=number,
        rule=rule,
        confidence=1.0,
        occurred_at=at,
        interaction_id=f"i{number}",
        **names,
    )
    event = {"source": "shop", "channel": "web", "event_name": "identify", "occurred_at": at}
    insert(con, "interactions", interaction_id=f"i{number}", connector="segment", **_EVENT, **event)


_EVENT: dict[str, Any] = {
    "event_id": "e", "direction": "inbound", "initiator": "customer", "received_at": AT, "ingested_at": AT,
    "is_received_assigned": False, "time_basis": "occurred", "identifiers": [], "anchor": "user_id:u",
    "is_machine": False, "batch_id": "b", "file_id": "f", "row_number": 1, "element": 0,
}  # fmt: skip


def act(
    con: duckdb.DuckDBPyConnection, said: str, one: str, other: str | None = None, days: int = 0, **values: Any
) -> None:
    """An act, `days` after AT."""
    left, right = (one, None) if other is None else sorted((one, other))
    at = AT + timedelta(days=days)
    names = {"left_identifier": left, "right_identifier": right}
    insert(
        con,
        "identity_acts",
        act_id=key(said, one, str(days)),
        act=said,
        reason="a reason",
        acted_by="ann",
        acted_at=at,
        **names,
        **values,
    )


def propose(
    con: duckdb.DuckDBPyConnection, one: str, other: str, probability: float, model: str = "1", days: int = 0
) -> str:
    """A proposal of a model; gives its id."""
    left, right = sorted((one, other))
    proposal_id = key(left, right, model)
    insert(
        con,
        "identity_proposals",
        proposal_id=proposal_id,
        left_identifier=left,
        right_identifier=right,
        probability=probability,
        match_weight=9.0,
        waterfall='[{"comparison":"name","level":"exact","match_weight":9.0}]',
        model_version=model,
        proposed_at=AT + timedelta(days=days),
    )
    return proposal_id
