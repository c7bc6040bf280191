"""The contact log of sales and service: messages, calls, letters, complaints, stated preferences."""

import numpy as np

from pipelines.simulate.columns import Array, Columns, pick, stack
from pipelines.simulate.population import CALL, POST, SMS, Population
from pipelines.simulate.world import DAY_MS, World

# What an entry of the log records; the mapping translates these words into event names.
ACTIVITIES = (
    "sms out",
    "sms delivered",
    "sms failed",
    "sms reply",
    "call out",
    "call answered",
    "letter out",
    "letter delivered",
    "letter reply",
    "complaint",
    "profile",
)
(
    SMS_OUT,
    SMS_DELIVERED,
    SMS_FAILED,
    SMS_REPLY,
    CALL_OUT,
    CALL_ANSWERED,
    LETTER_OUT,
    LETTER_DELIVERED,
    LETTER_REPLY,
    COMPLAINT,
    PROFILE,
) = range(len(ACTIVITIES))
INBOUND = (SMS_REPLY, LETTER_REPLY, COMPLAINT, PROFILE)
CHANNEL_OF = (SMS, SMS, SMS, SMS, CALL, CALL, POST, POST, POST, CALL, CALL)

# channel -> days between two contacts on average
DAYS_BETWEEN = {SMS: 30.0, CALL: 90.0, POST: 60.0}
SMS_FAILURE_SHARE = 0.03
COMPLAINTS_PER_DAY = 0.05
COMPLAINTS_PER_DAY_IN_PEACE = 0.0005
NO_CONTACT = -1


def draw_log(world: World, population: Population) -> Columns:
    """Entries in time: customer, activity (index of ACTIVITIES), contact (number, or -1), at (ms)."""
    rng = world.stream("contacts")
    contacts = _draw_contacts(rng, world, population)
    entries = stack(
        *_sms_entries(rng, contacts),
        *_call_entries(contacts),
        *_letter_entries(rng, contacts),
        _draw_complaints(rng, world, population),
        _profiles(rng, world, population),
    )
    kept = pick(entries, (entries["at"] >= world.start_ms) & (entries["at"] < world.end_ms))
    return pick(kept, np.lexsort((kept["activity"], kept["customer"], kept["at"])))


def _draw_contacts(rng: np.random.Generator, world: World, population: Population) -> Columns:
    """Contacts by the company: customer, channel, at, answers (by the channel's response rate), contact."""
    horizon = world.days - population.joined_day
    blocks = []
    for channel, days_between in DAYS_BETWEEN.items():
        customer = np.repeat(np.arange(world.customers), rng.poisson(horizon / days_between))
        day = population.joined_day[customer]
        day = day + np.floor(rng.random(len(customer)) * horizon[customer]).astype(np.int64)
        blocks.append({"customer": customer, "day": day, "channel": np.full(len(day), channel)})
    contacts = stack(*blocks)
    customer, day = contacts["customer"], contacts["day"]
    hour = rng.integers(8 * 60, 20 * 60, len(day))
    chance = population.response[customer, contacts["channel"]] * population.mood(customer, day)
    contacts["at"] = world.start_ms + day * DAY_MS + hour * 60_000
    contacts["answers"] = rng.random(len(day)) < chance
    contacts["contact"] = np.arange(len(day))
    return contacts


def _sms_entries(rng: np.random.Generator, contacts: Columns) -> list[Columns]:
    sms = pick(contacts, contacts["channel"] == SMS)
    fails = rng.random(len(sms["at"])) < SMS_FAILURE_SHARE
    lag = rng.integers(60, 7200, len(fails)) * 1000
    return [
        _entries(SMS_OUT, sms, sms["at"]),
        _entries(SMS_DELIVERED, sms, sms["at"] + 4_000, ~fails),
        _entries(SMS_FAILED, sms, sms["at"] + 9_000, fails),
        _entries(SMS_REPLY, sms, sms["at"] + lag, ~fails & sms["answers"]),
    ]


def _call_entries(contacts: Columns) -> list[Columns]:
    calls = pick(contacts, contacts["channel"] == CALL)
    return [
        _entries(CALL_OUT, calls, calls["at"]),
        _entries(CALL_ANSWERED, calls, calls["at"] + 15_000, calls["answers"]),
    ]


def _letter_entries(rng: np.random.Generator, contacts: Columns) -> list[Columns]:
    letters = pick(contacts, contacts["channel"] == POST)
    delivered = letters["at"] + DAY_MS * rng.integers(1, 4, len(letters["at"]))
    replied = delivered + DAY_MS * rng.integers(1, 8, len(delivered))
    return [
        _entries(LETTER_OUT, letters, letters["at"]),
        _entries(LETTER_DELIVERED, letters, delivered),
        _entries(LETTER_REPLY, letters, replied, letters["answers"]),
    ]


def _entries(activity: int, contacts: Columns, at: Array, happens: Array | None = None) -> Columns:
    entries = {
        "customer": contacts["customer"],
        "activity": np.full(len(at), activity, dtype=np.int8),
        "contact": contacts["contact"],
        "at": at,
    }
    return entries if happens is None else pick(entries, happens)


def _draw_complaints(rng: np.random.Generator, world: World, population: Population) -> Columns:
    """Complaints: rare in peace, about one in twenty days from the conflict on."""
    from_day = np.clip(population.conflict_day, population.joined_day, world.days)
    quiet = (from_day - population.joined_day) * COMPLAINTS_PER_DAY_IN_PEACE
    loud = (world.days - from_day) * COMPLAINTS_PER_DAY
    before = np.repeat(np.arange(world.customers), rng.poisson(quiet))
    after = np.repeat(np.arange(world.customers), rng.poisson(loud))
    early = population.joined_day[before] + rng.random(len(before)) * (from_day - population.joined_day)[before]
    late = from_day[after] + rng.random(len(after)) * (world.days - from_day)[after]
    customer = np.concatenate([before, after])
    day = np.floor(np.concatenate([early, late])).astype(np.int64)
    return _alone(COMPLAINT, customer, population.draw_time(rng, world, customer, day))


def _profiles(rng: np.random.Generator, world: World, population: Population) -> Columns:
    """One entry per customer on the day of joining: identifiers and the stated preference."""
    customer = np.arange(world.customers)
    at = world.start_ms + population.joined_day * DAY_MS + rng.integers(0, 60, world.customers) * 60_000
    return _alone(PROFILE, customer, at)


def _alone(activity: int, customer: Array, at: Array) -> Columns:
    return _entries(activity, {"customer": customer, "contact": np.full(len(at), NO_CONTACT)}, at)
