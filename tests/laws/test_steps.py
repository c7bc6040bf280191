"""The steps of the main job: each runs when what it rests on has changed, and a run with nothing to do does nothing."""

from collections.abc import Iterator

import pytest

from flows.fitting import fit_home, fit_lake
from flows.report import report_object, tell_report
from flows.run import run_plain
from flows.work import RunReport, Work, chosen_as_of
from tests.keep.till import row, till
from tests.laws.states import contents, differences, held, one, snapshot
from tests.laws.worlds import AS_OF, Load, new_home, run, run_load, small_world
from warehouse.compare import STATE
from warehouse.errors import RapportError, UsageError
from warehouse.home import Home
from warehouse.lake import open_writer

EVERYTHING = (*STATE, "batches", "landing_files", "rejections", "decisions", "artefacts", "offers")


def silent(_: str) -> None:
    """Nobody listens."""


def steps_of(report: RunReport) -> list[str]:
    """The steps that had something to do."""
    found = {"resolve": report.resolved, "know": report.known, "decide": report.decided}
    return [name for name, step in found.items() if step is not None]


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home that is up to date; each test leaves it so."""
    with new_home() as made:
        report = run_load(made, small_world(2))
        assert steps_of(report) == ["resolve", "know", "decide"]
        yield made


def changed(home: Home, settings: str) -> list[str]:
    """The steps of a run after a change of the settings; then the run is repeated, and must be idle."""
    home.settings_file.write_text(settings, encoding="utf-8")
    steps = steps_of(run(home))
    assert run(home).is_idle
    return steps


def test_a_run_with_nothing_to_do_writes_nothing_and_says_so(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run(home)
    before, published = contents(home, EVERYTHING), snapshot(home)
    files = {path: path.stat().st_mtime_ns for path in home.data.rglob("*.parquet")}
    told: list[str] = []
    report = run_plain(home, AS_OF, told.append)
    assert (report.is_idle, report.files, report.commit_seq, report.counts.received) == (True, 0, None, 0)
    assert told == []
    assert contents(home, EVERYTHING) == before
    assert snapshot(home) == published
    assert {path: path.stat().st_mtime_ns for path in home.data.rglob("*.parquet")} == files
    assert list(home.staging.iterdir()) == []
    tell_report(report)
    assert "Nothing new" in capsys.readouterr().out
    assert report_object(report)["is_idle"] is True


def test_each_change_of_the_settings_makes_the_steps_run_that_rest_on_it(home: Home) -> None:
    assert changed(home, "[decide]\nseed = 2\n") == ["decide"]
    assert changed(home, "[decide]\nseed = 2\n[know]\ninterest_half_life_days = 60\n") == ["know", "decide"]
    assert changed(home, "[identity]\naccount_kinds = []\n") == ["resolve", "know", "decide"]
    assert changed(home, "") == ["resolve", "know", "decide"]


def test_another_as_of_profiles_and_decides_again(home: Home) -> None:
    assert steps_of(run(home, "2025-01-15")) == ["know", "decide"]
    assert one(home, "SELECT MAX(last_seen_at) < '2025-01-15'::TIMESTAMPTZ FROM profiles")
    assert steps_of(run(home)) == ["know", "decide"]
    assert one(home, "SELECT MAX(last_seen_at) > '2025-01-15'::TIMESTAMPTZ FROM profiles")


def test_a_changed_offer_catalogue_decides_again(home: Home) -> None:
    offers = home.offers / "ours.toml"
    offers.write_text(OFFER, encoding="utf-8")
    assert steps_of(run(home)) == ["decide"]
    assert run(home).is_idle
    offers.unlink()
    assert steps_of(run(home)) == ["decide"]


OFFER = """
[[offer]]
id = "thanks"
name = "A word of thanks"
kind = "thanks"
benefit = "a word of thanks"
value_customer = "1"
value_company = "1"
cost = "0"
channels = ["email"]
"""


def test_a_new_artefact_decides_again_as_fit_has_profiled_everyone_itself(home: Home) -> None:
    told: list[str] = []
    outcomes = fit_home(home, AS_OF, told.append)
    assert told == ["fitting"]
    assert [entry["name"] for entry in outcomes] == sorted(entry["name"] for entry in outcomes)
    fitted = {entry["name"]: entry["version"] for entry in outcomes if entry["outcome"] == "fitted"}
    assert set(fitted.values()) == {1}
    assert steps_of(run(home)) == ["decide"]
    assert run(home).is_idle
    with open_writer(home) as lake:
        again = fit_lake(lake, AS_OF, silent)
    assert {entry["outcome"] for entry in again if entry["name"] in fitted} == {"unchanged"}


def test_there_is_nothing_to_fit_before_the_first_run() -> None:
    with new_home() as empty, pytest.raises(RapportError, match="rapport run"):
        fit_home(empty, AS_OF, silent)


def test_the_first_run_of_an_empty_home_decides_for_nobody() -> None:
    with new_home() as empty:
        assert run(empty).counts.received == 0
        assert run(empty).is_idle


def test_as_of_is_the_one_given_else_that_of_the_settings_else_the_next_midnight(home: Home) -> None:
    with open_writer(home) as lake:
        assert chosen_as_of(lake, "2025-02-03").isoformat() == "2025-02-03T00:00:00+00:00"
        midnight = chosen_as_of(lake, None)
        assert (midnight.hour, midnight.minute, midnight.second, midnight.microsecond) == (0, 0, 0, 0)
        with pytest.raises(UsageError, match="midnight"):
            Work(lake, "2025-02-03T10:00:00Z", silent)
    home.settings_file.write_text('as_of = "2025-02-04"\n', encoding="utf-8")
    with open_writer(home) as lake:
        assert chosen_as_of(lake, None).isoformat() == "2025-02-04T00:00:00+00:00"
    home.settings_file.write_text("", encoding="utf-8")


def test_a_new_rate_counts_for_what_was_there_before() -> None:
    yen: Load = till(row("e1", amount=1000, currency="JPY", order="o"))
    rates = "[rates]\nJPY = 0.006\n"
    with new_home() as before, new_home() as after:
        run_load(before, yen)
        before.settings_file.write_text(rates, encoding="utf-8")
        run(before)
        after.prepare()
        after.settings_file.write_text(rates, encoding="utf-8")
        run_load(after, yen)
        with held(before) as left, held(after) as right:
            assert differences(left, right, ("orders", "daily_activity", "profiles")) == {}
