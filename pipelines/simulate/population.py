"""Who the customers truly are: tastes, rates, channels, hours, loyalty, drift, response to offers."""

from dataclasses import dataclass

import numpy as np

from pipelines.simulate.catalogue import CATEGORIES
from pipelines.simulate.columns import Array
from pipelines.simulate.world import DAY_MS, NEVER, World

CONTACT_CHANNELS = ("email", "sms", "call", "post")
EMAIL, SMS, CALL, POST = range(len(CONTACT_CHANNELS))

# Heterogeneity of purchases (MBG/NBD) and of spend (Gamma-Gamma); rates are per day, money in currency units.
RATE_SHAPE, RATE_SCALE_DAYS = 1.2, 18.0
DROPOUT_A, DROPOUT_B = 1.0, 6.0
SPEND_P, SPEND_Q, SPEND_GAMMA = 3.0, 4.0, 40.0
REGULAR_SHAPE = 4.0
CONFLICT_SHARE = 0.08
CONFLICT_MOOD = 0.3
HOUR_SPREAD = 2.5
RESPONSE_SPREAD = 4.0


@dataclass(frozen=True)
class Population:
    """Each customer's truth, one array element (or row) per customer.

    `joined_day` and `conflict_day` count from the start (NEVER: no conflict); rates are per day;
    probabilities are per contact (`response`, columns as CONTACT_CHANNELS, at an average hour), per purchase
    (`dropout_probability`), per offer (`offer_uplift`: how much likelier an order gets); `regularity` is the
    Erlang shape of the gaps between purchases; `stated_channel` is an index of CONTACT_CHANNELS or -1.
    """

    joined_day: Array
    purchase_rate: Array
    dropout_probability: Array
    is_switcher: Array
    regularity: Array
    share_of_wallet: Array
    mean_order_value: Array
    tastes: Array
    preferred_hour: Array
    response: Array
    stated_channel: Array
    conflict_day: Array
    offer_uplift: Array
    web_share: Array
    web_rate: Array
    login_share: Array
    has_link_scanner: Array
    uses_mail_privacy: Array

    def mood(self, customer: Array, day: Array) -> Array:
        """The factor on every inclination of `customer` on `day`: 1, and less from the conflict on."""
        return np.where(day >= self.conflict_day[customer], CONFLICT_MOOD, 1.0)

    def draw_category(self, rng: np.random.Generator, customer: Array, progress: Array) -> Array:
        """A category by taste; switchers lose their taste as `progress` (0 to 1 over the world) grows."""
        ladder = np.cumsum(self.tastes, axis=1)
        ladder[:, -1] = 1.0
        keys = (np.arange(len(ladder))[:, None] + ladder).ravel()
        found = np.searchsorted(keys, customer + rng.random(len(customer)), side="right")
        by_taste = np.clip(found - customer * len(CATEGORIES), 0, len(CATEGORIES) - 1)
        by_chance = rng.integers(0, len(CATEGORIES), len(customer))
        strays = self.is_switcher[customer] & (rng.random(len(customer)) < 0.7 * progress)
        return np.where(strays, by_chance, by_taste)

    def draw_time(self, rng: np.random.Generator, world: World, customer: Array, day: Array) -> Array:
        """A time on `day` (milliseconds since 1970) near the customer's preferred hour."""
        hour = (self.preferred_hour[customer] + HOUR_SPREAD * rng.standard_normal(len(customer))) % 24
        within = np.minimum(hour * 3_600_000, DAY_MS - 10_000)
        at: Array = world.start_ms + day * DAY_MS + within.astype(np.int64)
        return at

    def hour_factor(self, customer: Array, hour: Array) -> Array:
        """How much better a contact at `hour` works than at an average hour; its mean over the day is 1."""
        distance = np.abs((hour - self.preferred_hour[customer] + 12) % 24 - 12)
        bump: Array = np.exp(-0.5 * (distance / RESPONSE_SPREAD) ** 2)
        mean = RESPONSE_SPREAD * np.sqrt(2 * np.pi) / 24
        return np.asarray(0.4 + 0.6 * bump / mean)


def draw_population(world: World) -> Population:
    """The customers of a world."""
    rng, n = world.stream("population"), world.customers
    is_switcher = rng.random(n) < 0.3
    response = _draw_response(rng, n)
    return Population(
        joined_day=np.floor(0.6 * world.days * rng.random(n) ** 2).astype(np.int64),
        purchase_rate=np.maximum(rng.gamma(RATE_SHAPE, 1 / RATE_SCALE_DAYS, n), 1e-6),
        dropout_probability=np.clip(rng.beta(DROPOUT_A, DROPOUT_B, n), 1e-6, 1),
        is_switcher=is_switcher,
        regularity=np.where(is_switcher, 1.0, REGULAR_SHAPE),
        share_of_wallet=np.where(is_switcher, rng.uniform(0.1, 0.5, n), rng.uniform(0.5, 1.0, n)),
        mean_order_value=SPEND_P * SPEND_GAMMA / np.maximum(rng.gamma(SPEND_Q, 1.0, n), 0.2),
        tastes=_draw_tastes(rng, n),
        preferred_hour=rng.choice([8.0, 12.5, 17.0, 20.5], n) + rng.normal(0, 1, n),
        response=response,
        stated_channel=_draw_stated(rng, response),
        conflict_day=_draw_conflict(rng, world),
        offer_uplift=np.where(rng.random(n) < 0.3, 0.0, rng.beta(2, 12, n)),
        web_share=rng.beta(1.5, 1.5, n) * world.web_orders,
        web_rate=rng.gamma(1.5, 0.05, n),
        login_share=np.ones(n) if world.people is not None else rng.beta(3, 2, n),
        has_link_scanner=rng.random(n) < 0.03,
        uses_mail_privacy=rng.random(n) < 0.4,
    )


def _draw_tastes(rng: np.random.Generator, n: int) -> Array:
    weights = np.maximum(rng.standard_gamma(0.4, (n, len(CATEGORIES))), 1e-12)
    shares: Array = weights / weights.sum(axis=1, keepdims=True)
    return shares


def _draw_response(rng: np.random.Generator, n: int) -> Array:
    response = rng.beta(1.5, 22.0, (n, len(CONTACT_CHANNELS)))
    favourite = rng.choice(len(CONTACT_CHANNELS), n, p=[0.4, 0.25, 0.15, 0.2])
    response[np.arange(n), favourite] += rng.beta(4, 12, n)
    return response


def _draw_stated(rng: np.random.Generator, response: Array) -> Array:
    """A third says which channel it likes; of these four in five mean it."""
    n = len(response)
    means_it = rng.random(n) < 0.8
    stated = np.where(means_it, response.argmax(axis=1), rng.integers(0, len(CONTACT_CHANNELS), n))
    return np.where(rng.random(n) < 0.33, stated, -1)


def _draw_conflict(rng: np.random.Generator, world: World) -> Array:
    day = np.floor(world.days * rng.uniform(0.3, 1.0, world.customers)).astype(np.int64)
    return np.where(rng.random(world.customers) < CONFLICT_SHARE, day, NEVER)
