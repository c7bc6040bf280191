import json
import shutil
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.flows.cli import ROOT, SCRIPT, left_outside, process, rapport, write_events
from tests.laws.states import differences, held
from warehouse.compare import STATE
from warehouse.home import Home

NAMES = ("customer-0001", "one@example.com", "user_id", "anonymous_id", "email:", "loyalty_id")


@dataclass(frozen=True)
class Session:
    """What three runs on one Prefect server said, and the homes of the flow and of the plain run on the same input."""

    place: Path
    home: Home
    plain: Home
    objects: list[dict[str, Any]]
    logs: list[str]


@pytest.fixture(scope="session")
def session(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Session:
    place = tmp_path_factory.mktemp("prefect")
    homes = [shutil.copytree(template, place / name) for name in ("flow", "plain")]
    for home in homes:
        events = write_events(home / "landing" / "inbox" / "segment" / "events.jsonl")
        events.write_text(events.read_text().replace('"u1"', '"customer-0001"'))
    assert rapport("--home", str(homes[1]), "run", "--as-of", "2024-03-05").code == 0
    command = [sys.executable, "-m", "tests.flows.flow_session", str(homes[0])]
    done = process(*command, place=place, PYTHONPATH=str(ROOT))
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    return Session(place, Home(homes[0]), Home(homes[1]), objects, done.stderr.split("=========\n"))


def _ask(session: Session, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(session.home.prefect / "prefect.db") as con:
        return con.execute(query).fetchall()


def test_the_flow_gives_the_result_of_the_plain_run(session: Session) -> None:
    with held(session.home) as flow, held(session.plain) as plain:
        assert not differences(flow, plain, (*STATE, "decisions"))
    first = session.objects[0]
    assert (first["is_idle"], first["received"], first["loaded"], first["rejected"]) == (False, 5, 4, 1)


def test_a_second_flow_finds_nothing_to_do(session: Session) -> None:
    assert session.objects[1]["is_idle"]
    assert session.objects[1]["commit_seq"] is None


def test_every_step_is_recorded_as_a_task(session: Session) -> None:
    steps = ["collect", "resolve", "know", "decide", "publish"]
    flows = _ask(session, "SELECT id, state_type FROM flow_run ORDER BY start_time")
    assert [state for _, state in flows] == ["COMPLETED", "COMPLETED", "FAILED"]
    query = "SELECT name, state_type FROM task_run WHERE flow_run_id = '{}' ORDER BY start_time"
    tasks = _ask(session, query.format(flows[0][0]))
    assert [(name.partition("-")[0], state) for name, state in tasks] == [(step, "COMPLETED") for step in steps]
    for step in steps:
        assert f"Task run '{step}-" in session.logs[0]


def test_neither_parameters_nor_logs_nor_any_file_of_prefect_names_a_customer(session: Session) -> None:
    (parameters,), *_ = _ask(session, "SELECT parameters FROM flow_run ORDER BY start_time")
    assert json.loads(parameters) == {"home": str(session.home.root), "as_of": "2024-03-05", "is_checked": False}
    kept = b"".join(path.read_bytes() for path in session.home.prefect.rglob("*") if path.is_file())
    for name in NAMES:
        assert name not in "".join(session.logs)
        assert name.encode() not in kept


def test_nothing_is_written_outside_the_home(session: Session) -> None:
    assert left_outside(session.place) == []


def test_an_error_that_says_its_mend_comes_without_a_trace(session: Session) -> None:
    told = session.logs[2]
    assert "exit 1\n" in told
    assert "rapport: broken.toml, offer 1, field 'id': missing" in told
    assert "Traceback" not in told
    assert len(session.objects) == 2


def test_no_other_library_talks_to_a_newcomer(session: Session) -> None:
    for line in session.logs[0].splitlines():
        assert any(word in line for word in ("Flow run", "Task run", "temporary server", "docs.prefect.io", "exit 0"))


def test_an_api_that_does_not_answer_is_told_at_once(home: str, tmp_path: Path) -> None:
    done = process(
        str(SCRIPT), "--home", home, "run", place=tmp_path / "place", PREFECT_API_URL="http://127.0.0.1:1/api"
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "the Prefect API that PREFECT_API_URL names does not answer (ConnectError)" in done.stderr
    assert "Traceback" not in done.stderr
