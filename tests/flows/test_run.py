from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.progress import Counts
from flows.report import tell_report
from flows.work import RunReport
from pipelines.decide.decide import DecideReport
from tests.flows.cli import rapport, write_events
from tests.laws.states import snapshot
from warehouse.home import Home


@pytest.fixture
def loaded(home: str) -> str:
    write_events(Path(home) / "landing" / "inbox" / "segment" / "events.jsonl")
    return home


def test_a_run_takes_the_inbox_and_tells_each_step(loaded: str) -> None:
    answer = rapport("--home", loaded, "run", "--as-of", "2024-03-05", columns=80)
    assert answer.code == 0
    for words in ("Collected 1 file", "Resolved ", "Known     2 recomputed", "Decided   2 customers"):
        assert words in answer.out
    assert "as of 2024-03-05." in answer.out
    assert [line.partition(": ")[2] for line in answer.err.splitlines()] == [
        "parsing 1 file",
        "de-duplicating and rolling up",
        "resolving identities",
        "profiling customers",
        "deciding",
        "publishing",
    ]


def test_a_second_run_says_that_nothing_is_new_and_writes_nothing(loaded: str) -> None:
    arguments = ["--home", loaded, "run", "--as-of", "2024-03-05"]
    found = rapport(*arguments, "--json").object
    assert (found["is_idle"], found["files"], found["received"], found["loaded"]) == (False, 1, 5, 4)
    assert (found["as_of"], found["commit_seq"]) == ("2024-03-05T00:00:00Z", 1)
    assert found["know"]["total"] == found["decide"]["decided_count"] == 2
    before = snapshot(Home(Path(loaded)))
    again = rapport(*arguments)
    assert (again.code, again.err) == (0, "")
    assert " ".join(again.out.split()) == (
        "Nothing new: everything that is landed is known as of 2024-03-05, and nothing was written."
    )
    idle = rapport(*arguments, "--json").object
    assert (idle["is_idle"], idle["commit_seq"], idle["know"]) == (True, None, None)
    assert snapshot(Home(Path(loaded))) == before


def test_a_run_on_an_empty_home_says_what_is_missing(home: str) -> None:
    answer = rapport("--home", home, "run")
    assert answer.code == 0
    assert "Nobody is known yet: put files into landing/inbox/<connector>/" in answer.out


@pytest.mark.parametrize(
    ("as_of", "what"),
    [("tomorrow", "is not an ISO-8601 time"), ("2024-03-05T10:00", "is not a UTC midnight"), ("x", "2018-01-02")],
)
def test_a_wrong_as_of_changes_nothing(as_of: str, what: str, loaded: str) -> None:
    answer = rapport("--home", loaded, "run", "--as-of", as_of)
    assert (answer.code, answer.out) == (2, "")
    assert what in answer.err
    assert (Path(loaded) / "landing" / "inbox" / "segment" / "events.jsonl").exists()


def test_a_broken_offer_stops_the_run_and_publishes_nothing(loaded: str) -> None:
    (Path(loaded) / "offers" / "mine.toml").write_text("[[offer]]\n", encoding="utf-8")
    before = snapshot(Home(Path(loaded)))
    answer = rapport("--home", loaded, "run")
    assert answer.code == 1
    assert answer.err.splitlines()[-1].startswith("rapport: mine.toml, offer 1, field 'id'")
    assert snapshot(Home(Path(loaded))) == before
    (Path(loaded) / "offers" / "mine.toml").unlink()
    assert rapport("--home", loaded, "run", "--json").object["loaded"] == 4


@pytest.mark.parametrize("folder", ["nosuch", ""])
def test_a_file_in_a_wrong_place_of_the_inbox_is_told(folder: str, home: str) -> None:
    write_events(Path(home) / "landing" / "inbox" / folder / "events.jsonl")
    answer = rapport("--home", home, "run")
    assert answer.code == 2
    assert "lies under no connector's name; move it to inbox/<connector>/" in answer.err


def test_a_long_list_of_benefits_is_cut_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    by_offer = {f"offer-{number:02d}": 1 for number in range(20)}
    decided = DecideReport(20, 20, 0, by_offer, {})
    tell_report(RunReport(False, datetime(2024, 3, 5, tzinfo=UTC), 1, 0, Counts(), None, None, decided))
    shown = capsys.readouterr().out
    assert "offer-11" in shown
    assert "offer-12" not in shown
    assert "and 8 more" in shown


def test_fit_tells_what_was_fitted_and_what_lacks_data(loaded: str) -> None:
    rapport("--home", loaded, "run", "--as-of", "2024-03-05")
    found = rapport("--home", loaded, "fit", "--as-of", "2024-03-05", "--json").object["artefacts"]
    outcomes = {row["name"]: row["outcome"] for row in found}
    assert outcomes["category_popularity"] == "fitted"
    assert outcomes["mbg_nbd"] == "too little data; the one before stays"
    shown = rapport("--home", loaded, "fit", "--as-of", "2024-03-05", columns=80)
    assert shown.code == 0
    assert "unchanged" in shown.out
    assert f"`rapport --home {loaded} run` decides with them" in " ".join(shown.out.split())


def test_fit_before_there_are_customers_says_the_mend(home: str) -> None:
    answer = rapport("--home", home, "fit", "--as-of", "2024-03-05")
    assert (answer.code, answer.out) == (1, "")
    assert f"load data and type `rapport --home {home} run` first" in answer.err
