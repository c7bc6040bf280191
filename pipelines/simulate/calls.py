"""Segment calls of web sessions: what a visitor looks at, signs in to, buys."""

import numpy as np

from pipelines.simulate.catalogue import (
    ACCOUNT,
    CART,
    CHECKOUT,
    HOME,
    SEARCH,
    category_of,
    category_page,
    product_page,
)
from pipelines.simulate.columns import Array, Columns, pick, restarted_sum, spread, stack
from pipelines.simulate.identities import Identities
from pipelines.simulate.orders import WEB, Orders
from pipelines.simulate.population import Population
from pipelines.simulate.world import World

# (type, event) of each kind of call, as in Segment's spec and its e-commerce spec, version 2.
KINDS = (
    ("page", None),
    ("identify", None),
    ("alias", None),
    ("track", "Products Searched"),
    ("track", "Product Viewed"),
    ("track", "Product Added"),
    ("track", "Order Completed"),
    ("track", "Coupon Redeemed"),
)
PAGE, IDENTIFY, ALIAS, SEARCHED, VIEWED, ADDED, COMPLETED, REDEEMED = range(len(KINDS))
NONE = -1
ALIAS_SHARE = 0.03
SEARCH_SHARE = 0.3
GUEST_SHARE = 0.1
AFTER_DROPOUT_SHARE = 0.15
SECONDS_BETWEEN = 20.0
# The last seconds of the world stay free, so that a call's corrected time lies in it too.
MARGIN_MS = 2_000


def draw_calls(
    world: World, population: Population, identities: Identities, orders: Orders, dropout_day: Array
) -> Columns:
    """The calls of all sessions in time: customer, device, kind, at (ms), page, product, order, is_known.

    `product` and `order` are -1 where there is none; `is_known` calls carry the user id.
    """
    rng = world.stream("calls")
    sessions = _draw_sessions(rng, world, population, orders, dropout_day)
    sessions["device"] = identities.draw_device(rng, sessions["customer"])
    calls = _session_calls(rng, world, population, sessions, orders)
    customer = sessions["customer"][calls["session"]]
    found = {
        "customer": customer,
        "device": sessions["device"][calls["session"]],
        "kind": calls["kind"],
        "at": _call_times(rng, calls, sessions),
        "page": calls["page"],
        "product": calls["product"],
        "order": np.where(calls["kind"] >= COMPLETED, sessions["order"][calls["session"]], NONE),
        "is_known": sessions["is_known"][calls["session"]] & (calls["position"] > 0),
    }
    return pick(found, (found["at"] >= world.start_ms) & (found["at"] < world.end_ms - MARGIN_MS))


def _draw_sessions(
    rng: np.random.Generator, world: World, population: Population, orders: Orders, dropout_day: Array
) -> Columns:
    """Sessions that end in an order, then lookers (order -1): customer, at, order, is_known."""
    order = np.flatnonzero(orders.channel == WEB)
    looks = _draw_looks(rng, world, population, dropout_day)
    customer = np.concatenate([orders.customer[order], looks["customer"]])
    is_buying = np.arange(len(customer)) < len(order)
    chance = np.where(is_buying, 1 - GUEST_SHARE, population.login_share[customer])
    at = np.concatenate([orders.at[order], looks["at"]])
    return {
        "customer": customer,
        "at": np.minimum(at, world.end_ms - MARGIN_MS - 1),
        "order": np.concatenate([order, np.full(len(looks["at"]), NONE)]),
        "is_known": rng.random(len(customer)) < chance,
    }


def _draw_looks(rng: np.random.Generator, world: World, population: Population, dropout_day: Array) -> Columns:
    """Sessions at the customer's own rate, rarer after the dropout and in a conflict: customer, at.

    Given people sign up on the day of joining, so that each of their identifiers is linked.
    """
    horizon = world.days - population.joined_day
    customer, _ = spread(rng.poisson(population.web_rate * horizon))
    day = np.floor(rng.random(len(customer)) * horizon[customer]).astype(np.int64)
    day = day + population.joined_day[customer]
    share = np.where(day > dropout_day[customer], AFTER_DROPOUT_SHARE, 1.0) * population.mood(customer, day)
    kept = rng.random(len(day)) < share
    signs_up = np.arange(world.customers if world.people is not None else 0)
    customer = np.concatenate([customer[kept], signs_up])
    day = np.concatenate([day[kept], population.joined_day[signs_up]])
    return {"customer": customer, "at": population.draw_time(rng, world, customer, day)}


def _session_calls(
    rng: np.random.Generator, world: World, population: Population, sessions: Columns, orders: Orders
) -> Columns:
    """The calls of each session in their order: session, position, kind, page, product."""
    every = np.arange(len(sessions["at"]))
    known, buying = np.flatnonzero(sessions["is_known"]), np.flatnonzero(sessions["order"] >= 0)
    looked = _looked_at(rng, world, population, sessions)
    bought = _bought(sessions, orders)
    searched = pick(looked, (looked["line"] == 0) & (rng.random(len(looked["line"])) < SEARCH_SHARE))
    added = pick(looked, rng.random(len(looked["line"])) < 0.2)
    redeeming = buying[orders.campaign[sessions["order"][buying]] >= 0]
    blocks = stack(
        _block(PAGE, 0, every, HOME),
        _block(ALIAS, 1, known[rng.random(len(known)) < ALIAS_SHARE], ACCOUNT),
        _block(IDENTIFY, 2, known, ACCOUNT),
        _block(SEARCHED, 3, searched["session"], SEARCH, searched["product"]),
        _block(
            PAGE,
            4,
            looked["session"][looked["line"] == 0],
            category_page(category_of(looked["product"][looked["line"] == 0])),
        ),
        *_product_blocks(looked, added),
        *_product_blocks(bought, bought),
        _block(PAGE, 1_000, buying, CHECKOUT),
        _block(COMPLETED, 1_001, buying, CHECKOUT),
        _block(REDEEMED, 1_002, redeeming, CHECKOUT),
    )
    return pick(blocks, np.lexsort((blocks["position"], blocks["session"])))


def _looked_at(rng: np.random.Generator, world: World, population: Population, sessions: Columns) -> Columns:
    """Products that a session looks at: session, line, product."""
    session, line = spread(rng.poisson(1.6, len(sessions["at"])))
    customer = sessions["customer"][session]
    progress = (sessions["at"][session] - world.start_ms) / (world.end_ms - world.start_ms)
    category = population.draw_category(rng, customer, progress)
    tier = rng.integers(0, 40, len(session))
    return {"session": session, "line": line, "product": category * 40 + tier}


def _bought(sessions: Columns, orders: Orders) -> Columns:
    """Products of the orders that sessions end in: session, line, product."""
    session_of = np.full(len(orders.customer), NONE)
    buying = np.flatnonzero(sessions["order"] >= 0)
    session_of[sessions["order"][buying]] = buying
    session = session_of[orders.line_order]
    is_web = session >= 0
    return {
        "session": session[is_web],
        "line": 100 + orders.line_number[is_web],
        "product": orders.product[is_web],
    }


def _product_blocks(viewed: Columns, added: Columns) -> list[Columns]:
    """A page and a view of each product, then the additions to the cart."""
    page = product_page(viewed["product"])
    return [
        _block(PAGE, 10 + 3 * viewed["line"], viewed["session"], page),
        _block(VIEWED, 11 + 3 * viewed["line"], viewed["session"], page, viewed["product"]),
        _block(ADDED, 12 + 3 * added["line"], added["session"], CART, added["product"]),
    ]


def _block(
    kind: int, position: int | Array, session: Array, page: int | Array, product: Array | None = None
) -> Columns:
    count = len(session)
    return {
        "session": session,
        "position": np.broadcast_to(position, count),
        "kind": np.full(count, kind, dtype=np.int8),
        "page": np.broadcast_to(page, count),
        "product": np.full(count, NONE) if product is None else product,
    }


def _call_times(rng: np.random.Generator, calls: Columns, sessions: Columns) -> Array:
    """Times (ms) seconds apart: at the session's time its order is completed, else its first call made."""
    session = calls["session"]
    gap = 500 + (1000 * rng.exponential(SECONDS_BETWEEN, len(session))).astype(np.int64)
    elapsed = restarted_sum(gap, session)
    anchor = np.zeros(len(sessions["at"]), dtype=np.int64)
    is_anchor = (calls["kind"] == COMPLETED) | ((calls["position"] == 0) & (sessions["order"][session] < 0))
    anchor[session[is_anchor]] = elapsed[is_anchor]
    return sessions["at"][session] - anchor[session] + elapsed
