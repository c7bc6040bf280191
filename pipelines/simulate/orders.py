"""What customers buy: a renewal process with dropout (MBG/NBD), filled with products to a drawn value."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.simulate.catalogue import PRICE_CENTS, product_near
from pipelines.simulate.columns import Array, Columns, coded, pick, restarted_sum, spread, stack
from pipelines.simulate.population import SPEND_P, Population
from pipelines.simulate.world import NEVER, World

POS, WEB = 0, 1
DISCOUNT = 0.1
SHIPPING_CENTS = 490
FREE_SHIPPING_CENTS = 5_000
TAX_SHARE = 0.19


@dataclass(frozen=True)
class Orders:
    """Orders in the order of their ids: one array element per order, and their lines end to end.

    `campaign` is the campaign of the redeemed coupon or -1; money is in cents; `line_order` is the order of
    each line, `line_subtotal` its price times quantity.
    """

    order_id: pa.Array
    customer: Array
    at: Array
    channel: Array
    campaign: Array
    line_order: Array
    line_number: Array
    product: Array
    quantity: Array
    line_subtotal: Array
    line_discount: Array

    @property
    def subtotal(self) -> Array:
        """Price times quantity of each order, cents."""
        return self._sum(self.line_subtotal)

    @property
    def discount(self) -> Array:
        """What the coupon took off each order, cents."""
        return self._sum(self.line_discount)

    @property
    def amount(self) -> Array:
        """What was paid for the goods of each order, cents."""
        return self.subtotal - self.discount

    @property
    def line_counts(self) -> Array:
        """Lines of each order."""
        return np.bincount(self.line_order, minlength=len(self.customer))

    def _sum(self, line_cents: Array) -> Array:
        return np.bincount(self.line_order, line_cents, len(self.customer)).astype(np.int64)


def draw_purchases(world: World, population: Population) -> tuple[Columns, Array]:
    """Purchases (customer, day), and the day on which each customer dropped out (NEVER: still active).

    Time runs in Erlang gaps; after each purchase, the first included, the customer drops out with the same
    probability (MBG/NBD, Batislam et al. 2007). In a conflict most purchases do not take place.
    """
    rng = world.stream("purchases")
    horizon = world.days - population.joined_day
    lifetime = rng.geometric(population.dropout_probability)
    expected = population.purchase_rate * horizon
    reachable = np.ceil(expected + 8 * np.sqrt(expected) + 12).astype(np.int64)
    customer, position = spread(np.minimum(lifetime, reachable))
    shape = population.regularity[customer]
    gap = rng.gamma(shape, 1 / (shape * population.purchase_rate[customer]))
    gap[position == 0] = 0.0
    time = population.joined_day[customer] + restarted_sum(gap, customer)
    day = np.floor(np.minimum(time, world.days)).astype(np.int64)
    dropout_day = _dropout_days(customer, position, day, lifetime, world.days)
    kept = (day < world.days) & (rng.random(len(day)) < population.mood(customer, day))
    return {"customer": customer[kept], "day": day[kept]}, dropout_day


def _dropout_days(customer: Array, position: Array, day: Array, lifetime: Array, days: int) -> Array:
    dropout = np.full(len(lifetime), NEVER)
    ended = (position == lifetime[customer] - 1) & (day < days)
    dropout[customer[ended]] = day[ended]
    return dropout


def fill_orders(world: World, population: Population, purchases: Columns, redemptions: Columns) -> Orders:
    """Orders out of the customers' own purchases and those that an offer brought (with its `campaign`)."""
    rng = world.stream("orders")
    own = purchases | {"campaign": np.full(len(purchases["customer"]), -1)}
    wanted = stack(own, redemptions)
    wanted["at"] = population.draw_time(rng, world, wanted["customer"], wanted["day"])
    wanted = pick(wanted, np.lexsort((wanted["customer"], wanted["at"])))
    customer = wanted["customer"]
    is_web = rng.random(len(customer)) < population.web_share[customer]
    lines = _fill_lines(rng, world, population, wanted)
    cents = PRICE_CENTS[lines["product"]] * lines["quantity"]
    has_coupon = (wanted["campaign"] >= 0)[lines["order"]]
    return Orders(
        order_id=_order_ids(world, len(customer)),
        customer=customer,
        at=wanted["at"],
        channel=np.where(is_web, WEB, POS),
        campaign=wanted["campaign"],
        line_order=lines["order"],
        line_number=lines["line"],
        product=lines["product"],
        quantity=lines["quantity"],
        line_subtotal=cents,
        line_discount=np.where(has_coupon, np.rint(cents * DISCOUNT), 0).astype(np.int64),
    )


def _fill_lines(rng: np.random.Generator, world: World, population: Population, wanted: Columns) -> Columns:
    """Products whose prices add up to about the order's drawn value (Gamma-Gamma), categories by taste."""
    mean = population.mean_order_value[wanted["customer"]]
    value = rng.gamma(SPEND_P, mean / SPEND_P)
    order, line = spread(1 + rng.poisson(1.5, len(value)))
    weight = rng.exponential(1.0, len(order))
    share = weight / np.bincount(order, weight, len(value))[order]
    quantity = 1 + rng.poisson(0.3, len(order))
    progress = wanted["day"][order] / world.days
    category = population.draw_category(rng, wanted["customer"][order], progress)
    product = product_near(category, value[order] * share / quantity)
    return {"order": order, "line": line, "product": product, "quantity": quantity}


def _order_ids(world: World, count: int) -> pa.Array:
    """Consecutive order numbers."""
    numbers = pc.utf8_lpad(pa.array(np.arange(1, count + 1)).cast(pa.string()), 8, "0")
    return pc.binary_join_element_wise(f"O{world.salt}", numbers, "-")


def campaign_ids(world: World, count: int) -> pa.Array:
    """The ids of the first `count` campaigns."""
    return pa.array([f"C{world.salt}-{number:03d}" for number in range(count)], pa.string())


def offer_ids(world: World, count: int) -> pa.Array:
    """The ids of the offers of the first `count` campaigns: ten per cent off."""
    return pa.array([f"ten-off-{world.salt}-{number:03d}" for number in range(count)], pa.string())


def coded_ids(ids: pa.Array, number: Array) -> pa.DictionaryArray:
    """The id of each number; NULL for -1."""
    return coded(ids, np.maximum(number, 0), number >= 0)
