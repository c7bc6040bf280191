"""The past as it was known: law 6 over random runs, and the history of changes."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.keep.rollups import rollups
from pipelines.know.explain import explain
from pipelines.know.history import state_columns
from pipelines.know.past import at_past, define_macro
from tests.know.lives import Event, Life
from tests.know.worlds import at
from warehouse.settings import DEFAULT_KINDS, IdentitySettings, KnowSettings, Settings

NAMES = (
    "page", "identify", "order_completed", "order_completed", "order_refunded", "email_delivered", "email_clicked",
    "email_unsubscribed", "product_viewed",
)  # fmt: skip
PEOPLE = st.sampled_from(
    [
        ("user_id:1",),
        ("user_id:2",),
        ("email:a",),
        ("email:b",),
        ("user_id:1", "email:a"),
        ("user_id:2", "email:b"),
        ("user_id:3", "email:a"),
        ("anonymous_id:x",),
        ("anonymous_id:x", "email:b"),
        (),
    ]
)
EVENTS = st.builds(
    Event,
    number=st.integers(0, 20),
    version=st.integers(1, 3),
    people=PEOPLE,
    name=st.sampled_from(NAMES),
    day=st.integers(0, 9),
    target=st.sampled_from(["o", "p", ""]),
    amount=st.integers(1, 99),
)
PLAIN = Settings(rates={"USD": Decimal("0.9")})
SETTINGS = st.sampled_from(
    [
        *[PLAIN] * 4,
        replace(PLAIN, rates={"USD": Decimal("0.8")}, know=KnowSettings(5.0, 3.0)),
        replace(PLAIN, currency="USD", rates={}, know=KnowSettings(float("inf"), float("inf"))),
        replace(PLAIN, rates={}, identity=IdentitySettings({**DEFAULT_KINDS, "email": 200}, blocked_values=("B",))),
    ]
)
RUNS = st.lists(st.tuples(st.lists(EVENTS, max_size=12), st.integers(2, 12), SETTINGS), min_size=2, max_size=4)
FEW = settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
MANY = settings(FEW, max_examples=30)
Runs = list[tuple[list[Event], int, Settings]]


def day(number: int) -> Any:
    return at("2018-01-01") + timedelta(days=number)


@FEW
@given(RUNS)
def test_what_was_known_at_a_time_never_changes(runs: Runs) -> None:
    assert_the_past_stands(runs)


@pytest.mark.long
@MANY
@given(RUNS)
def test_what_was_known_at_a_time_never_changes_in_many_lives(runs: Runs) -> None:
    assert_the_past_stands(runs)


def assert_the_past_stands(runs: Runs) -> None:
    """Each run's profiles are the answer for its time, then and after all later runs."""
    life, answers = Life(), []
    for events, as_of, chosen in runs:
        life.live(events, day(as_of), chosen)
        answers.append(life.past(life.runs[-1]))
        assert answers[-1] == life.profiles()
    assert [life.past(run) for run in life.runs] == answers


@FEW
@given(RUNS)
def test_profiles_that_only_time_and_events_touched_are_those_of_everyone_computed_again(runs: Runs) -> None:
    assert_touched_is_whole(runs)


@pytest.mark.long
@MANY
@given(RUNS)
def test_the_same_in_many_lives(runs: Runs) -> None:
    assert_touched_is_whole(runs)


def assert_touched_is_whole(runs: Runs) -> None:
    """A run that looks only at whom something touched leaves the tables of one that looks at everyone."""
    touched, whole = Life(), Life()
    for events, as_of, chosen in runs:
        touched.live(events, day(as_of), chosen)
        whole.live(events, day(as_of), chosen, is_whole=True)
        for name in ("profiles", "channel_preferences", "interests", "profile_history"):
            sql = f"SELECT * FROM {name} ORDER BY ALL"
            assert touched.con.execute(sql).fetchall() == whole.con.execute(sql).fetchall(), name


@FEW
@given(RUNS)
def test_the_history_laid_together_gives_what_events_say_of_everyone(runs: Runs) -> None:
    life = Life()
    for events, as_of, chosen in runs:
        life.live(events, day(as_of), chosen)
        columns = ", ".join(f"'{name}': {name}" for name in state_columns())
        said = life.con.execute(f"SELECT customer_id, to_json({{{columns}}}) FROM profiles").fetchall()
        kept = {customer: {n: v for n, v in json.loads(text).items() if v is not None} for customer, text in said}
        assert _laid_together(life.con) == kept


def _laid_together(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """What `profile_history` says of each customer, all changes applied in turn."""
    states: dict[str, dict[str, Any]] = {}
    rows = con.execute("SELECT customer_id, is_gone, traits FROM profile_history ORDER BY commit_seq").fetchall()
    for customer, is_gone, traits in rows:
        states[customer] = {} if is_gone else {**states.get(customer, {}), **json.loads(traits)}
    return {c: {n: v for n, v in state.items() if v is not None} for c, state in states.items() if state}


@FEW
@given(RUNS)
def test_one_customer_is_explained_as_the_query_over_all_says(runs: Runs) -> None:
    life = Life()
    for events, as_of, chosen in runs:
        life.live(events, day(as_of), chosen)
    for run in life.runs[-2:]:
        rows = life.con.execute("FROM profiles_asof(?, ?)", [run.as_of, run.started_at]).to_arrow_table().to_pylist()
        for row in rows:
            with at_past(life.con, run.as_of, run.started_at, rollups()) as past:
                past.gather(row["customer_id"])
                asked = replace(run, settings=past.settings(PLAIN))
                assert (past.commit_seq, past.known_from) == (run.commit_seq, run.started_at)
                found = explain(life.con, asked, row["customer_id"])
            assert found is not None
            assert found.values == row


def order(number: int, on: int, name: str = "order_completed", user: str = "1", amount: int = 10) -> Event:
    return Event(number, 1, (f"user_id:{user}",), name, on, "o", amount)


def test_an_order_counts_as_it_stood_before_as_of() -> None:
    life = Life()
    life.live([order(1, 1), order(2, 5, amount=20), order(3, 8, "order_refunded", amount=5)], day(3), PLAIN)
    totals: list[Decimal] = []
    for as_of in (3, 6, 9):
        life.live([], day(as_of), PLAIN)
        totals += life.con.execute("SELECT monetary_total FROM profiles").fetchall()[0]
    assert totals == [Decimal("9.0000"), Decimal("27.0000"), Decimal("22.5000")]


def test_a_second_look_at_the_same_time_touches_nobody_and_writes_nothing() -> None:
    life = Life()
    life.live([order(1, 1), Event(2, 1, ("user_id:2",), "page", 2)], day(3), PLAIN)
    assert life.live([], day(5), PLAIN).recomputed == 1
    premises = life.con.execute("SELECT commit_seq, as_of FROM premises ORDER BY commit_seq").fetchall()
    again = life.live([], day(5), PLAIN)
    assert (again.recomputed, again.changed) == (0, 0)
    assert life.con.execute("SELECT commit_seq, as_of FROM premises ORDER BY commit_seq").fetchall() == premises


def test_only_state_that_changed_stands_in_the_history() -> None:
    life = Life()
    life.live([order(1, 1)], day(3), PLAIN)
    life.live([], day(5), PLAIN)
    life.live([order(2, 4, amount=30)], day(5), PLAIN)
    rows = life.con.execute("SELECT valid_from, is_gone, traits FROM profile_history ORDER BY commit_seq").fetchall()
    assert [(row[0], row[1]) for row in rows] == [(day(3), False), (day(5), False)]
    assert set(json.loads(rows[0][2])) == set(state_columns())
    changed = json.loads(rows[1][2])
    assert changed["monetary_total"] == 36
    assert not {"anchor", "identifier_count", "first_seen_at", "stated_channel"} & set(changed)


def test_a_lake_without_history_gets_one_when_everyone_is_computed() -> None:
    life = Life()
    life.live([order(1, 1)], day(3), PLAIN)
    life.con.execute("DELETE FROM profile_history")
    life.live([], day(3), PLAIN, is_whole=True)
    assert life.con.execute("SELECT COUNT(*), bool_or(is_gone) FROM profile_history").fetchall() == [(1, False)]


@pytest.mark.parametrize("asked", ["2018-01-02T10:00:00Z", None])
def test_a_time_within_a_day_is_an_error(asked: str | None) -> None:
    life = Life()
    life.live([order(1, 1)], day(3), PLAIN)
    with pytest.raises(duckdb.InvalidInputException, match="must be a UTC midnight"):
        life.con.execute("FROM profiles_asof(?, NULL)", [asked])


def test_the_macro_is_made_once_and_only_with_all_rollups() -> None:
    life = Life()
    life.live([], day(3), PLAIN)
    made = "SELECT function_oid FROM duckdb_functions() WHERE function_name = 'profiles_asof'"
    before = life.con.execute(made).fetchall()
    define_macro(life.con, rollups())
    assert life.con.execute(made).fetchall() == before
    life.con.execute("DROP MACRO TABLE profiles_asof")
    define_macro(life.con, {})
    assert life.con.execute(made).fetchall() == []


def test_a_lake_from_before_the_premises_rests_on_the_first_that_were_noted() -> None:
    life = Life()
    life.live([order(1, 1)], day(3), PLAIN)
    life.live([order(2, 2)], day(3), PLAIN)
    life.con.execute("UPDATE premises SET commit_seq = 2")
    first = life.runs[0]
    assert [row[0] for row in life.past(first)]
    with at_past(life.con, first.as_of, at("2018-01-01"), rollups()) as past:
        assert past.commit_seq == 0
        assert past.settings(Settings()).rates == PLAIN.rates
