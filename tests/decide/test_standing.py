"""A decision stands unless it was taken on an identifier that is somebody else's now."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from pipelines.decide.decide import decide
from pipelines.decide.replay import recompute
from tests.decide.worlds import AS_OF, catalogue, decisions, offer, run, world
from tests.lakes import insert
from warehouse.views import VIEWS

OFFERS = catalogue(offer("a"), offer("b", value_company="9", channels=("app",)))
LATER = AS_OF + timedelta(hours=1)


def identify(con: duckdb.DuckDBPyConnection, customer: str, commit_seq: int, **values: Any) -> None:
    """A row of email:x, written last by commit `commit_seq`."""
    given = {"identifier": "email:x", "kind": "email", "value": "x", "first_seen_at": AS_OF, "known_from": AS_OF}
    insert(con, "identities", customer_id=customer, **{**given, **values})
    con.execute("UPDATE identities SET commit_seq = ? WHERE identifier = 'email:x' AND commit_seq = 1", [commit_seq])


def decided() -> duckdb.DuckDBPyConnection:
    """Two people, whom commit 7 has decided for."""
    con = world(2)
    decide(con, run(), OFFERS)
    began: dict[str, Any] = dict.fromkeys(
        ("received_count", "loaded_count", "duplicate_count", "rejected_count", "suppressed_count"), 0
    )
    insert(con, "batches", batch_id="b", stage="decide", started_at=AS_OF, finished_at=AS_OF, **began)
    con.execute("UPDATE batches SET commit_seq = 7")
    return con


def revisions(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    decide(con, replace(run(), commit_seq=9), OFFERS)
    return sorted((row["customer_id"], row["revision"]) for row in decisions(con))


def test_who_loses_an_identifier_to_another_is_decided_again_and_the_other_is_not() -> None:
    con = decided()
    identify(con, "person_0", 8, known_to=LATER)
    identify(con, "person_1", 8, known_from=LATER)
    assert revisions(con) == [("person_0", 0), ("person_0", 1), ("person_1", 0)]
    first, again = (row for row in decisions(con) if row["customer_id"] == "person_0")
    said = {"decision_id", "revision", "commit_seq"}
    assert {**first, **dict.fromkeys(said)} == {**again, **dict.fromkeys(said)}
    for row in (first, again):
        assert recompute(row).decision_id == row["decision_id"]
    assert revisions(con) == [("person_0", 0), ("person_0", 1), ("person_1", 0)]
    latest = VIEWS["latest_decisions"][1]
    newest = con.execute(f"SELECT customer_id, revision FROM ({latest}) ORDER BY ALL").fetchall()
    assert newest == [("person_0", 1), ("person_1", 0)]


@pytest.mark.parametrize(
    ("closed", "now"),
    [
        ({"known_from": LATER}, {}),
        ({}, None),
        ({"valid_from": LATER}, {"valid_to": LATER}),
        ({}, {"customer_id": "person_0"}),
    ],
    ids=["gained and lost since", "nobody has it", "on other days", "still theirs"],
)
def test_a_decision_stands_where_nothing_that_it_was_taken_on_is_somebody_elses(
    closed: dict[str, datetime], now: dict[str, Any] | None
) -> None:
    con = decided()
    identify(con, "person_0", 8, known_to=LATER, **closed)
    if now is not None:
        values = {"customer_id": "person_1", "known_from": LATER, **now}
        identify(con, values.pop("customer_id"), 8, **values)
    assert revisions(con) == [("person_0", 0), ("person_1", 0)]
