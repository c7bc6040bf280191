"""`rapport backfill`: a window again, compared and mended."""

from collections.abc import Iterator

import pytest

from flows.backfill import BackfillReport, backfill_home
from tests.flows.cli import rapport
from tests.keep.till import row, till
from tests.laws.states import contents, differences, held, snapshot
from tests.laws.worlds import AS_OF, new_home, run, run_load, spoil
from warehouse.errors import UsageError
from warehouse.home import Home

DAYS = [f"2025-03-0{day}T10:00:00Z" for day in range(1, 10)]
ROLLUPS = (
    "daily_activity",
    "daily_categories",
    "orders",
    "contacts",
    "consents",
    "group_statements",
    "statements",
    "outcomes",
)


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home that is as it should be; each test leaves it so."""
    sales = (row(f"e{n}", at=at, amount=5, order=f"o{n % 4}", user=f"u{n % 3}") for n, at in enumerate(DAYS))
    mails = [
        row(f"m{n}", user="", email="a@shop.example", event=event, at=DAYS[n], channel="email", contact="k")
        for n, event in enumerate(["email_delivered", "email_clicked", "email_unsubscribed"])
    ]
    taken = row("t", event="coupon_redeemed", at=DAYS[3], offer="x")
    with new_home() as made:
        run_load(made, till(*sales, *mails, taken))
        yield made


def backfill(home: Home, first: str = "2025-03-01", last: str = "2025-03-09") -> BackfillReport:
    return backfill_home(home, first, last, AS_OF, lambda _: None)


def test_a_healthy_window_has_no_difference_and_nothing_is_written(home: Home) -> None:
    before, published = contents(home), snapshot(home)
    report = backfill(home)
    assert report.differences == dict.fromkeys(sorted((*ROLLUPS, "machine_engagements")), 0)
    assert (report.commit_seq, report.remade) == (None, {})
    assert (contents(home), snapshot(home)) == (before, published)


DAMAGE = {
    "daily_activity": "UPDATE daily_activity SET interaction_count = 7 WHERE day = '2025-03-02'",
    "orders": "DELETE FROM orders WHERE order_id = 'o1'",
    "contacts": "UPDATE contacts SET responded_at = NULL",
    "consents": "DELETE FROM consents",
    "daily_categories": "INSERT INTO daily_categories SELECT 'a' AS anchor, DATE '2025-03-02' AS day, 'c' AS category, "
    "'page' AS event_name, 1 AS interaction_count, NULL AS amount, 0 AS unconverted_count, NULL AS quantity, 1",
    "outcomes": "INSERT INTO outcomes SELECT * REPLACE ('i' AS outcome_id) FROM outcomes",
}


def test_what_is_wrong_is_found_and_mended_and_profiles_follow(home: Home) -> None:
    with held(home) as whole:
        spoil(home, *DAMAGE.values(), "UPDATE profiles SET order_count = 99")
        report = backfill(home)
        assert {name for name, count in report.differences.items() if count} == set(DAMAGE)
        assert report.commit_seq is not None
        assert report.profiles_changed > 0
        with held(home) as mended:
            assert differences(whole, mended) == {}
    assert run(home).is_idle


def test_a_row_under_another_key_is_both_missing_and_too_much(home: Home) -> None:
    spoil(home, "UPDATE orders SET order_id = 'other' WHERE order_id = 'o2'")
    assert backfill(home).differences["orders"] == 2


def test_only_the_window_is_looked_at(home: Home) -> None:
    spoil(home, "UPDATE daily_activity SET interaction_count = 7 WHERE day = '2025-03-08'")
    assert backfill(home, last="2025-03-07").commit_seq is None
    assert backfill(home, "2025-03-08", "2025-03-08").differences["daily_activity"] > 0


@pytest.mark.parametrize(("first", "last"), [("yesterday", "2025-03-01"), ("2025-03-02", "2025-03-01")])
def test_a_window_that_is_none_is_refused(home: Home, first: str, last: str) -> None:
    with pytest.raises(UsageError):
        backfill(home, first, last)


def test_the_command_tells_what_it_found(home: Home) -> None:
    asked = ["--home", str(home.root), "backfill", "--from", "2025-03-01", "--to", "2025-03-09", "--as-of", AS_OF]
    assert "nothing was written" in rapport(*asked).out
    found = rapport(*asked, "--json").object
    assert (found["is_equal"], found["first"], found["commit_seq"]) == (True, "2025-03-01", None)
    spoil(home, "DELETE FROM daily_activity WHERE day = '2025-03-02'")
    told = rapport(*asked)
    assert told.code == 0
    assert "daily_activity" in told.out
    assert "made anew" in told.out
