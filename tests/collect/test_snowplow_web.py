"""The events of the snowplow dbt web package, whole: each is loaded once, and each statement is found."""

import csv
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.ingest import ingest_paths
from tests.collect.staged import Row, Staged, stage
from tests.keep.rows import step
from tests.lakes import memory_lake
from warehouse.home import Home
from warehouse.lake import open_writer

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "snowplow_web"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder shared/data/snowplow_web is not there")
EVENTS, PREFERENCES, VISIBLE, SPIDERS, AGENTS = (
    f"snowplow_web_{name}.csv"
    for name in ("events", "consent_preferences", "consent_cmp_visible", "spider_context", "ua_context")
)
ALL_SCOPES = {"necessary", "preferences", "statistics", "marketing"}


def records(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, skipinitialspace=True))


def staged(name: str) -> Staged:
    return stage("snowplow", (FOLDER / name).read_bytes(), names=[name])


@pytest.fixture(scope="module")
def events() -> Staged:
    return staged(EVENTS)


@pytest.fixture(scope="module")
def details() -> Staged:
    return staged(PREFERENCES)


def test_157_events_of_160_are_loaded_and_the_others_are_copies(events: Staged) -> None:
    assert events.counts == {"f0": (160, 160)}
    assert len(events.interactions) == 157
    assert {row["event_id"] for row in events.interactions} == {row["event_id"] for row in records(EVENTS)}
    assert Counter(row["event_id"] for row in events.losers).keys() == {
        event_id for event_id, count in Counter(row["event_id"] for row in records(EVENTS)).items() if count > 1
    }


def test_each_event_has_the_person_and_the_time_that_one_of_its_copies_names(events: Staged) -> None:
    said = {
        (row["event_id"], row["derived_tstamp"], row["user_id"], row["domain_userid"] or None)
        for row in records(EVENTS)
    }
    for row in events.interactions:
        kinds = {found["kind"]: found["value"] for found in row["identifiers"]}
        at = f"{row['occurred_at']:%Y-%m-%d %H:%M:%S.%f}"[:-3]
        assert (row["event_id"], at, kinds["user_id"], kinds.get("anonymous_id")) in said
        assert row["anchor"] == f"user_id:{kinds['user_id']}"
        assert (row["time_basis"], row["channel"], row["is_machine"]) == ("occurred", "web", False)


def test_of_two_copies_that_the_collector_received_the_earlier_wins(events: Staged) -> None:
    times = {row["event_id"]: min(records_of(row["event_id"])) for row in events.losers}
    received = {row["event_id"]: row["received_at"] for row in events.interactions}
    assert len(times) == 3
    assert all(received[event_id] == at for event_id, at in times.items())


def records_of(event_id: str) -> list[datetime]:
    found = (row["collector_tstamp"] for row in records(EVENTS) if row["event_id"] == event_id)
    return [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in found]


def stated(*found: Staged) -> dict[str, dict[str, str]]:
    """By interaction: what holds of each purpose after its statements in `consents`, the stricter of one instant."""
    con = memory_lake()
    step(con, [row for one in found for row in one.interactions])
    rows = con.execute("""
        SELECT interaction_id, purpose, status, version, legal_basis, channel
        FROM consents
        ORDER BY stated_at, status DESC
    """).fetchall()
    said: dict[str, dict[str, str]] = {}
    for interaction_id, purpose, status, version, basis, channel in rows:
        assert (version in ("1.0", "2.0"), basis, channel) == (True, "consent", "web")
        held = said.setdefault(interaction_id, {})
        held.update(dict.fromkeys(ALL_SCOPES, status) if purpose == "*" else {purpose: status})
    return said


def expected(row: dict[str, str]) -> dict[str, str]:
    granted = set(json.loads(row["consent_scopes"]))
    return {scope: "granted" if scope in granted else "denied" for scope in ALL_SCOPES}


def ids(found: Staged, name: Any) -> dict[str, str]:
    """Interaction by the event that it tells of."""
    return {name(row): row["interaction_id"] for row in found.interactions}


def root_of(row: Row) -> str:
    return str(json.loads(row["properties"])["root_id"])


def test_each_statement_of_the_events_is_in_consents(events: Staged) -> None:
    said, by_event = stated(events), ids(events, lambda row: row["event_id"])
    wanted = {row["root_id"]: expected(row) for row in records(PREFERENCES)}
    assert len(wanted) == len(said) == 32
    assert {event_id: said[by_event[event_id]] for event_id in wanted} == wanted


def test_each_statement_of_the_table_of_details_is_in_consents(details: Staged) -> None:
    assert details.counts == {"f0": (33, 33)}
    said, by_event = stated(details), ids(details, root_of)
    wanted = {row["root_id"]: expected(row) for row in records(PREFERENCES)}
    assert {event_id: said[by_event[event_id]] for event_id in wanted} == wanted


def test_details_meet_their_events_by_the_event_id(events: Staged, details: Staged) -> None:
    def linked(found: Staged) -> dict[str, set[str]]:
        kinds = ({i["kind"]: i["value"] for i in row["identifiers"]} for row in found.interactions)
        return {ids["snowplow_event_id"]: {*ids} for ids in kinds if "snowplow_event_id" in ids}

    of_events, of_visible = linked(events), linked(staged(VISIBLE))
    assert {row["root_id"] for row in records(PREFERENCES)} == set(linked(details))
    assert {row["root_id"] for row in records(VISIBLE)} == set(of_visible)
    assert {*linked(details), *of_visible} == set(of_events)
    assert all("user_id" in kinds for kinds in of_events.values())


@pytest.mark.parametrize("name", [VISIBLE, SPIDERS, AGENTS])
def test_every_row_of_another_table_of_details_is_kept_once(name: str) -> None:
    found = staged(name)
    rows = {tuple(value for key, value in row.items() if key != "root_tstamp") for row in records(name)}
    assert (found.counts["f0"], found.codes()) == ((len(records(name)),) * 2, [])
    assert len(found.interactions) == len(rows)
    assert {row["event_name"] for row in found.interactions} == {"event_details"}


def test_the_files_are_ingested_as_they_are_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    paths = [FOLDER / EVENTS, FOLDER / PREFERENCES, FOLDER / VISIBLE]
    with open_writer(home) as lake:
        first = ingest_paths(lake, "snowplow", paths).counts
        again = ingest_paths(lake, "snowplow", paths).counts
        counts = dict(lake.con.execute("SELECT event_name, COUNT(*) FROM interactions GROUP BY ALL").fetchall())
        people = lake.con.execute("""
            SELECT COUNT(DISTINCT interaction_id), COUNT(DISTINCT stated_at)
            FROM consents
            WHERE status = 'granted' AND purpose = 'necessary'
        """).fetchall()
    assert (first.received, first.loaded, first.duplicate, first.rejected) == (227, 222, 5, 0)
    assert (again.received, again.loaded, again.duplicate, again.rejected) == (227, 0, 227, 0)
    assert (counts["consent_stated"], counts["event_details"]) == (32, 65)
    assert people[0][0] == 64
