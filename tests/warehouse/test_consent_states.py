"""What customers allow: the statement that decides, against a plain reading of the rules."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.know.premises import record_premises
from schemas.keys import key
from schemas.tables import tables
from tests.lakes import memory_lake
from warehouse.consent_states import SPOKEN, states_sql
from warehouse.run import Run
from warehouse.settings import Settings
from warehouse.views import VIEWS

START = datetime(2025, 3, 1, tzinfo=UTC)
DENIALS, GRANTS = ("denied", "withdrawn"), ("granted", "implied")
APART = ("contract", "legal_obligation")
OWN = {"email:a": "ann", "email:b": "bob", "user_id:c": "cia"}
MERGED = {"email:a": "ann", "email:b": "ann", "user_id:c": "cia"}


def day(number: float) -> datetime:
    return START + timedelta(days=number)


@dataclass(frozen=True)
class Said:
    """A statement; `at` and `expires` are days."""

    at: float
    status: str
    purpose: str = "marketing"
    channel: str = "email"
    anchor: str = "email:a"
    legal_basis: str = "consent"
    is_explicit: bool = True
    expires: int | None = None
    version: str | None = None

    def covers(self, purpose: str, channel: str) -> bool:
        return self.purpose in (purpose, "*") and self.channel in (channel, "*")

    @property
    def is_on_consent(self) -> bool:
        is_claim = self.legal_basis == "legitimate_interest" and self.status not in DENIALS
        return self.legal_basis not in APART and not is_claim


SAID = st.builds(
    Said,
    at=st.integers(0, 5),
    status=st.sampled_from([*GRANTS, *DENIALS, "expired", "granted", "denied"]),
    purpose=st.sampled_from(["marketing", "ads", "*"]),
    channel=st.sampled_from(["email", "web", "*"]),
    anchor=st.sampled_from(sorted(OWN)),
    legal_basis=st.sampled_from(["consent", "consent", "objection", "legitimate_interest", "contract"]),
    is_explicit=st.booleans(),
    expires=st.none() | st.integers(1, 8),
    version=st.sampled_from([None, "1", "2"]),
).map(lambda one: replace(one, is_explicit=one.is_explicit and one.status != "implied"))
STATEMENTS = st.lists(SAID, max_size=8)
AT = 6


@pytest.fixture(scope="module")
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    con = memory_lake()
    for name in ("consent_states", "consent_versions"):
        con.execute(f"CREATE VIEW {name} AS {VIEWS[name][1]}")
    record_premises(con, Run("batch", 1, START, day(AT), Settings()))
    yield con
    con.close()


Key = tuple[str, str, str]
CELLS = [(purpose, channel) for purpose in ("marketing", "ads", "*") for channel in ("email", "web", "*")]


def put(con: duckdb.DuckDBPyConnection, said: Sequence[Said], owners: Mapping[str, str] = OWN) -> None:
    """Make these all that was said, and these all customers."""
    con.execute("DELETE FROM consents")
    con.execute("DELETE FROM identities")
    people = [
        {"identifier": anchor, "customer_id": customer, "kind": "email", "value": anchor}
        for anchor, customer in owners.items()
    ]
    insert(con, "identities", [{**one, "first_seen_at": START, "known_from": START} for one in people])
    insert(con, "consents", [row(one) for one in said])


def row(one: Said) -> dict[str, Any]:
    return {
        "consent_id": key(repr(one)),
        "stated_at": day(one.at),
        "heard_at": day(one.at),
        "expires_at": None if one.expires is None else day(one.expires),
        "interaction_id": "i",
        **{name: value for name, value in asdict(one).items() if name not in ("at", "expires")},
    }


def insert(con: duckdb.DuckDBPyConnection, name: str, given: list[dict[str, Any]]) -> None:
    if given:
        schema = pa.schema([field for field in tables()[name].schema if field.name in {*given[0], "commit_seq"}])
        con.register("given", pa.Table.from_pylist([{**one, "commit_seq": 1} for one in given], schema=schema))
        con.execute(f"INSERT INTO {name} BY NAME FROM given")


def states(con: duckdb.DuckDBPyConnection) -> dict[Key, str | None]:
    found = con.execute("SELECT customer_id, purpose, channel, status FROM consent_states").fetchall()
    return {(customer, purpose, channel): status for customer, purpose, channel, status in found}


def rows(con: duckdb.DuckDBPyConnection) -> list[str]:
    return sorted(map(repr, con.execute("FROM consent_states").fetchall()))


def held(said: Sequence[Said]) -> str | None:
    """What statements on consent of one customer, all on one purpose and channel, come to."""
    grants = [
        one
        for one in said
        if one.status in GRANTS
        and (one.expires is None or one.expires > AT)
        and not any(end.status == "expired" and end.at >= one.at for end in said)
    ]

    def is_taken_back(denial: Said) -> bool:
        later = [one for one in grants if one.at > denial.at]
        return any(one.is_explicit or (not denial.is_explicit and one.anchor == denial.anchor) for one in later)

    if any(one.status in DENIALS and not is_taken_back(one) for one in said):
        return "denied"
    if not grants:
        return "expired" if said else None
    best = max((one.is_explicit, one.at) for one in grants)
    return "/".join(sorted({one.status for one in grants if (one.is_explicit, one.at) == best}))


@settings(max_examples=40, deadline=None)
@given(said=STATEMENTS)
def test_the_view_says_what_a_plain_reading_of_the_rules_says(
    lake: duckdb.DuckDBPyConnection, said: list[Said]
) -> None:
    said = list(dict.fromkeys(said))
    put(lake, said, MERGED)
    found = states(lake)
    for customer in set(MERGED.values()):
        for purpose, channel in CELLS:
            about = [one for one in said if MERGED[one.anchor] == customer and one.covers(purpose, channel)]
            expected = held([one for one in about if one.is_on_consent])
            is_asked = purpose in ("marketing", "*") or purpose in {one.purpose for one in said}
            is_asked &= channel in ("email", "*") or channel in {one.channel for one in said}
            assert ((customer, purpose, channel) in found) is bool(about and is_asked)
            if about and is_asked:
                assert (found[customer, purpose, channel] or "") in (expected or "").split("/")


@settings(max_examples=15, deadline=None)
@given(said=STATEMENTS)
def test_nothing_is_allowed_that_the_latest_explicit_statement_denies(
    lake: duckdb.DuckDBPyConnection, said: list[Said]
) -> None:
    put(lake, said, MERGED)
    found = states(lake)
    for (customer, purpose, channel), status in found.items():
        heard = [
            one
            for one in said
            if MERGED[one.anchor] == customer and one.covers(purpose, channel) and one.is_explicit and one.is_on_consent
        ]
        newest = [one for one in heard if one.at == max(other.at for other in heard)]
        if any(one.status in DENIALS for one in newest):
            assert status == "denied"


@settings(max_examples=15, deadline=None)
@given(said=STATEMENTS)
def test_neither_order_nor_a_merge_that_is_taken_back_leaves_a_trace(
    lake: duckdb.DuckDBPyConnection, said: list[Said]
) -> None:
    put(lake, said)
    before = rows(lake)
    put(lake, said, MERGED)
    put(lake, sorted(said, key=repr, reverse=True))
    assert rows(lake) == before


@settings(max_examples=15, deadline=None)
@given(said=STATEMENTS)
def test_after_a_merge_the_stricter_holds_unless_an_explicit_grant_is_newer(
    lake: duckdb.DuckDBPyConnection, said: list[Said]
) -> None:
    put(lake, said)
    apart = states(lake)
    put(lake, said, MERGED)
    for (customer, purpose, channel), status in states(lake).items():
        parts = [apart.get((part, purpose, channel)) for part in ("ann", "bob")]
        if customer != "ann" or "denied" not in parts or status == "denied":
            continue
        of_them = [one for one in said if MERGED[one.anchor] == "ann" and one.covers(purpose, channel)]
        denied_at = max(one.at for one in of_them if one.status in DENIALS and one.is_on_consent)
        assert any(one.status == "granted" and one.is_explicit and one.at > denied_at for one in of_them)


def state(con: duckdb.DuckDBPyConnection, *said: Said, at: str = "NULL") -> tuple[str | None, list[str]]:
    """Status and other legal bases for marketing by e-mail at day `at`, of one customer with two identifiers."""
    put(con, said, MERGED)
    query = f"SELECT status, other_bases FROM ({states_sql(at)}) WHERE purpose = 'marketing' AND channel = 'email'"
    row = con.execute(query).fetchone()
    return row if row else (None, [])


def test_a_newer_explicit_statement_beats_older_ones_and_of_one_instant_the_stricter(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    assert state(lake, Said(1, "denied"), Said(2, "granted"))[0] == "granted"
    assert state(lake, Said(1, "granted"), Said(2, "withdrawn"))[0] == "denied"
    assert state(lake, Said(1, "granted"), Said(1, "denied", anchor="email:b"))[0] == "denied"


def test_what_events_repeat_takes_back_no_denial_of_another_identifier(lake: duckdb.DuckDBPyConnection) -> None:
    denial, repeated = Said(1, "denied", is_explicit=False), Said(2, "granted", is_explicit=False)
    assert state(lake, denial, repeated)[0] == "granted"
    assert state(lake, denial, Said(2, "granted", is_explicit=False, anchor="email:b"))[0] == "denied"
    assert state(lake, Said(1, "denied"), repeated)[0] == "denied"
    assert state(lake, denial, Said(2, "granted", anchor="email:b"))[0] == "granted"


def test_a_consent_taken_as_given_is_told_apart_and_takes_nothing_back(lake: duckdb.DuckDBPyConnection) -> None:
    implied = Said(2, "implied", is_explicit=False)
    assert state(lake, implied)[0] == "implied"
    assert state(lake, Said(1, "denied"), implied)[0] == "denied"


def test_an_expired_grant_was_never_made(lake: duckdb.DuckDBPyConnection) -> None:
    grant = Said(2, "granted", expires=4)
    before, after = (f"'{day(number).isoformat()}'::TIMESTAMPTZ" for number in (3, 4))
    assert [state(lake, grant, at=at)[0] for at in (before, after)] == ["granted", "expired"]
    assert [state(lake, Said(1, "denied"), grant, at=at)[0] for at in (before, after)] == ["granted", "denied"]
    assert [state(lake, Said(1, "granted"), grant, at=at)[0] for at in (before, after)] == ["granted", "granted"]


def test_a_statement_that_a_consent_expired_ends_the_grants_before_it_alone(lake: duckdb.DuckDBPyConnection) -> None:
    end = Said(2, "expired", purpose="*", channel="*")
    assert state(lake, Said(1, "granted"), end)[0] == "expired"
    assert state(lake, Said(1, "denied"), end)[0] == "denied"
    assert state(lake, Said(0, "denied"), Said(1, "granted"), end)[0] == "denied"
    assert state(lake, Said(1, "granted"), end, Said(3, "granted"))[0] == "granted"


def test_other_legal_bases_are_kept_apart(lake: duckdb.DuckDBPyConnection) -> None:
    contract = Said(3, "granted", legal_basis="contract")
    assert state(lake, Said(1, "denied"), contract) == ("denied", ["contract"])
    assert state(lake, contract) == (None, ["contract"])
    assert state(lake, Said(1, "granted"), Said(2, "denied", legal_basis="contract")) == ("granted", [])


def test_a_claim_of_legitimate_interest_is_no_consent_and_falls_with_an_objection(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    claim = Said(3, "granted", legal_basis="legitimate_interests")
    assert state(lake, claim) == (None, ["legitimate_interest"])
    assert state(lake, Said(1, "denied", legal_basis="objection"), claim) == ("denied", [])
    assert state(lake, Said(1, "denied", legal_basis="legitimate_interest"), claim) == ("denied", [])


def test_the_statement_that_decides_is_shown(lake: duckdb.DuckDBPyConnection) -> None:
    put(lake, [Said(1, "granted", version="1"), Said(2, "withdrawn", "*", "*", "email:b", version="2")], MERGED)
    query = """
        SELECT status, legal_basis, version, stated_at, expires_at, is_explicit, anchor, consent_id, interaction_id
        FROM consent_states WHERE purpose = 'marketing' AND channel = 'email'
    """
    (consent_id,) = lake.execute("SELECT consent_id FROM consents WHERE version = '2'").fetchall()[0]
    assert lake.execute(query).fetchall() == [
        ("denied", "consent", "2", day(2), None, True, "email:b", consent_id, "i")
    ]


def test_each_version_has_what_was_said_last_under_it(lake: duckdb.DuckDBPyConnection) -> None:
    put(lake, [Said(1, "granted", version="1"), Said(2, "denied", version="2"), Said(3, "granted", version="2")])
    query = "SELECT version, status, stated_at FROM consent_versions WHERE channel = 'email' ORDER BY version"
    assert lake.execute(query).fetchall() == [("1", "granted", day(1)), ("2", "granted", day(3))]


def test_an_identifier_that_people_share_speaks_for_whom_it_belonged_to_then(lake: duckdb.DuckDBPyConnection) -> None:
    put(lake, [Said(1, "denied"), Said(4, "granted")], {})
    shared = {"identifier": "email:a", "kind": "email", "value": "a", "first_seen_at": START, "known_from": START}
    spans = (("ann", None, day(3)), ("bob", day(3), None))
    insert(lake, "identities", [{**shared, "customer_id": c, "valid_from": s, "valid_to": u} for c, s, u in spans])
    assert states(lake) == {("ann", "marketing", "email"): "denied", ("bob", "marketing", "email"): "granted"}


def test_who_asks_may_bring_the_statements_and_what_is_asked(lake: duckdb.DuckDBPyConnection) -> None:
    put(lake, [Said(1, "denied", purpose="*", channel="*")])
    asked = states_sql("NULL", SPOKEN, "SELECT 'service' AS name", "SELECT 'call' AS name")
    assert lake.execute(f"SELECT purpose, channel, status FROM ({asked})").fetchall() == [("service", "call", "denied")]
