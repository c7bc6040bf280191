import json
import socket
from dataclasses import replace
from math import isclose, log2
from typing import Any

import duckdb
import pytest

from pipelines.resolve.proposals.propose import propose, train_model
from tests.resolve.proposals.corruption import household_of, shuffled, world
from tests.resolve.proposals.worlds import Entry, lake_of, own, person, quality, run_of, scored, state
from warehouse.artefacts import Artefact

WORLD = world(100)
REVIEW = run_of().settings.identity.review


@pytest.fixture(scope="module")
def fitted() -> tuple[duckdb.DuckDBPyConnection, Artefact]:
    """The world with a model fitted on it and its proposals, made without a network."""
    con, run = lake_of(WORLD), run_of()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", lambda *_, **__: pytest.fail("something asks for a network"))
        artefact = train_model(con, run)
        propose(con, run, None)
    assert artefact is not None
    return con, artefact


def rows(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute("FROM identity_proposals ORDER BY left_identifier, right_identifier").fetchall()


def test_a_fitted_model_finds_nearly_all_who_are_there_twice_and_nobody_else(
    fitted: tuple[duckdb.DuckDBPyConnection, Artefact],
) -> None:
    con, _ = fitted
    assert quality(con, WORLD, REVIEW)[2] >= 0.95
    precision, recall, _ = quality(con, WORLD, run_of().settings.identity.accept)
    assert precision >= 0.999
    assert recall >= 0.8


def test_nobody_is_proposed_with_another_of_the_household(
    fitted: tuple[duckdb.DuckDBPyConnection, Artefact],
) -> None:
    together = {
        pair
        for pair in scored(fitted[0])
        if household_of(pair[0]) == household_of(pair[1]) and person(pair[0]) != person(pair[1])
    }
    assert together == set()


def test_the_weights_of_a_waterfall_add_up_to_the_match_weight(
    fitted: tuple[duckdb.DuckDBPyConnection, Artefact],
) -> None:
    found = fitted[0].execute("SELECT probability, match_weight, waterfall FROM identity_proposals").fetchall()
    for probability, weight, waterfall in found:
        steps = json.loads(waterfall)
        assert isclose(sum(step["match_weight"] for step in steps), weight, abs_tol=1e-6)
        assert isclose(probability, 1 / (1 + 2**-weight))
        assert steps[0]["comparison"] == "prior"


def test_a_model_holds_no_name_of_anybody(fitted: tuple[duckdb.DuckDBPyConnection, Artefact]) -> None:
    text = json.dumps(dict(fitted[1].parameters))
    assert '"frequent": {"' in text
    assert not [entry["firstName"] for entry in WORLD.values() if f'"{entry["firstName"].lower()}"' in text]


def test_the_same_people_give_the_same_model_and_scores_in_any_order_and_with_any_number_of_threads(
    fitted: tuple[duckdb.DuckDBPyConnection, Artefact],
) -> None:
    con, artefact = fitted
    other, run = lake_of(shuffled(WORLD, 7)), run_of()
    run = replace(run, settings=replace(run.settings, threads=3))
    again = train_model(other, run)
    propose(other, run, None)
    assert again is not None
    assert dict(again.parameters) == dict(artefact.parameters)
    assert rows(other) == rows(con)


def test_what_is_scored_as_it_comes_is_what_is_scored_at_once() -> None:
    entries = world(6, seed=3)
    first = {identifier: entries[identifier] for identifier in sorted(entries)[::2]}
    rest = {identifier: entries[identifier] for identifier in sorted(entries)[1::2]}
    con = lake_of(first)
    propose(con, run_of(1), None)
    state(con, rest, 2)
    own(con, rest, 2)
    report = propose(con, run_of(2), 1)
    assert report.changed == len(rest)
    assert propose(con, run_of(3), None).written == 0
    at_once = lake_of(entries)
    propose(at_once, run_of(1), None)
    assert scored(con) == scored(at_once) != {}


ANN = {"firstName": "Ann", "lastName": "Velora", "birthday": "1980-04-02", "street": "Hill Road 4", "city": "Galdor"}

TOGETHER: dict[str, tuple[Entry, Entry]] = {
    "a couple": ({"firstName": "Ann", "birthday": "1980-04-02"}, {"firstName": "Peter", "birthday": "1978-11-23"}),
    "twins": ({"firstName": "Ann", "birthday": "1980-04-02"}, {"firstName": "Peter", "birthday": "1980-04-02"}),
    "namesakes": ({"firstName": "Ann", "birthday": "1950-01-30"}, {"firstName": "Ann", "birthday": "1981-06-05"}),
    "only names": ({"firstName": "Ann"}, {"firstName": "Peter"}),
    "only births": ({"birthday": "1950-01-30"}, {"birthday": "1981-06-05"}),
    "only what they share": ({}, {}),
    "a name and no birth": ({"firstName": "Ann"}, {"firstName": "Ann", "birthday": "1981-06-05"}),
    "the same": ({"firstName": "Ann", "birthday": "1981-06-05"}, {"firstName": "Ann", "birthday": "1981-06-05"}),
}


@pytest.fixture(scope="module")
def households() -> dict[str, float]:
    """The probability of each pair of `TOGETHER`, each in a household of its own, by the shipped model."""
    entries: dict[str, Entry] = {}
    for number, (name, pair) in enumerate(TOGETHER.items()):
        home = {
            "lastName": f"Velor{number}a", "street": f"Hill Road {number + 1}", "city": f"Gald{number}or",
            "postalCode": f"{number}1234", "phone": f"030 12345{number}7", "email": f"family{number}@mail.example",
        }  # fmt: skip
        entries |= {f"record_id:{name}/{place}": {**home, **entry} for place, entry in enumerate(pair)}
    con = lake_of(entries)
    propose(con, run_of(review=1e-12), None)
    return {person(left): p for (left, right), p in scored(con).items() if person(left) == person(right)}


def test_two_of_a_household_are_not_proposed_for_what_they_share(households: dict[str, float]) -> None:
    assert set(households) == set(TOGETHER)
    proposed = {name for name, probability in households.items() if probability >= REVIEW}
    assert proposed == {"a name and no birth", "the same"}


def test_a_name_alone_in_one_household_waits_for_a_person(households: dict[str, float]) -> None:
    assert households["a name and no birth"] < run_of().settings.identity.accept <= households["the same"]


def test_a_score_that_falls_is_written_and_stays() -> None:
    con = lake_of({"record_id:a/0": {**ANN, "email": "ann.velora@mail.example"}, "record_id:a/1": ANN})
    assert propose(con, run_of(1), None).accepted == 1
    state(con, {"record_id:a/1": {"firstName": "Peter", "birthday": "1955-12-30"}}, 2)
    assert propose(con, run_of(2), 1).written == 1
    (after,) = rows(con)
    assert after[3] < REVIEW
    assert after[-1] == 2
    con.execute("DELETE FROM statements WHERE anchor = 'record_id:a/1'")
    propose(con, run_of(3), 2)
    ((left, right, weight, waterfall),) = con.execute(
        "SELECT left_identifier, right_identifier, match_weight, waterfall FROM identity_proposals"
    ).fetchall()
    assert (left, right) == ("record_id:a/0", "record_id:a/1")
    assert [step["match_weight"] for step in json.loads(waterfall)] == [weight] == [round(log2(1e-5 / (1 - 1e-5)), 4)]
    assert propose(con, run_of(4), 3).written == 0


def test_two_whom_a_proposal_has_joined_are_still_asked_about() -> None:
    con = lake_of({"record_id:a/0": ANN, "record_id:a/1": ANN})
    propose(con, run_of(1), None)
    before = scored(con)
    con.execute("UPDATE identities SET customer_id = 'joined', commit_seq = 2")
    assert propose(con, run_of(2), 1).written == 0
    state(con, {"record_id:a/1": {"firstName": "Peter", "birthday": "1955-12-30"}}, 3)
    propose(con, run_of(3), 2)
    assert list(scored(con)) == list(before)
    assert max(scored(con).values()) < REVIEW


def test_two_whom_events_have_joined_since_are_left_as_they_are() -> None:
    con = lake_of({"record_id:a/0": ANN, "record_id:a/1": ANN})
    propose(con, run_of(1), None)
    con.execute("""
        INSERT INTO identity_links BY NAME
        SELECT 'l' AS link_id, 'record_id:a/0' AS left_identifier, 'record_id:a/1' AS right_identifier,
            'same_event' AS rule, 1.0 AS confidence, first_seen_at AS occurred_at, 2 AS commit_seq
        FROM identities LIMIT 1
    """)
    con.execute("UPDATE identities SET customer_id = 'joined', commit_seq = 2")
    report = propose(con, run_of(2), 1)
    assert (report.people, report.written, report.accepted) == (1, 0, 1)


def test_too_few_people_give_no_model() -> None:
    con = lake_of({"record_id:a/0": ANN, "record_id:a/1": ANN})
    assert train_model(con, run_of()) is None
    assert con.execute("SELECT COUNT(*) FROM artefacts").fetchall() == [(0,)]


def test_nothing_stated_gives_no_proposal() -> None:
    con = lake_of({"record_id:a/0": {"colour": "blue"}})
    report = propose(con, run_of(), None)
    assert (report.people, report.scored, report.written) == (0, 0, 0)
