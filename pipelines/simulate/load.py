"""An exact number of Segment calls, as a load for benchmarks."""

from pathlib import Path

import numpy as np

from pipelines.simulate.calls import ADDED, COMPLETED, IDENTIFY, PAGE, SEARCHED, VIEWED
from pipelines.simulate.catalogue import ACCOUNT, CART, CHECKOUT, PRICE_CENTS, SEARCH, product_page
from pipelines.simulate.columns import Array, Columns
from pipelines.simulate.identities import draw_identities
from pipelines.simulate.orders import Orders, fill_orders
from pipelines.simulate.population import draw_population
from pipelines.simulate.segment import deliver, write_calls
from pipelines.simulate.text import session
from pipelines.simulate.words import draw_words
from pipelines.simulate.world import DAY_MS, World, require_at_least

DAYS = 90
CALLS_A_CUSTOMER = 50
COPY_SHARE = 0.01
KNOWN_SHARE = 0.5
# A fifth of the calls are about products and orders.
MIX = {PAGE: 0.60, SEARCHED: 0.15, IDENTIFY: 0.05, VIEWED: 0.12, ADDED: 0.04, COMPLETED: 0.04}


def web_calls(n: int, seed: int, out: Path, files: int) -> list[Path]:
    """Write exactly `n` single Segment calls to out/web-*.jsonl, as many `files`; one in a hundred is a copy.

    Raises UsageError for fewer than one call or file.
    """
    require_at_least("n", n, 1)
    require_at_least("files", files, 1)
    copies = int(n * COPY_SHARE)
    world = World(customers=max(1, n // CALLS_A_CUSTOMER), days=DAYS, seed=seed)
    rng = world.stream("load")
    population = draw_population(world)
    with session() as con:
        identities = draw_identities(world, con)
        kind = rng.choice(list(MIX), n - copies, p=list(MIX.values()))
        bought = _draw_purchases(rng, world, int((kind == COMPLETED).sum()))
        none = {name: values[:0] for name, values in bought.items()} | {"campaign": np.zeros(0, np.int64)}
        orders = fill_orders(world, population, bought, none)
        calls = _draw_calls(rng, world, kind.astype(np.int8), orders)
        calls["device"] = identities.draw_device(rng, calls["customer"])
        sent = deliver(rng, calls, identities.skew_ms, world.late_share, copies)
        words = draw_words(con, world, population, identities, orders)
        single = np.ones(n, dtype=np.int64)
        return list(write_calls(con, sent, single, words, world.salt, out, files))


def _draw_purchases(rng: np.random.Generator, world: World, count: int) -> Columns:
    return {
        "customer": rng.integers(0, world.customers, count),
        "day": rng.integers(0, world.days, count),
    }


def _draw_calls(rng: np.random.Generator, world: World, kind: Array, orders: Orders) -> Columns:
    """Calls of these kinds at any time; each completed order is one of `orders`."""
    count = len(kind)
    product = rng.integers(0, len(PRICE_CENTS), count)
    customer = rng.integers(0, world.customers, count)
    at = world.start_ms + rng.integers(0, world.days * DAY_MS - 10_000, count)
    order = np.full(count, -1)
    completed = kind == COMPLETED
    customer[completed], at[completed] = orders.customer, orders.at
    order[completed] = np.arange(len(orders.customer))
    is_product = np.isin(kind, (PAGE, VIEWED))
    place = np.select([kind == SEARCHED, kind == IDENTIFY, kind == ADDED], [SEARCH, ACCOUNT, CART], CHECKOUT)
    page = np.where(is_product, product_page(product), place)
    is_known = (rng.random(count) < KNOWN_SHARE) | (kind == IDENTIFY)
    return {
        "customer": customer,
        "kind": kind,
        "at": at,
        "page": page,
        "product": product,
        "order": order,
        "is_known": is_known,
    }
