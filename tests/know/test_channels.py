"""How a customer likes to be reached: rates, intervals, objections, stated and inferred channels."""

from typing import Any

import duckdb
import pytest
from scipy.stats import beta

from pipelines.know.know import know
from tests.know.worlds import (
    activity,
    at,
    consent,
    contact,
    customer,
    identity,
    lake_of,
    one,
    profile,
    run_at,
    stated,
)
from warehouse.settings import KnowSettings, Settings

ANNA = "user_id:a"
ENDLESS = Settings(know=KnowSettings(float("inf"), float("inf")))


def contacts(channel: str, count: int, answered: int, hour: int = 8, **changes: Any) -> list[dict[str, Any]]:
    answer = {"responded_at": at("2017-12-25T12:00:00")}
    return [
        contact(
            ANNA, f"{channel} {hour} {i}", f"2017-12-24T{hour:02}:00:00", channel,
            **((answer if i < answered else {}) | changes),
        )
        for i in range(count)
    ]  # fmt: skip


def known(**tables: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    con = lake_of({
        "identities": [identity(ANNA)],
        "daily_activity": [
            activity(ANNA, "2017-01-01T10:00:00"), activity(ANNA, "2017-01-01T10:00:00", "identify"),
        ],
        **tables,
    })  # fmt: skip
    know(con, run_at(settings=ENDLESS), None)
    return con


def preference(con: duckdb.DuckDBPyConnection) -> tuple[str | None, str]:
    found = profile(con, ANNA)
    return found["preferred_channel"], found["preferred_channel_basis"]


def channel(con: duckdb.DuckDBPyConnection, name: str) -> dict[str, Any]:
    return one(con, "SELECT * FROM channel_preferences WHERE customer_id = ? AND channel = ?", customer(ANNA), name)


def test_the_rate_is_the_posterior_mean_with_its_interval() -> None:
    row = channel(known(contacts=contacts("email", 20, 4)), "email")
    assert (row["contact_count"], row["response_count"], row["is_opted_out"]) == (20, 4, False)
    assert row["response_rate"] == pytest.approx(4.5 / 30)
    assert row["rate_low"] == pytest.approx(beta.ppf(0.05, 4.5, 25.5))
    assert row["rate_high"] == pytest.approx(beta.ppf(0.95, 4.5, 25.5))


def test_contacts_fade_with_the_half_life() -> None:
    rows = [contact(ANNA, "old", "2017-12-22T08:00:00"), contact(ANNA, "new", "2018-01-01T23:00:00")]
    con = lake_of({
        "identities": [identity(ANNA)], "daily_activity": [activity(ANNA, "2017-01-01")], "contacts": rows
    })  # fmt: skip
    know(con, run_at(settings=Settings(know=KnowSettings(channel_half_life_days=10.0))), None)
    weights = 2 ** (-11 / 10) + 2 ** (-1 / 10)
    assert channel(con, "email")["decayed_contacts"] == pytest.approx(weights)


def test_what_is_only_seen_through_its_answer_does_not_count_for_the_rate() -> None:
    rows = [*contacts("email", 3, 0), *contacts("email", 2, 2, 9, sent_at=None)]
    con = known(contacts=rows)
    assert (channel(con, "email")["contact_count"], channel(con, "email")["response_count"]) == (3, 0)
    assert profile(con, ANNA)["contact_30d_count"] == 5


def test_an_answer_after_as_of_is_not_known_yet() -> None:
    late = contacts("email", 1, 1, responded_at=at("2018-01-03"))
    assert channel(known(contacts=late), "email")["response_count"] == 0


def test_a_clear_winner_is_inferred() -> None:
    con = known(contacts=[*contacts("email", 60, 0), *contacts("sms", 60, 40)])
    assert preference(con) == ("sms", "inferred")


def test_without_a_clear_winner_we_ask() -> None:
    con = known(contacts=[*contacts("email", 6, 1), *contacts("sms", 6, 2)])
    assert preference(con) == ("ask", "ask")


def test_a_lone_channel_must_beat_its_own_rate_over_all_customers() -> None:
    assert preference(known(contacts=contacts("email", 20, 0))) == ("ask", "ask")
    assert preference(known(contacts=contacts("email", 20, 12))) == ("email", "inferred")


def test_without_contact_or_statement_nothing_is_known() -> None:
    assert preference(known()) == (None, "unknown")


def test_the_latest_statement_goes_before_what_is_inferred() -> None:
    con = known(
        contacts=contacts("sms", 9, 9),
        statements=[
            stated(ANNA, "2017-02-01", "Email "),
            stated(ANNA, "2017-01-05", "post"),
            stated(ANNA, "2017-03-01", ""),
            stated(ANNA, "2018-03-01", "call"),
        ],
    )
    assert profile(con, ANNA)["stated_channel"] == "email"
    assert preference(con) == ("email", "stated")
    assert channel(con, "email")["contact_count"] == 0


def test_a_statement_is_doubted_but_never_overridden() -> None:
    con = known(contacts=contacts("sms", 60, 40), statements=[stated(ANNA, "2017-02-01", "email")])
    assert preference(con) == ("email", "ask")


def test_an_objection_closes_a_stated_channel() -> None:
    con = known(
        statements=[stated(ANNA, "2017-02-01", "email")],
        consents=[consent(ANNA, "email", "denied", "2017-03-01")],
    )
    assert preference(con) == (None, "unknown")
    assert channel(con, "email")["is_opted_out"]


@pytest.mark.parametrize(
    ("said", "is_out"),
    [
        ([("email", "denied", "2017-01-01"), ("email", "granted", "2017-01-02")], False),
        ([("email", "granted", "2017-01-02"), ("*", "denied", "2017-01-02")], True),
        ([("*", "denied", "2017-01-01"), ("email", "granted", "2017-01-02")], False),
        ([("email", "granted", "2017-01-01")], False),
        ([("sms", "denied", "2017-01-01")], False),
        ([("email", "denied", "2018-01-02")], False),
    ],
)
def test_of_several_statements_the_latest_counts_and_of_one_instant_the_stricter(
    said: list[tuple[str, str, str]], is_out: bool
) -> None:
    con = known(contacts=contacts("email", 1, 0), consents=[consent(ANNA, *one_) for one_ in said])
    assert channel(con, "email")["is_opted_out"] is is_out


def test_the_best_hour_is_the_one_that_is_answered_and_unknown_without_answers() -> None:
    con = known(contacts=[*contacts("email", 5, 0, 8), *contacts("email", 5, 4, 19), *contacts("post", 9, 0)])
    assert channel(con, "email")["best_hour"] == 19
    assert channel(con, "post")["best_hour"] is None
