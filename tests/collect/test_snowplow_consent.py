"""The consents of the snowplow dbt web package: what each visitor allows last, by version, as the events say."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from flows.ingest import ingest_paths
from flows.run import run_plain
from tests.collect.staged import stage
from tests.keep.rows import step
from tests.lakes import memory_lake
from warehouse import open_lake
from warehouse.consent_states import states_sql
from warehouse.home import Home
from warehouse.lake import open_writer

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "snowplow_web"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder shared/data/snowplow_web is not there")
EVENTS, DETAILS = FOLDER / "snowplow_web_events.csv", FOLDER / "snowplow_web_consent_preferences.csv"
SAID = "unstruct_event_com_snowplowanalytics_snowplow_consent_preferences_1_0_0"
SCOPES = {"necessary", "preferences", "statistics", "marketing"}
# The events carry a visitor (a cookie) and one user_id for all, which is the name of a test.
VISITORS = """
    SELECT v.value AS customer_id, c.*
    FROM consents AS c
    JOIN (SELECT interaction_id, unnest(identifiers) AS v FROM interactions) AS i USING (interaction_id)
    WHERE v.kind = 'anonymous_id'
"""
State = dict[str, str]


def said() -> Iterator[tuple[str, str, State]]:
    """Visitor, version and state after each statement, in the order of their times: read from the raw file alone."""
    with EVENTS.open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["derived_tstamp"])
    for row in rows:
        for one in json.loads(row[SAID] or "[]"):
            allowed = set(one["consent_scopes"])
            assert (one["event_type"] in ("allow_all", "allow_selected", "deny_all")) & (allowed <= SCOPES)
            state = {scope: "granted" if scope in allowed else "denied" for scope in SCOPES}
            yield row["domain_userid"], one["consent_version"], state


LATEST = {visitor: (version, state) for visitor, version, state in said()} if FOLDER.is_dir() else {}
BY_VERSION = {(visitor, version): state for visitor, version, state in said()} if FOLDER.is_dir() else {}


@pytest.fixture(scope="module")
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    con = memory_lake()
    for number, path in enumerate((EVENTS, DETAILS), start=1):
        found = stage("snowplow", path.read_bytes(), names=[path.name])
        step(con, found.interactions, commit_seq=number)
    yield con
    con.close()


def test_there_are_visitors_who_changed_their_mind_and_versions() -> None:
    assert (len(LATEST), len(BY_VERSION)) == (25, 26)
    assert {version for _, version in BY_VERSION} == {"1.0", "2.0"}


def test_each_visitor_has_the_state_and_the_version_of_the_latest_event(lake: duckdb.DuckDBPyConnection) -> None:
    query = f"SELECT customer_id, purpose, status, version, is_explicit FROM ({states_sql('NULL', VISITORS)}) "
    found: dict[str, State] = {}
    versions: dict[str, set[str]] = {}
    for visitor, purpose, status, version, is_explicit in lake.execute(
        f"{query} WHERE channel = 'web' AND purpose <> '*'"
    ).fetchall():
        assert is_explicit
        found.setdefault(visitor, {})[purpose] = status
        versions.setdefault(visitor, set()).add(version)
    states = {visitor: {**dict.fromkeys(SCOPES, "denied"), **state} for visitor, (_, state) in LATEST.items()}
    assert found == states
    assert all(version in versions[visitor] for visitor, (version, _) in LATEST.items())


def test_each_visitor_has_a_state_under_each_version(lake: duckdb.DuckDBPyConnection) -> None:
    found: dict[tuple[str, str], State] = {}
    for version in ("1.0", "2.0"):
        spoken = f"{VISITORS} AND version = '{version}'"
        query = f"SELECT customer_id, map_from_entries(list((purpose, status))) FROM ({states_sql('NULL', spoken)})"
        rows = lake.execute(f"{query} WHERE channel = 'web' AND purpose <> '*' GROUP BY customer_id").fetchall()
        found |= {(visitor, version): state for visitor, state in rows}
    assert found == BY_VERSION


@pytest.mark.long
def test_the_view_tells_each_visitor_alone_where_the_name_of_the_test_is_blocked(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    home.settings_file.write_text('[identity]\nblocked_values = ["consent_accel"]\n', encoding="utf-8")
    with open_writer(home) as writer:
        ingest_paths(writer, "snowplow", [EVENTS, DETAILS])
    run_plain(home, "2021-04-01", lambda _: None)
    with open_lake(tmp_path) as reader:
        rows = reader.execute("""
            SELECT i.value, map_from_entries(list((s.purpose, s.status)))
            FROM consent_states AS s
            JOIN current_identities AS i USING (customer_id)
            WHERE i.kind = 'anonymous_id' AND s.channel = 'web' AND s.purpose <> '*'
            GROUP BY i.value
        """).fetchall()
    assert dict(rows) == {visitor: state for visitor, (_, state) in LATEST.items()}
