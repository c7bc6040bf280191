"""Campaign mails: who gets them, with or without an offer (at random), and what follows."""

import numpy as np

from pipelines.simulate.columns import Array, Columns, pick, stack
from pipelines.simulate.population import EMAIL, Population
from pipelines.simulate.world import DAY_MS, World

DAYS_BETWEEN = 4
SEND_SHARE_256 = 128
OFFER_SHARE = 0.5
BOUNCE_SHARE = 0.015
DEFER_SHARE = 0.02
UNSUBSCRIBE_SHARE, UNSUBSCRIBE_SHARE_IN_CONFLICT = 0.0015, 0.12
COMPLAINT_SHARE, COMPLAINT_SHARE_IN_CONFLICT = 0.0001, 0.04
DROP_SHARE = 0.1
HOUR_MS = 3_600_000

EVENTS = (
    "processed",
    "dropped",
    "deferred",
    "bounce",
    "delivered",
    "open",
    "click",
    "unsubscribe",
    "spamreport",
)
PROCESSED, DROPPED, DEFERRED, BOUNCE, DELIVERED, OPEN, CLICK, UNSUBSCRIBE, SPAMREPORT = range(len(EVENTS))


def campaign_count(world: World) -> int:
    """Campaigns of a world: one every few days."""
    return -(-world.days // DAYS_BETWEEN)


def draw_mails(world: World, population: Population) -> tuple[Columns, Array]:
    """Mails in the order of sending, with what the customer does, and when each customer stopped them.

    One element per mail: customer, campaign, day, at (ms), is_offer, is_dropped, is_bounced, is_deferred,
    is_delivered, is_opened, is_clicked, is_unsubscribed, is_complaint. The stop (ms) is the greatest integer
    for customers who never did. Whether a mail carries an offer, and its hour, are random: effects can be
    estimated.
    """
    rng = world.stream("mails")
    mails = _draw_sending(rng, world, population)
    mails |= _draw_answers(rng, population, mails)
    stop = _stops(world, mails)
    stopped_at = stop[mails["customer"]]
    is_after = mails["at"] > stopped_at
    for answer in ("is_unsubscribed", "is_complaint"):
        mails[answer] &= mails["at"] + HOUR_MS == stopped_at
    for sign in ("is_bounced", "is_deferred", "is_delivered", "is_opened", "is_clicked"):
        mails[sign] &= ~is_after
    mails["is_dropped"] = is_after
    kept = ~is_after | (rng.random(len(is_after)) < DROP_SHARE)
    return pick(mails, kept), stop


def _draw_sending(rng: np.random.Generator, world: World, population: Population) -> Columns:
    """A random half of the customers who have joined gets each campaign, at any hour."""
    shape = (campaign_count(world), world.customers)
    campaign, customer = np.divmod(
        np.flatnonzero(rng.integers(0, 256, shape, dtype=np.uint8) < SEND_SHARE_256), world.customers
    )
    joined = population.joined_day[customer] <= campaign * DAYS_BETWEEN
    campaign, customer = campaign[joined], customer[joined]
    day = campaign * DAYS_BETWEEN
    at = world.start_ms + day * DAY_MS + rng.integers(0, DAY_MS // 1000, len(day)) * 1000
    order = np.lexsort((customer, at))
    is_offer = (campaign % 2 == 0) & (rng.random(len(day)) < OFFER_SHARE)
    sending = {"customer": customer, "campaign": campaign, "day": day, "at": at, "is_offer": is_offer}
    return pick(sending, order)


def _draw_answers(rng: np.random.Generator, population: Population, mails: Columns) -> Columns:
    """A click comes at the customer's response rate times hour and mood, and only with an opening."""
    customer, day, count = mails["customer"], mails["day"], len(mails["day"])
    hour = (mails["at"] % DAY_MS) / HOUR_MS
    mood = population.mood(customer, day)
    p_click = np.clip(population.response[customer, EMAIL] * population.hour_factor(customer, hour) * mood, 0, 0.95)
    p_open = np.clip(0.1 * mood + 2.5 * p_click, p_click, 0.97)
    answer, trouble = rng.random(count), rng.random(count)
    is_bounced = trouble < BOUNCE_SHARE
    in_conflict = mood < 1
    unsubscribe = np.where(in_conflict, UNSUBSCRIBE_SHARE_IN_CONFLICT, UNSUBSCRIBE_SHARE)
    complain = np.where(in_conflict, COMPLAINT_SHARE_IN_CONFLICT, COMPLAINT_SHARE)
    return {
        "is_bounced": is_bounced,
        "is_deferred": (trouble >= BOUNCE_SHARE) & (trouble < BOUNCE_SHARE + DEFER_SHARE),
        "is_delivered": ~is_bounced,
        "is_opened": ~is_bounced & (answer < p_open),
        "is_clicked": ~is_bounced & (answer < p_click),
        "is_unsubscribed": ~is_bounced & (rng.random(count) < unsubscribe),
        "is_complaint": ~is_bounced & (rng.random(count) < complain),
    }


def _stops(world: World, mails: Columns) -> Array:
    """When each customer first unsubscribed or complained (ms): an hour after that mail, within the world."""
    stop = np.full(world.customers, np.iinfo(np.int64).max)
    ends = (mails["is_unsubscribed"] | mails["is_complaint"]) & (mails["at"] + HOUR_MS < world.end_ms)
    np.minimum.at(stop, mails["customer"][ends], mails["at"][ends] + HOUR_MS)
    return stop


def draw_redemptions(world: World, population: Population, mails: Columns, dropout_day: Array) -> Columns:
    """Orders that an offer brought: customer, day (one to three after the mail), campaign.

    A delivered offer brings one with the customer's uplift times mood, while the customer is active.
    """
    rng = world.stream("redemptions")
    customer = mails["customer"]
    chance = population.offer_uplift[customer] * population.mood(customer, mails["day"])
    day = mails["day"] + rng.integers(1, 4, len(customer))
    comes = (rng.random(len(customer)) < chance) & mails["is_offer"] & mails["is_delivered"]
    comes &= (mails["day"] < dropout_day[customer]) & (day < world.days)
    return {"customer": customer[comes], "day": day[comes], "campaign": mails["campaign"][comes]}


def mail_events(world: World, population: Population, mails: Columns) -> Columns:
    """Webhook events: mail (its number), event (index of EVENTS), at (ms, whole seconds), is_machine.

    Privacy proxies open at once; link scanners open and click seconds after delivery.
    """
    rng = world.stream("mail events")
    count, sent = len(mails["at"]), mails["at"]
    deferral = np.where(mails["is_deferred"], rng.integers(300, 3600, count), 0)
    delivered = sent + 1000 * (deferral + rng.integers(1, 30, count))
    opened = delivered + 1000 * (60 + rng.exponential(3 * 3600, count).astype(np.int64))
    clicked = opened + 1000 * rng.integers(5, 120, count)
    scan = mails["is_delivered"] & population.has_link_scanner[mails["customer"]]
    proxy = mails["is_delivered"] & population.uses_mail_privacy[mails["customer"]]
    events = stack(
        _block(PROCESSED, ~mails["is_dropped"], sent),
        _block(DROPPED, mails["is_dropped"], sent),
        _block(DEFERRED, mails["is_deferred"], sent + 2000),
        _block(BOUNCE, mails["is_bounced"], delivered),
        _block(DELIVERED, mails["is_delivered"], delivered),
        _block(OPEN, proxy, delivered + 1000 * rng.integers(5, 300, count), is_machine=True),
        _block(OPEN, scan, delivered + 1000 * rng.integers(1, 3, count)),
        _block(CLICK, scan, delivered + 1000 * rng.integers(3, 6, count)),
        _block(OPEN, mails["is_opened"], opened),
        _block(CLICK, mails["is_clicked"], clicked),
        _block(UNSUBSCRIBE, mails["is_unsubscribed"], sent + HOUR_MS),
        _block(SPAMREPORT, mails["is_complaint"], sent + HOUR_MS),
    )
    return pick(events, events["at"] < world.end_ms)


def _block(event: int, happens: Array, at: Array, *, is_machine: bool = False) -> Columns:
    mail = np.flatnonzero(happens)
    return {
        "mail": mail,
        "event": np.full(len(mail), event, dtype=np.int8),
        "at": at[mail],
        "is_machine": np.full(len(mail), is_machine),
    }
