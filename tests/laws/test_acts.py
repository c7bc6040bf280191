"""Law 5 for acts: a link added and taken back leaves nothing, and an unlink nothing of what events have tied."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.erasure import erase_home
from flows.identity.acts import Act, ActReport, act_on
from flows.rebuild import rebuild
from tests.keep.till import row, till
from tests.laws.states import assert_conserved, contents, differences, held, one, rows
from tests.laws.worlds import Load, Record, new_home, run, run_load, small_world
from warehouse.errors import RapportError
from warehouse.home import Home

CUSTOMERS = (
    "identities", "profiles", "channel_preferences", "interests", "orders", "contacts", "daily_activity",
    "daily_categories", "consents", "statements",
)  # fmt: skip
_ORDERS = "SELECT order_count FROM profiles"
_DECIDED = """
    SELECT customer_id, decided_as_of, offer_id, channel, reason, round(score, 9), round(propensity, 9), policy_version
    FROM latest_decisions
    ORDER BY ALL
"""


def acted(home: Home, act: str, *names: str) -> ActReport:
    return act_on(home, Act(act, names), lambda _: None)


def decided(home: Home) -> list[tuple[object, ...]]:
    return rows(home, _DECIDED)


def customers(home: Home) -> int:
    return int(one(home, "SELECT COUNT(*) FROM profiles"))


def world_with_strangers(seed: int) -> Load:
    """A simulated world, and people of whom only an address is known."""
    world, extra = small_world(seed), till(*(row(f"x{n}", user="", email=f"x{n}@shop.example") for n in range(3)))
    return Load(world.records + extra.records, world.heads | extra.heads, world.mappings | extra.mappings)


def check_link_and_unlink(load: Load, strangers: Sequence[str], random: Random) -> None:
    """Link strangers to anybody else, one after the other, and take each link back."""
    with new_home() as home:
        run_load(home, load)
        found = [name for (name,) in rows(home, "SELECT identifier FROM current_identities ORDER BY ALL")]
        others = sorted(set(found) - set(strangers))
        with held(home) as before:
            was = decided(home)
            for stranger in strangers:
                known, other = customers(home), random.choice(others)
                acted(home, "link", stranger, other)
                assert customers(home) == known - 1
                acted(home, "unlink", other, stranger)
                with held(home) as after:
                    assert differences(before, after) == {}
                assert decided(home) == was
        assert_conserved(home)


def test_a_link_added_and_taken_back_leaves_nothing_behind() -> None:
    load = till(*calls_of([("u1", "a"), ("u2", "b")], None))
    check_link_and_unlink(load, ["email:c@shop.example"], Random(1))


@pytest.mark.long
@settings(max_examples=2, deadline=None)
@given(st.integers(0, 2**16))
def test_a_link_added_and_taken_back_leaves_nothing_behind_in_any_world(seed: int) -> None:
    names = [f"email:x{number}@shop.example" for number in range(3)]
    check_link_and_unlink(world_with_strangers(seed), names, Random(seed))


# A call of a user with an address, or of one of them alone.
CALLS = st.lists(st.tuples(st.sampled_from(("", "u1", "u2")), st.sampled_from(("", "a", "b", "c"))), max_size=12)


def calls_of(said: Sequence[tuple[str, str]], without: tuple[str, str] | None) -> list[Record]:
    """A sale for each call, in the order of time; all are seen alone first. Calls of `without` lack the address."""
    alone = [("u1", ""), ("u2", ""), ("", "a"), ("", "b"), ("", "c")]
    records = []
    for number, (user, name) in enumerate([*alone, *(each for each in said if any(each))]):
        email = f"{name}@shop.example" if name and (user, name) != without else ""
        at = f"2025-01-{1 + number:02}T10:00:00Z"
        sale = {"order": f"o{number}", "amount": number + 1, "category": ("tea", "coffee")[number % 2]}
        records.append(row(f"e{number}", user=user, email=email, at=at, **sale))
    return records


def check_unlink(said: Sequence[tuple[str, str]], pair: tuple[str, str], first: int = 0, *, is_early: bool) -> None:
    """Two runs, the first of `first` calls if any; with `is_early` the unlink comes before the second."""
    user, name = f"user_id:{pair[0]}", f"email:{pair[1]}@shop.example"
    records = calls_of(said, None)
    with new_home() as home, new_home() as other:
        run_load(other, till(*calls_of(said, pair)))
        if first:
            run_load(home, till(*records[:first]))
        if is_early:
            acted(home, "unlink", user, name)
        run_load(home, till(*records[first:]))
        if not is_early:
            acted(home, "unlink", name, user)
        with held(home) as unlinked, held(other) as never:
            assert differences(unlinked, never, CUSTOMERS) == {}
        assert decided(home) == decided(other)


def test_unlinked_evidence_of_events_might_as_well_never_have_been() -> None:
    check_unlink([("u1", "a"), ("", "a"), ("u1", "a"), ("u1", "b")], ("u1", "a"), is_early=False)


@pytest.mark.long
def test_an_unlink_may_let_another_link_hold() -> None:
    check_unlink([("u1", "a"), ("u2", "a"), ("u1", "b")], ("u1", "a"), 6, is_early=False)


@pytest.mark.long
@settings(max_examples=4, deadline=None)
@given(CALLS, st.tuples(st.sampled_from(("u1", "u2")), st.sampled_from("abc")), st.integers(5, 12), st.booleans())
def test_unlinked_evidence_might_as_well_never_have_been_in_any_world(
    said: list[tuple[str, str]], pair: tuple[str, str], first: int, is_early: bool
) -> None:
    check_unlink(said, pair, first, is_early=is_early)


@contextmanager
def shop() -> Iterator[Home]:
    """Two people tied by one wrong sale: Ann's address was typed at Bob's till."""
    with new_home() as home:
        run_load(home, till(*calls_of([("u1", "a"), ("u2", "b"), ("u1", "b")], None)))
        yield home


@pytest.mark.long
def test_an_act_without_news_writes_nothing_at_all() -> None:
    with shop() as home:
        acted(home, "unlink", "u1", "a@shop.example")
        was = contents(home)
        report = acted(home, "unlink", "a@shop.example", "u1")
        assert (report.acts, report.run.is_idle) == ([], True)
        run(home)
        assert contents(home) == was


@pytest.mark.long
def test_a_link_after_an_unlink_is_what_the_events_said() -> None:
    with shop() as home, held(home) as before:
        acted(home, "unlink", "u1", "a@shop.example")
        assert one(home, "SELECT COUNT(DISTINCT customer_id) FROM current_identities") > 2
        acted(home, "link", "u1", "a@shop.example")
        with held(home) as after:
            (name, found), *others = differences(before, after).items()
        assert (name, list(found.columns), found.changed_count, others) == ("identities", ["relation"], 1, [])


@pytest.mark.long
def test_an_unlink_says_which_chain_is_left() -> None:
    with new_home() as home:
        run_load(home, till(row("e1", user="u1", email="a@shop.example"), row("e2", user="", email="b@shop.example")))
        acted(home, "link", "b@shop.example", "a@shop.example")
        acted(home, "link", "b@shop.example", "u1")
        report = acted(home, "unlink", "b@shop.example", "a@shop.example")
        assert report.why is not None
        assert [step.to_identifier for step in report.why.chain] == ["user_id:u1", "email:a@shop.example"]
        assert {len(found) for found in report.customers.values()} == {1}


@pytest.mark.long
def test_a_shared_identifier_is_given_to_a_customer_for_some_days_and_taken_back() -> None:
    sales = [
        row(f"s{day}", user="", email="till@shop.example", order=f"o{day}", amount=5, at=f"2025-01-{day:02}T10:00:00Z")
        for day in range(1, 9)
    ]
    logins = [
        row(f"l{user}", user=user, email="till@shop.example", order=user, amount=5, at="2025-01-09T10:00:00Z")
        for user in ("u1", "u2")
    ]
    with new_home() as home:
        run_load(home, till(*sales, *logins))
        with held(home) as before:
            was = decided(home)
            bounds = datetime(2025, 1, 3, tzinfo=UTC), datetime(2025, 1, 5, tzinfo=UTC)
            report = act_on(home, Act("link", ("u1", "till@shop.example"), *bounds), lambda _: None)
            assert len(report.customers["email:till@shop.example"]) == 2
            assert one(home, f"{_ORDERS} WHERE anchor = 'user_id:u1'") == 3
            acted(home, "unlink", "u1", "till@shop.example")
            with held(home) as after:
                assert differences(before, after) == {}
            assert decided(home) == was


@pytest.mark.long
def test_a_rebuild_takes_the_acts_over_and_comes_out_the_same() -> None:
    with shop() as home:
        acted(home, "unlink", "u1", "a@shop.example")
        acted(home, "hold", "u2")
        was = contents(home, ["identity_acts"])
        assert rebuild(home, lambda _: None).differences == {}
        assert contents(home, ["identity_acts"]) == was
        assert len(was["identity_acts"]) == 2


@pytest.mark.long
def test_an_erasure_takes_the_acts_of_a_person_with_it() -> None:
    with shop() as home:
        act_on(home, Act("unlink", ("u1", "a@shop.example"), reason="a-reason-of-many-words"), lambda _: None)
        act_on(home, Act("hold", ("c@shop.example",), reason="another-reason-of-many-words"), lambda _: None)
        erase_home(home, ["email:c@shop.example"], lambda _: None, is_scanned=True)
        assert rows(home, "SELECT act FROM identity_acts") == [("unlink",)]
        assert not [
            path for path in home.root.rglob("*.parquet") if b"another-reason-of-many-words" in path.read_bytes()
        ]


@pytest.mark.long
def test_an_act_that_fails_leaves_everything_as_it_was() -> None:
    with shop() as home:
        was = contents(home, [*CUSTOMERS, "identity_acts", "batches"])
        with pytest.raises(RapportError, match="can't be one customer"):
            acted(home, "link", "u1", "u2")
        assert contents(home, [*CUSTOMERS, "identity_acts", "batches"]) == was
