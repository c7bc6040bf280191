"""By which identifiers each customer appears, and on which devices."""

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.simulate.columns import Array
from pipelines.simulate.text import texts
from pipelines.simulate.world import World

# Exchange 555 of North American area codes: numbers that no subscriber has.
AREA_CODES = (
    "[201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, "
    "229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302, "
    "303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323, 325, 330, "
    "334, 336, 337, 339, 347, 351, 352, 360, 361, 386, 401, 402, 404, 405, 406, 407, 408, 409, 410, 412, "
    "413, 414, 415, 417, 419, 423, 424, 425, 430, 432, 434, 435, 440, 443, 469, 478, 479, 480, 484, 501]"
)
OWN_KINDS = ("user_id", "email", "phone")
PHONE_SHARE = 0.8
SHARED_SHARE = 0.05
SKEWED_SHARE = 0.03


@dataclass(frozen=True)
class Identities:
    """Identifiers by customer, and the devices: customer c owns `devices[starts[c]:starts[c + 1]]`.

    `anonymous_id` and `skew_ms` (how far its clock is wrong) are per device; `is_shared` marks the devices of
    two customers. `external` holds further kinds, each one value per customer.
    """

    user_id: pa.Array
    email: pa.Array
    phone: pa.Array
    loyalty_id: pa.Array
    external: dict[str, pa.Array]
    starts: Array
    devices: Array
    anonymous_id: pa.Array
    skew_ms: Array
    is_shared: Array

    def draw_device(self, rng: np.random.Generator, customer: Array) -> Array:
        """One of the customer's devices; the first is used most."""
        count = self.starts[customer + 1] - self.starts[customer]
        chosen = np.floor(rng.random(len(customer)) ** 2 * count).astype(np.int64)
        device: Array = self.devices[self.starts[customer] + chosen]
        return device


def draw_identities(world: World, con: duckdb.DuckDBPyConnection) -> Identities:
    """The identifiers of a world's customers; given ones stand before drawn ones."""
    rng, given = world.stream("identities"), _given(world)
    owner, device, device_count = _draw_devices(rng, world.customers)
    has_phone = rng.random(world.customers) < PHONE_SHARE
    loyalty_id = _numbered(con, world.customers, f"'L{world.salt}' || lpad(number::VARCHAR, 7, '0')")
    external = {kind: values for kind, values in given.items() if kind not in OWN_KINDS}
    return Identities(
        user_id=_first(given.get("user_id"), _draw_user_id(con, world)),
        email=_first(given.get("email"), _draw_email(con, world)),
        phone=_first(given.get("phone"), pc.if_else(has_phone, _draw_phone(con, world), None)),
        loyalty_id=loyalty_id,
        external=external | ({"loyalty_id": loyalty_id} if "pos" in world.channels else {}),
        starts=np.searchsorted(owner, np.arange(world.customers + 1)),
        devices=device,
        anonymous_id=_numbered(con, device_count, f"md5('{world.salt}:device:' || number)::UUID::VARCHAR"),
        skew_ms=_draw_skew(rng, device_count),
        is_shared=np.bincount(device, minlength=device_count) > 1,
    )


def _given(world: World) -> dict[str, pa.Array]:
    if world.people is None:
        return {}
    return {name: world.people[name].cast(pa.string()).combine_chunks() for name in world.people.column_names}


def _first(given: pa.Array | None, drawn: pa.Array) -> pa.Array:
    return drawn if given is None else pc.coalesce(given, drawn)


def _numbered(con: duckdb.DuckDBPyConnection, count: int, expression: str) -> pa.Array:
    """The VARCHAR `expression` over `number`, 0 to `count` - 1."""
    return texts(con, pa.table({"number": np.arange(count)}), expression)


def _draw_user_id(con: duckdb.DuckDBPyConnection, world: World) -> pa.Array:
    return _numbered(con, world.customers, f"'u{world.salt}' || lpad(number::VARCHAR, 7, '0')")


def _draw_email(con: duckdb.DuckDBPyConnection, world: World) -> pa.Array:
    domain = "list_extract(['example.com', 'example.org', 'example.net'], (number % 3)::INTEGER + 1)"
    return _numbered(con, world.customers, f"'c{world.salt}.' || number || '@' || {domain}")


def _draw_phone(con: duckdb.DuckDBPyConnection, world: World) -> pa.Array:
    """One phone number each; NULL beyond the numbers that there are."""
    area = f"list_extract({AREA_CODES}, (number // 10000)::INTEGER + 1)"
    return _numbered(con, world.customers, f"'+1' || {area} || '555' || lpad((number % 10000)::VARCHAR, 4, '0')")


def _draw_devices(rng: np.random.Generator, customers: int) -> tuple[Array, Array, int]:
    """Pairs (customer, device) by customer, and the number of devices: 1 to 4 own, some a neighbour's."""
    count = 1 + rng.binomial(3, 0.25, customers)
    owner = np.repeat(np.arange(customers), count)
    device = np.arange(len(owner))
    guest = 1 + np.flatnonzero((rng.random(customers - 1) < SHARED_SHARE) & (count[1:] < 4))
    lent = (np.cumsum(count) - count)[guest - 1]
    pairs = np.concatenate([owner, guest]), np.concatenate([device, lent])
    order = np.lexsort((pairs[1], pairs[0]))
    return pairs[0][order], pairs[1][order], len(owner)


def _draw_skew(rng: np.random.Generator, devices: int) -> Array:
    """Most clocks are right; a few are wrong by ten minutes to two days, either way."""
    wrong = rng.integers(600_000, 2 * 86_400_000, devices) * rng.choice([-1, 1], devices)
    return np.where(rng.random(devices) < SKEWED_SHARE, wrong, 0)
