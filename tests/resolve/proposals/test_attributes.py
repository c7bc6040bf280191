import subprocess
import sys

import duckdb
import pytest

from pipelines.resolve.proposals.attributes import NAMES
from pipelines.resolve.proposals.people import gather_people
from tests.resolve.proposals.worlds import Entry, lake_of, own, run_of, state

SETTINGS = run_of().settings.identity
ID = "record_id:a/0"


def known_by_identifier(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """The attributes of each person whom the lake knows, without those that are unknown."""
    gather_people(con, SETTINGS, None)
    found = con.execute("SELECT * EXCLUDE (is_changed) FROM proposal_people").to_arrow_table().to_pylist()
    return {row.pop("identifier"): {name: value for name, value in row.items() if value is not None} for row in found}


def known(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The attributes of the one person whom the lake may know."""
    return known_by_identifier(con).get(ID, {})


CASES: tuple[tuple[Entry, dict[str, str]], ...] = (
    ({"firstName": " Zoë ", "last_name": "van der Berg"}, {"given": "zoe", "surname": "vanderberg"}),
    ({"name": "Anna Maria Müller"}, {"given": "anna", "surname": "muller"}),
    ({"name": "Müller, Anna"}, {"given": "anna", "surname": "muller"}),
    ({"name": "Prince"}, {}),
    ({"name": "Anna Orr", "lastName": "Bell"}, {"given": "anna", "surname": "bell"}),
    ({"birthday": "1980-04-02T00:00:00Z"}, {"birth": "19800402"}),
    ({"dob": "2.4.1980"}, {"birth": "19800402"}),
    ({"date_of_birth": "19800402"}, {"birth": "19800402"}),
    ({"birthday": "1900-01-01"}, {}),
    ({"birthday": "soon"}, {}),
    ({"email": " Ann.Orr@Mail.Example "}, {"email": "ann.orr@mail.example", "mailbox": "ann.orr"}),
    ({"email": "info@mail.example"}, {"email": "info@mail.example"}),
    ({"email": "nobody"}, {}),
    ({"phone": "+49 (0)30 123-4567"}, {"phone": "301234567"}),
    ({"mobile": "030 1234567"}, {"phone": "301234567"}),
    ({"phone": "112"}, {}),
    ({"street": "Hill Road 4a"}, {"street": "hillroad", "house": "4a"}),
    ({"address": "4 Hill Road"}, {"street": "hillroad", "house": "4"}),
    ({"street": "17"}, {"street": "17"}),
    ({"ssn": "12-34 56x"}, {"number": "123456X"}),
    ({"city": "unknown", "zip": "ab1 2cd"}, {"postcode": "AB12CD"}),
    ({"address": '{"street": "Hill Road 4", "city": "Galdor", "postalCode": "12345", "state": null}'},
     {"street": "hillroad", "house": "4", "place": "galdor", "postcode": "12345"}),
    ({"address": "{broken"}, {}),
)  # fmt: skip


@pytest.fixture(scope="module")
def people() -> dict[str, dict[str, str]]:
    """The attributes of a person for each case, by identifier."""
    return known_by_identifier(lake_of({f"record_id:{number}": stated for number, (stated, _) in enumerate(CASES)}))


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_stated_trait_becomes_an_attribute(people: dict[str, dict[str, str]], number: int) -> None:
    assert people.get(f"record_id:{number}", {}) == CASES[number][1]


def test_of_several_statements_the_latest_counts() -> None:
    con = lake_of({ID: {"firstName": "Ann"}})
    state(con, {ID: {"given_name": "Zoe"}}, 2)
    assert known(con) == {"given": "zoe"}


def test_what_was_stated_later_is_left_out_where_asked() -> None:
    con = lake_of({ID: {"firstName": "Ann"}})
    state(con, {ID: {"firstName": "Zoe"}}, 200)
    gather_people(con, SETTINGS, None, run_of(1).as_of)
    assert con.execute("SELECT given FROM proposal_people").fetchall() == [("ann",)]


def test_an_identifier_of_the_customer_stands_in_for_what_is_not_stated() -> None:
    con = lake_of({ID: {"firstName": "Ann"}})
    con.execute("UPDATE identities SET customer_id = 'c'")
    own(con, ["email:ann.orr@mail.example", "phone:+49301234567"], 1, "c")
    assert known(con) == {
        "given": "ann", "email": "ann.orr@mail.example", "mailbox": "ann.orr", "phone": "301234567"
    }  # fmt: skip


def test_the_anchor_is_the_identifier_of_highest_priority_that_says_something() -> None:
    con = lake_of({"anonymous_id:a": {"firstName": "Ann"}, "email:b@mail.example": {"lastName": "Orr"}})
    con.execute("UPDATE identities SET customer_id = 'c'")
    own(con, ["user_id:silent"], 1, "c")
    gather_people(con, SETTINGS, None)
    found = con.execute("SELECT identifier, given, surname FROM proposal_people").fetchall()
    assert found == [("email:b@mail.example", "ann", "orr")]


def test_what_a_shared_identifier_says_is_of_nobody() -> None:
    con = lake_of({ID: {"firstName": "Ann"}})
    con.execute("UPDATE identities SET relation = 'own'")
    assert known(con) == {}


def test_a_retracted_call_makes_its_person_a_changed_one() -> None:
    con = lake_of({ID: {"firstName": "Ann"}, "record_id:b/0": {"firstName": "Zoe"}})
    con.execute("ALTER TABLE interaction_versions ALTER COLUMN interaction_id DROP NOT NULL")
    columns = con.execute("SELECT name FROM pragma_table_info('interaction_versions') WHERE \"notnull\"").fetchall()
    for (name,) in columns:
        con.execute(f'ALTER TABLE interaction_versions ALTER COLUMN "{name}" DROP NOT NULL')
    con.execute(f"INSERT INTO interaction_versions (anchor, event_name, commit_to) VALUES ('{ID}', 'identify', 5)")
    gather_people(con, SETTINGS, 4)
    found = con.execute("SELECT identifier, is_changed FROM proposal_people ORDER BY ALL").fetchall()
    assert found == [(ID, True), ("record_id:b/0", False)]


def test_no_name_of_a_trait_stands_for_two_attributes() -> None:
    names = [name for listed in NAMES.values() for name in listed]
    assert len(names) == len(set(names))


def test_splink_is_imported_only_where_pairs_are_scored() -> None:
    code = "import sys, flows.proposing, pipelines.resolve.proposals.propose as p; print('splink' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
