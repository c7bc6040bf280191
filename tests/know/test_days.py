"""An identifier that is several customers' on days of their own: every reader counts each day for its customer."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

import duckdb
import pytest

from flows.access.report import _rows_of
from pipelines.know.explain import explain
from pipelines.know.inputs import input_relations
from pipelines.know.know import know
from schemas.tables import tables
from tests.know.worlds import activity, category, consent, contact, customer, identity, lake_of, order, run_at
from warehouse.reader import LakeReader

ANNA, BERT, TABLET = "user_id:a", "user_id:b", "device_id:t"
TABLES = ("profiles", "channel_preferences", "interests")
# Anna has the tablet on the first days of 2017, Bert from the fifth of March up to the tenth, then Anna again.
BOUNDS = (datetime(2017, 3, 5, tzinfo=UTC), datetime(2017, 3, 10, tzinfo=UTC))
World = dict[str, list[dict[str, Any]]]


def owner(day: date) -> str:
    return BERT if BOUNDS[0].date() <= day < BOUNDS[1].date() else ANNA


def world(anchor: Callable[[date], str]) -> World:
    """What happened on the tablet on some days, under the anchor that the day has."""
    found: World = {name: [] for name in ("daily_activity", "daily_categories", "orders", "contacts", "consents")}
    for number, day in enumerate(date(2017, 3, 3) + timedelta(days=number) for number in range(9)):
        moment, here = datetime.combine(day, time(number)).isoformat(), anchor(day)
        found["daily_activity"].append(activity(here, moment))
        found["daily_categories"].append(category(here, str(day), "tea" if number % 2 else "books"))
        found["orders"].append(order(here, str(number), moment, str(10 + number)))
        found["contacts"].append(contact(here, str(number), moment, responded_at=datetime(2017, 4, 1, tzinfo=UTC)))
    found["consents"] = [consent(anchor(date(2017, 3, 9)), "email", "denied", "2017-03-09T23:59:59")]
    return found


def parted() -> World:
    start, end = BOUNDS
    rows = [
        identity(TABLET, ANNA, relation="member", valid_to=start),
        identity(TABLET, BERT, relation="explicit", valid_from=start, valid_to=end),
        identity(TABLET, ANNA, relation="member", valid_from=end),
    ]
    return world(lambda _: TABLET) | {"identities": [identity(ANNA), identity(BERT), *rows]}


def apart() -> World:
    """The same with a tablet for each."""
    tablets = [identity(f"device_id:{name}", name) for name in (ANNA, BERT)]
    return world(lambda day: f"device_id:{owner(day)}") | {"identities": [identity(ANNA), identity(BERT), *tablets]}


def told(con: duckdb.DuckDBPyConnection, name: str) -> list[Any]:
    return con.execute(f"SELECT * EXCLUDE (commit_seq) FROM {name} ORDER BY ALL").fetchall()


@pytest.fixture(scope="module")
def lakes() -> tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection]:
    both = (lake_of(parted()), lake_of(apart()))
    for con in both:
        know(con, run_at(), None)
    return both


@pytest.mark.parametrize("name", TABLES)
def test_what_is_known_is_what_it_were_with_a_device_for_each(
    lakes: tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection], name: str
) -> None:
    one, other = lakes
    assert told(one, name) == told(other, name) != []


def test_evidence_is_of_the_customers_own_days(
    lakes: tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection],
) -> None:
    for name, days in ((ANNA, 4), (BERT, 5)):
        found = explain(lakes[0], run_at(), customer(name), 50)
        assert found is not None
        rows = [row for table in found.evidence.values() for row in table.to_pylist()]
        seen = {row["seen_at"].date() for row in rows if row["table_name"] in ("daily_activity", "daily_categories")}
        assert len(seen) == days
        assert {owner(day) for day in seen} == {name}


def test_access_shows_the_rows_of_the_persons_own_days(
    lakes: tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection],
) -> None:
    lake = cast("LakeReader", lakes[0])
    for name, column in (("daily_activity", "day"), ("orders", "ordered_at"), ("contacts", "sent_at")):
        rows = _rows_of(lake, tables()[name], customer(BERT))
        days = {found.date() if isinstance(found, datetime) else found for found in (row[column] for row in rows)}
        assert {owner(day) for day in days} == {BERT}
        assert len(rows) == 5


def test_where_nobody_shares_an_identifier_the_days_are_not_looked_at() -> None:
    assert "valid_from" not in input_relations(is_parted=False)["know_activity"]
    assert "valid_from" in input_relations()["know_activity"]
