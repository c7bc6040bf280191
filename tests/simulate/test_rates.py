"""What happens in a large world, against its truth; bounds are wide, seeds fixed."""

import numpy as np
import pytest

from pipelines.simulate.columns import Array, Columns
from pipelines.simulate.contacts import LETTER_OUT, LETTER_REPLY, SMS_OUT, SMS_REPLY, draw_log
from pipelines.simulate.identities import draw_identities
from pipelines.simulate.mails import draw_mails, draw_redemptions
from pipelines.simulate.orders import Orders, draw_purchases, fill_orders
from pipelines.simulate.population import EMAIL, POST, SMS, Population, draw_population
from pipelines.simulate.text import session
from pipelines.simulate.world import NEVER, World

WORLD = World(customers=6_000, days=365, seed=11)


@pytest.fixture(scope="module")
def population() -> Population:
    return draw_population(WORLD)


@pytest.fixture(scope="module")
def purchases(population: Population) -> tuple[Columns, Array]:
    return draw_purchases(WORLD, population)


@pytest.fixture(scope="module")
def mails(population: Population) -> Columns:
    return draw_mails(WORLD, population)[0]


@pytest.fixture(scope="module")
def redemptions(population: Population, purchases: tuple[Columns, Array], mails: Columns) -> Columns:
    return draw_redemptions(WORLD, population, mails, purchases[1])


@pytest.fixture(scope="module")
def orders(population: Population, purchases: tuple[Columns, Array], redemptions: Columns) -> Orders:
    return fill_orders(WORLD, population, purchases[0], redemptions)


def test_customers_drop_out_after_a_purchase_with_their_probability(
    population: Population, purchases: tuple[Columns, Array]
) -> None:
    bought, dropout_day = purchases
    count = np.bincount(bought["customer"], minlength=WORLD.customers)
    peaceful = population.conflict_day == NEVER
    dropped = (dropout_day[peaceful] < NEVER).sum()
    expected = (count * population.dropout_probability)[peaceful].sum()
    assert dropped == pytest.approx(expected, rel=0.1)


def test_customers_buy_at_their_rate_while_they_are_active(
    population: Population, purchases: tuple[Columns, Array]
) -> None:
    bought, dropout_day = purchases
    chosen = (population.conflict_day == NEVER) & (dropout_day == NEVER) & population.is_switcher
    active_days = WORLD.days - population.joined_day
    repeats = np.bincount(bought["customer"], minlength=WORLD.customers) - 1
    expected = (population.purchase_rate * active_days)[chosen].sum()
    # Whoever has not dropped out has bought a little less than the rate says.
    assert 0.6 * expected < repeats[chosen].sum() < 1.05 * expected


def test_regular_customers_buy_at_steadier_intervals_than_switchers(
    population: Population, purchases: tuple[Columns, Array]
) -> None:
    bought, _ = purchases
    same = np.diff(bought["customer"]) == 0
    customer, gap = bought["customer"][1:][same], np.diff(bought["day"])[same]
    scaled = gap * population.purchase_rate[customer]
    slow = population.purchase_rate[customer] < 0.1
    switcher = population.is_switcher[customer]
    assert scaled[slow & ~switcher].var() < 0.6 * scaled[slow & switcher].var()


def test_orders_are_worth_what_their_customers_spend(population: Population, orders: Orders) -> None:
    expected = population.mean_order_value[orders.customer].mean()
    assert orders.subtotal.mean() / 100 == pytest.approx(expected, rel=0.05)
    assert np.corrcoef(orders.subtotal, population.mean_order_value[orders.customer])[0, 1] > 0.3


def test_orders_follow_taste_where_customers_are_loyal(population: Population, orders: Orders) -> None:
    customer = orders.customer[orders.line_order]
    liked = population.tastes[customer, orders.product // 40]
    loyal = ~population.is_switcher[customer]
    assert liked[loyal].mean() > liked[~loyal].mean() > 1 / 12


def test_mails_are_clicked_at_the_true_response_rate(population: Population, mails: Columns) -> None:
    chosen = mails["is_delivered"] & (population.mood(mails["customer"], mails["day"]) == 1)
    expected = population.response[mails["customer"][chosen], EMAIL].mean()
    assert mails["is_clicked"][chosen].mean() == pytest.approx(expected, rel=0.05)
    assert not (mails["is_clicked"] & ~mails["is_opened"]).any()


def test_mails_work_best_near_the_preferred_hour(population: Population, mails: Columns) -> None:
    hour = mails["at"] % 86_400_000 / 3_600_000
    distance = np.abs((hour - population.preferred_hour[mails["customer"]] + 12) % 24 - 12)
    assert mails["is_clicked"][distance < 2].mean() > 2 * mails["is_clicked"][distance > 9].mean()


def test_whoever_is_in_conflict_stops_the_mails_far_more_often(population: Population, mails: Columns) -> None:
    in_conflict = population.mood(mails["customer"], mails["day"]) < 1
    stopped = mails["is_unsubscribed"] | mails["is_complaint"]
    assert stopped[in_conflict].mean() > 10 * stopped[~in_conflict].mean() > 0


def test_offers_bring_orders_by_the_true_uplift(
    population: Population, purchases: tuple[Columns, Array], mails: Columns, redemptions: Columns
) -> None:
    chance = population.offer_uplift[mails["customer"]] * population.mood(mails["customer"], mails["day"])
    reached = mails["is_offer"] & mails["is_delivered"] & (mails["day"] < purchases[1][mails["customer"]])
    reached &= mails["day"] < WORLD.days - 4
    assert (redemptions["day"] < WORLD.days - 1).sum() == pytest.approx(chance[reached].sum(), rel=0.1)
    assert (population.offer_uplift[redemptions["customer"]] > 0).all()


@pytest.mark.parametrize(("channel", "out", "answer"), [(SMS, SMS_OUT, SMS_REPLY), (POST, LETTER_OUT, LETTER_REPLY)])
def test_contacts_are_answered_at_the_true_response_rate(
    channel: int, out: int, answer: int, population: Population
) -> None:
    log = draw_log(WORLD, population)
    calm = population.conflict_day[log["customer"]] == NEVER
    sent, answered = (log["activity"] == out) & calm, (log["activity"] == answer) & calm
    expected = population.response[log["customer"][sent], channel].mean()
    # Some messages fail, some letters are answered after the end.
    assert answered.sum() / sent.sum() == pytest.approx(expected * 0.97, rel=0.1)


def test_most_stated_preferences_are_the_true_ones(population: Population) -> None:
    stated = population.stated_channel >= 0
    agree = population.stated_channel[stated] == population.response.argmax(axis=1)[stated]
    assert 0.28 < stated.mean() < 0.38
    assert 0.8 < agree.mean() < 0.9


def test_one_in_twenty_customers_uses_a_neighbours_device() -> None:
    with session() as con:
        identities = draw_identities(WORLD, con)
    assert 0.03 < identities.is_shared.sum() / WORLD.customers < 0.06
    counts = np.diff(identities.starts)
    assert counts.min() == 1
    assert counts.max() == 4
    assert 1.6 < counts.mean() < 2.0
