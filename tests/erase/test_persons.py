"""Whose rows go: former ids and shared orders of the persons, nothing of others, whatever they share."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows import erasure, traces
from flows.landing import land_paths
from flows.traces import Search
from pipelines.collect.landing import digest, pending
from tests.erase.homes import erase, events, traced, without
from tests.erase.test_worlds import assert_accounted, assert_same
from tests.laws.states import held, one, rows
from tests.laws.worlds import Load, drop, new_home, run, run_load
from warehouse.errors import RapportError
from warehouse.home import Home

OWNED, LOST = "owned@example.com", "lost@example.com"
GONE = ("first-owner", "second-guest", "first-buyer", "first-visitor", "ann@example")
REFUSED = {"type": "shout", "userId": "first-owner"}


def identify(user: str, day: int, email: str) -> dict[str, object]:
    return {"type": "identify", "userId": user, "timestamp": f"2024-03-{day:02}T10:00:00Z", "traits": {"email": email}}


def order(user: str, number: str, day: int, price: float) -> dict[str, object]:
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": user,
        "timestamp": f"2024-03-{day:02}T10:00:00Z",
        "properties": {"order_id": number, "revenue": price, "currency": "EUR"},
    }


FIRST = events({"anonymousId": "a-visitor-of-the-site"})
WORLD = events(
    {"anonymousId": "a-visitor-of-the-site"},
    # One word of a property is also one of the settings, in another case.
    {"anonymousId": "a-visitor-of-the-site", "userId": "first-visitor", "properties": {"section": "Household"}},
    # And one is a piece of the settings as their table writes them.
    {"anonymousId": "a-visitor-of-the-site", "userId": "first-visitor", "properties": {"section": 'email": 50, "hous'}},
    identify("first-owner", 1, LOST),  # two accounts with one address: it is the first one's
    identify("first-guest", 2, LOST),
    identify("second-owner", 1, OWNED),
    identify("second-guest", 2, OWNED),
    order("first-buyer", "o-1", 1, 8.0),
    order("second-buyer", "o-1", 2, 5.0),
    {"userId": "ann@example"},
    {"userId": "joann@example.com"},
    {"userId": "x-1"},
    {**REFUSED, "messageId": "refused"},
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which several persons were erased in one call, when a file had landed and was not loaded."""
    home = Home(tmp_path_factory.mktemp("persons"))
    run_load(home, FIRST)
    named = home.inbox / "segment" / "first-owner.jsonl"
    drop(home, WORLD)
    named.write_text(WORLD.records[-1][1].replace("refused", "again") + "\n", encoding="utf-8")
    run(home)
    assert one(home, "SELECT COUNT(DISTINCT customer_id) FROM decisions") > one(home, "SELECT COUNT(*) FROM profiles")
    assert rows(home, "SELECT amount FROM orders") == [(13,)]
    late = tmp_path_factory.mktemp("late") / "late.jsonl"
    lines = events({"messageId": "w1", "userId": "x-1"}, {"messageId": "w2", "userId": "ann@example"}).records
    late.write_text("".join(f"{text}\n" for _, text in lines), encoding="utf-8")
    land_paths(home, "segment", [late])
    report = erase(home, *(f"user_id:{name}" for name in GONE))
    assert report.search.traces == ()
    assert report.persons == len(GONE)
    return home


def owners(home: Home, value: str) -> list[str]:
    """The accounts of the customer that a value belongs to."""
    query = (
        "SELECT value FROM current_identities WHERE kind = 'user_id' AND customer_id IN "
        "(SELECT customer_id FROM current_identities WHERE value = ?) ORDER BY value"
    )
    return [found for (found,) in rows(home, query, [value])]


def test_a_landed_file_that_waits_is_blanked_and_can_be_loaded(home: Home) -> None:
    (waiting,) = pending(home)
    text = (home.root / waiting.path).read_text(encoding="utf-8")
    assert ("ann@example" in text, "x-1" in text) == (False, True)
    assert waiting.sha256 == digest(home.root / waiting.path)


def test_what_stays_is_the_world_without_the_persons(home: Home) -> None:
    load = without(WORLD, [f"user_id:{name}" for name in GONE if name != "ann@example"])
    kept = [record for record in load.records if "visitor" not in record[1] and '"ann@example"' not in record[1]]
    with new_home() as never:
        run_load(never, Load(tuple(kept)))
        assert_same(never, home)
    assert_accounted(home)


def test_an_identifier_that_another_customer_shares_is_theirs(home: Home) -> None:
    assert owners(home, LOST) == ["first-guest"]
    assert owners(home, OWNED) == ["second-owner"]
    assert one(home, "SELECT identifier_count FROM erasures") == len(GONE) + 1
    assert traced(home, [LOST]) != set()


def test_an_order_of_two_persons_is_computed_again_for_the_other(home: Home) -> None:
    assert rows(home, "SELECT anchor, amount FROM orders") == [("user_id:second-buyer", 5)]


def test_a_customer_that_was_two_goes_with_both_ids(home: Home) -> None:
    others = "SELECT customer_id FROM identities WHERE known_to IS NULL"
    for table in ("decisions", "profiles", "profile_history"):
        assert one(home, f"SELECT COUNT(*) FROM {table} WHERE customer_id NOT IN ({others})") == 0, table


def test_a_value_that_is_part_of_a_longer_one_of_somebody_else_is_no_trace(home: Home) -> None:
    landed = "".join(path.read_text(encoding="utf-8") for path in home.landing.glob("*.jsonl"))
    assert landed.count("ann@example") == landed.count("joann@example.com") == 1


def test_a_file_named_after_a_person_loses_its_name_and_refused_records_are_blanks(home: Home) -> None:
    assert rows(home, "SELECT COUNT(*) FROM landing_files WHERE name = 'erased'") == [(1,)]
    assert rows(home, "SELECT reason_code FROM rejections") == []
    assert one(home, "SELECT SUM(suppressed_count) FROM landing_files") == 2


@pytest.mark.parametrize("text", ["email:nobody@example.com", "nobody@example.com", "12345678"])
def test_an_error_says_which_identifier_and_not_what_it_is(two_kinds: Home, text: str) -> None:
    with pytest.raises(RapportError) as problem:
        erase(two_kinds, "user_id:other", text)
    assert "identifier 2" in str(problem.value)
    assert text not in str(problem.value)
    assert ("of the kinds loyalty_id, user_id" in str(problem.value)) == (text == "12345678")
    assert one(two_kinds, "SELECT COUNT(*) FROM interactions") == 2
    assert one(two_kinds, "SELECT COUNT(*) FROM erasures") == 0


@pytest.fixture(scope="module")
def two_kinds(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which one value is the account of one person and the card of another."""
    home = Home(tmp_path_factory.mktemp("kinds"))
    card = {"context": {"externalIds": [{"type": "loyalty_id", "id": "12345678"}]}, "userId": "other"}
    run_load(home, events({"userId": "12345678"}, card))
    return home


def test_short_identifiers_and_their_copies_become_blanks_too(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    load = events({"userId": "short"}, {"userId": "somebody-else"})
    for _ in range(2):
        drop(home, load)
    run(home)
    landed = [path.read_text(encoding="utf-8") for path in home.landing.glob("*.jsonl")]
    assert [text.count("short") for text in landed] == [1, 1]
    report = erase(home, "user_id:short")
    landed = [path.read_text(encoding="utf-8") for path in home.landing.glob("*.jsonl")]
    assert [(text.count("short"), text.count("somebody-else")) for text in landed] == [(0, 1), (0, 1)]
    assert report.blanked_records == 2
    assert_accounted(home)
    now = events({"messageId": "now", "userId": "short", "timestamp": datetime.now(UTC).isoformat()})
    run_load(home, load.of([*load.records, *now.records]))
    with held(home):
        assert rows(home, "SELECT event_id, anchor FROM interactions ORDER BY ALL") == [
            ("m1", "user_id:somebody-else"),
            ("now", "user_id:short"),
        ]


@pytest.mark.long
def test_a_single_word_is_no_trace_in_what_the_company_writes_but_an_identifier_is(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    told = {"userId": "featherstone", "properties": {"mood": "Wonderful", "note": "a note of theirs"}}
    run_load(home, events(told, {"userId": "somebody-else"}))
    (home.offers / "notes.txt").write_text("a wonderful offer", encoding="utf-8")
    report = erase(home, "user_id:featherstone", settings="# wonderful settings\n")
    assert report.search.traces == ()
    for name, text in (("featherstone", "Featherstone"), ("note", "a note of theirs")):
        run_load(home, events({**told, "messageId": name, "timestamp": datetime.now(UTC).isoformat()}))
        (home.offers / "notes.txt").write_text(text, encoding="utf-8")
        report = erase(home, "user_id:featherstone", settings="# wonderful settings\n")
        assert report.search.traces == ("offers/notes.txt",)


def test_a_record_that_is_received_while_traces_are_searched_becomes_a_blank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, late = Home(tmp_path / "home"), tmp_path / "late.jsonl"
    load = events({"userId": "first-owner"}, {"userId": "somebody-else"})
    run_load(home, load)
    late.write_text(load.records[0][1].replace("m0", "m7") + "\n", encoding="utf-8")
    searches: list[int] = []

    def search(*given: Any) -> Search:
        if not searches:
            land_paths(home, "segment", [late])
        searches.append(1)
        return traces.search(*given)

    monkeypatch.setattr(erasure, "search", search)
    report = erase(home, "user_id:first-owner")
    assert report.search.traces == ()
    assert (len(searches), report.blanked_records, report.blanked_files) == (2, 2, 2)
    assert traced(home, ["first-owner"]) == set()
