from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

import pipelines.decide as package
from pipelines.decide.catalogue import (
    Catalogue,
    CatalogueError,
    bind_conditions,
    load_catalogue,
    store_offers,
)
from tests.decide.worlds import catalogue, offer, run, world

MINIMAL = """
[[offer]]
id = "tea"
name = "Tea"
kind = "thanks"
benefit = "a cup of tea"
value_customer = "2.50"
value_company = 3
channels = ["email", "app"]
"""


def load(folder: Path, text: str, file: str = "offers.toml") -> Catalogue:
    (folder / file).write_text(text, encoding="utf-8")
    return load_catalogue(folder)


def test_an_offer_needs_little_and_money_stays_exact(tmp_path: Path) -> None:
    (found,) = load(tmp_path, MINIMAL + "cost = 0.1\n").offers
    assert (found.value_customer, found.value_company, found.cost) == (
        Decimal("2.5"),
        Decimal(3),
        Decimal("0.1"),
    )
    assert found.purpose == "marketing"
    assert found.channels == ("email", "app")
    assert found.valid_to is None


@pytest.mark.parametrize(
    ("line", "start"),
    [
        ("valid_from = 2018-01-02T01:00:00+01:00", datetime(2018, 1, 2, tzinfo=UTC)),
        ("valid_from = 2018-01-02", datetime(2018, 1, 2, tzinfo=UTC)),
        ('valid_from = "2018-01-02T03:00:00"', datetime(2018, 1, 2, 3, tzinfo=UTC)),
    ],
)
def test_validity_is_read_as_utc(tmp_path: Path, line: str, start: datetime) -> None:
    assert load(tmp_path, MINIMAL + line).offers[0].valid_from == start


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("id =", "idd ="), "offers.toml, offer 1, field 'idd': unknown; did you mean 'id'"),
        (("benefit =", "qqq ="), "offers.toml, offer 'tea', field 'qqq': unknown; known are"),
        (('benefit = "a cup of tea"', ""), "offer 'tea', field 'benefit': missing"),
        (('"thanks"', '"bribe"'), "field 'kind': 'bribe' is no kind of benefit; choose one of offer"),
        (('"2.50"', '"two"'), "field 'value_customer': is not a number; write it as '2.50'"),
        (('"2.50"', "true"), "field 'value_customer': must be money"),
        (('"2.50"', '"0.00001"'), "field 'value_customer': must be below"),
        (('"2.50"', '"1e20"'), "field 'value_customer': must be below"),
        (('"2.50"', "nan"), "field 'value_customer': must be below"),
        (('"Tea"', '" "'), "field 'name': must be a text"),
        (('"tea"', '"nothing"'), "'nothing' is always a candidate"),
        (('["email", "app"]', "[]"), "field 'channels': must list the channels"),
        (('["email", "app"]', '["email", "email"]'), "field 'channels': must list the channels"),
        (('["email", "app"]', '["email"]\ncost = -1'), "field 'cost': must not be negative"),
        (('["email", "app"]', '["email"]\nvalid_from = 7'), "field 'valid_from': must be a time"),
        (('["email", "app"]', '["email"]\nvalid_from = "x"'), "field 'valid_from': 'x' is not an ISO-8601"),
        (('["email", "app"]', '["email"]\nrules = 7'), "field 'rules': must be a table of conditions"),
        (
            ('["email", "app"]', '["email"]\nvalid_from = 2018-01-02\nvalid_to = 2018-01-02'),
            "field 'valid_to': not after valid_from",
        ),
        (("[[offer]]", "[[offers]]"), "offers.toml: a catalogue holds [[offer]] tables only"),
        (("[[offer]]", "[[offer"), "offers.toml is not valid TOML"),
    ],
)
def test_a_wrong_catalogue_says_file_offer_field_and_mend(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(CatalogueError) as problem:
        load(tmp_path, MINIMAL.replace(*change))
    assert message in str(problem.value)


def test_an_id_stands_in_one_file_only(tmp_path: Path) -> None:
    load(tmp_path, MINIMAL, "first.toml")
    with pytest.raises(CatalogueError, match=r"second.toml, offer 'tea', field 'id': also stands in first.toml"):
        load(tmp_path, MINIMAL, "second.toml")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="'offers' is missing"):
        load_catalogue(tmp_path / "offers")


def test_the_digest_is_of_what_the_offers_say_not_of_their_files(tmp_path: Path) -> None:
    first = load(tmp_path, MINIMAL)
    (tmp_path / "offers.toml").unlink()
    assert load(tmp_path, "# a comment\n" + MINIMAL, "other.toml").sha256 == first.sha256
    assert load(tmp_path, MINIMAL.replace("2.50", "2.51"), "other.toml").sha256 != first.sha256


def test_the_shipped_example_reads_and_fits_the_profiles() -> None:
    found = load_catalogue(Path(package.__path__[0]))
    assert {one.kind for one in found.offers} == {
        "offer",
        "service",
        "information",
        "thanks",
        "question",
        "repair",
    }
    assert bind_conditions(world(), found)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("min_order_cuont", 1, "'order_cuont' is no column of profiles; did you mean 'order_count'?"),
        ("zzzzzz", 1, "'zzzzzz' is no column of profiles; known are"),
        ("min_order_count", "many", "the value must be a number"),
        ("min_order_count", [1, 2], "give exactly one value"),
        ("order_count", [], "the list is empty"),
        (
            "min_preferred_channel",
            "a",
            "preferred_channel is a text; write one of preferred_channel, not_pref",
        ),
        ("channel_counts", "a", "channel_counts is a document; write one of unknown_channel_counts"),
        (
            "favourite_categories",
            "a",
            "favourite_categories is a list of texts; write one of has_favourite_categories",
        ),
        ("is_partner", 1, "the value must be true or false"),
        ("unknown_order_count", 1, "the value must be true or false"),
        ("min_first_seen_at", 1, "the value must be a time with a zone"),
    ],
)
def test_a_condition_that_profiles_cannot_answer_is_an_error(field: str, value: object, message: str) -> None:
    with pytest.raises(CatalogueError) as problem:
        bind_conditions(world(), catalogue(offer("a", rules={field: value})))
    assert f"test.toml, offer 'a', field 'rules.{field}': {message}" in str(problem.value)


def stored(con: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return con.execute("SELECT offer_id, value_customer, channels, commit_seq FROM offers ORDER BY 1").fetchall()


def test_offers_are_kept_and_an_equal_catalogue_writes_nothing() -> None:
    con, kept = world(), catalogue(offer("a", rules={"min_order_count": 2}), offer("b"))
    store_offers(con, run(), kept)
    con.execute("UPDATE offers SET commit_seq = 1")
    store_offers(con, run(), kept)
    assert stored(con) == [
        ("a", Decimal("2.0000"), '["email"]', 1),
        ("b", Decimal("2.0000"), '["email"]', 1),
    ]


def test_an_offer_that_left_the_catalogue_leaves_the_table() -> None:
    con = world()
    store_offers(con, run(), catalogue(offer("a"), offer("b")))
    store_offers(con, run(), catalogue(offer("b", value_customer="5")))
    assert stored(con) == [("b", Decimal("5.0000"), '["email"]', 7)]
