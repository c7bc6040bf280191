"""Access: everything about one person, nothing about others, as an object and as a page."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flows.access.page import access_page
from flows.access.report import AccessReport, read_access
from flows.console import to_json
from schemas.tables import tables
from tests.erase.conftest import Erased
from tests.erase.homes import events, persons, values
from tests.flows.cli import rapport
from tests.laws.states import rows
from tests.laws.worlds import run_load
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.reader import open_lake

EVIL = "<script>alert('x')</script> & \"quoted\""


def read(home: Home, identifier: str) -> AccessReport:
    with open_lake(home.root) as lake:
        return read_access(lake, identifier)


@pytest.fixture(scope="module")
def report(loaded: Home) -> AccessReport:
    return read(loaded, persons(loaded)[0][0])


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with one person who writes HTML, and one who is seen after the time that is profiled."""
    home = Home(tmp_path_factory.mktemp("two"))
    wrote = {"type": "identify", "userId": EVIL, "traits": {"email": "one@example.com", "note": EVIL}}
    run_load(home, events(wrote, {"userId": "one-of-the-future", "timestamp": "2026-01-01T05:00:00Z"}))
    return home


def test_it_holds_every_table_with_rows_about_persons(report: AccessReport) -> None:
    personal = {name for name, table in tables().items() if {target.kind for target in table.erasure} - {"landing"}}
    assert {*report.known, *report.inferred, *report.decided} == {*personal, "consent_states"}


def test_it_holds_all_rows_of_the_person_and_none_of_others(loaded: Home, report: AccessReport) -> None:
    person, *others = persons(loaded)
    assert report.identifiers == person
    mine = "SELECT interaction_id FROM interactions WHERE anchor IN (SELECT UNNEST(?::VARCHAR[])) ORDER BY ALL"
    found = sorted(row["interaction_id"] for row in report.known["interactions"])
    assert [(each,) for each in found] == rows(loaded, mine, [person])
    text = to_json(vars(report))
    assert [value for other in others for value in values(other) if value in text] == []
    assert report.traits
    assert any(trait["evidence"] for trait in report.traits)


def test_each_decision_is_told_in_sentences(report: AccessReport) -> None:
    assert report.decided["decisions"]
    for row in report.decided["decisions"]:
        assert len(report.reasons[row["decision_id"]]) >= 2


def test_the_object_is_json(report: AccessReport) -> None:
    found = json.loads(to_json(vars(report)))
    assert set(found) == set(AccessReport.__dataclass_fields__)


class Page(HTMLParser):
    """What a page is made of: its elements, what it refers to, its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_asks_nothing_of_the_network(report: AccessReport) -> None:
    page = Page(access_page(report))
    assert page.open == []
    assert page.references
    assert all(reference.startswith("#") for reference in page.references)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    for row in report.known["interactions"]:
        assert row["event_id"] in page.text
    for identifier in report.identifiers:
        assert identifier in page.text


def test_what_somebody_wrote_stands_on_the_page_as_they_wrote_it(two: Home) -> None:
    page = Page(access_page(read(two, "one@example.com")))
    assert page.text.count(EVIL) >= 3
    assert "script" not in page.tags


def test_a_person_without_profile_has_a_page_too(two: Home) -> None:
    found = read(two, "one-of-the-future")
    assert found.traits == []
    page = Page(access_page(found))
    assert "There is no profile." in page.text
    assert "Nothing was decided." in page.text


def test_nobody_is_an_error_and_so_is_who_was_erased(erased: Erased) -> None:
    with pytest.raises(RapportError, match="nobody is known"):
        read(erased.home, erased.person[0])


def test_the_command_writes_the_page_and_prints_the_object(loaded: Home, tmp_path: Path) -> None:
    person = persons(loaded)[0]
    page = tmp_path / "page.html"
    answer = rapport("--home", str(loaded.root), "access", person[0], "--html", str(page), "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["identifiers"] == person
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_command_tells_how_much_there_is(loaded: Home) -> None:
    person = persons(loaded)[0]
    answer = rapport("--home", str(loaded.root), "access", person[0])
    assert answer.code == 0
    assert person[0] in answer.out
    assert "interactions" in answer.out
    assert "refused" in answer.out
