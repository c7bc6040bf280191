"""A small world for decisions: profiles with the columns of the traits, and rows around them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb

from pipelines.decide.catalogue import Catalogue, Offer
from schemas.keys import key
from schemas.table import quoted
from tests.lakes import insert, memory_lake
from warehouse.run import Run
from warehouse.settings import DecideSettings, Settings

AS_OF = datetime(2018, 1, 2, tzinfo=UTC)
TRAITS = {
    "first_seen_at": "TIMESTAMPTZ",
    "recency_days": "BIGINT",
    "order_count": "BIGINT",
    "monetary_total": "DECIMAL(18,4)",
    "frequency_quintile": "INTEGER",
    "monetary_quintile": "INTEGER",
    "order_90d_count": "BIGINT",
    "order_365d_count": "BIGINT",
    "contact_90d_count": "BIGINT",
    "favourite_categories": "VARCHAR[]",
    "channel_counts": "JSON",
    "preferred_channel": "VARCHAR",
    "stated_channel": "VARCHAR",
    "is_partner": "BOOLEAN",
    "p_alive": "DOUBLE",
    "p_purchase_30d": "DOUBLE",
}
MONEY = {
    "value_customer": "2",
    "value_company": "3",
    "cost": "1",
    "contact_cost_customer": "0.01",
    "contact_cost_company": "0.01",
}


def world(people: int = 1, **traits: Any) -> duckdb.DuckDBPyConnection:
    """A lake with customers person_0, person_1 …, identifiers user_id:0 … and the same traits for all."""
    con = memory_lake()
    for name, kind in TRAITS.items():
        con.execute(f"ALTER TABLE profiles ADD COLUMN {quoted(name)} {kind}")
    for number in range(people):
        add_person(con, f"person_{number}", f"user_id:{number}", **traits)
    return con


def add_person(con: duckdb.DuckDBPyConnection, customer_id: str, identifier: str, **traits: Any) -> None:
    """Add a customer with one identifier."""
    kind, value = identifier.split(":")
    insert(
        con,
        "profiles",
        customer_id=customer_id,
        anchor=identifier,
        identifier_count=1,
        as_of=AS_OF,
        **traits,
    )
    insert(
        con,
        "identities",
        identifier=identifier,
        kind=kind,
        value=value,
        customer_id=customer_id,
        first_seen_at=AS_OF,
        known_from=AS_OF,
    )


def contact(con: duckdb.DuckDBPyConnection, sent_at: datetime, number: int = 0, **values: Any) -> None:
    """Add a contact with user_id:0, or another `anchor`."""
    given = {"anchor": "user_id:0", "channel": "email", "first_at": sent_at, "last_at": sent_at, **values}
    insert(con, "contacts", source="mail", contact_id=str(number), sent_at=sent_at, **given)


def activity(con: duckdb.DuckDBPyConnection, event_name: str, at: datetime, anchor: str = "user_id:0") -> None:
    """Add one interaction to the daily rollup."""
    insert(
        con,
        "daily_activity",
        anchor=anchor,
        day=at.date(),
        channel="call",
        event_name=event_name,
        interaction_count=1,
        machine_count=0,
        unconverted_count=0,
        first_at=at,
        last_at=at,
    )


def consent(con: duckdb.DuckDBPyConnection, status: str, stated_at: datetime, **values: Any) -> None:
    """Add a consent statement for marketing on e-mail, unless `values` say otherwise."""
    given = {"purpose": "marketing", "channel": "email", "anchor": "user_id:0", **values}
    insert(
        con,
        "consents",
        consent_id=key(status, stated_at.isoformat(), *map(str, given.values())),
        status=status,
        legal_basis="consent",
        stated_at=stated_at,
        interaction_id="i",
        **given,
    )


def offer(offer_id: str = "a", **changes: Any) -> Offer:
    """A plain offer by e-mail; money as text."""
    given: dict[str, Any] = {
        "name": offer_id.upper(),
        "kind": "offer",
        "benefit": "a gain",
        "purpose": "marketing",
        **MONEY,
        "category": None,
        "campaign_id": None,
        "channels": ("email",),
        "valid_from": None,
        "valid_to": None,
        "rules": {},
        "file": "test.toml",
        **changes,
    }
    values: dict[str, Any] = {name: Decimal(given[name]) if name in MONEY else given[name] for name in given}
    return Offer(offer_id=offer_id, **values)


def catalogue(*offers: Offer) -> Catalogue:
    """A catalogue of these offers."""
    ordered = tuple(sorted(offers, key=lambda one: one.offer_id))
    return Catalogue(ordered, key(*(repr(one) for one in ordered)))


def run(**settings: Any) -> Run:
    """A run at AS_OF with these settings of the policy."""
    return Run("batch", 7, AS_OF, AS_OF, Settings(decide=DecideSettings(**settings)))


def decisions(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """All decisions as dictionaries, by customer."""
    found = con.execute("SELECT * FROM decisions ORDER BY customer_id, decision_id")
    names: Sequence[str] = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
