"""The truth behind a simulation: one row per customer."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.simulate.catalogue import CATEGORIES
from pipelines.simulate.columns import Array
from pipelines.simulate.identities import Identities
from pipelines.simulate.orders import POS, WEB, Orders
from pipelines.simulate.population import CONTACT_CHANNELS, Population
from pipelines.simulate.world import World

ROWS_A_GROUP = 100_000


def write_truth(
    world: World,
    population: Population,
    identities: Identities,
    orders: Orders,
    turns: dict[str, Array],
    counts: dict[str, Array],
    path: Path,
) -> None:
    """Write truth.parquet: identifiers, what each customer is like, its turns, what was written of it.

    `turns` are times (ms) by column name, NULL from the end of the world on; `counts` are records, copies
    left out.
    """
    columns = (
        _identifier_columns(identities)
        | _behaviour_columns(population)
        | {name: _instants_within(world, at) for name, at in turns.items()}
        | _order_columns(world, orders)
        | {name: pa.array(count) for name, count in counts.items()}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    pq.write_table(pa.table(columns), part, row_group_size=ROWS_A_GROUP)
    part.replace(path)


def _identifier_columns(identities: Identities) -> dict[str, pa.Array]:
    return (
        {"user_id": identities.user_id, "email": identities.email, "phone": identities.phone}
        | {"loyalty_id": identities.loyalty_id}
        | identities.external
        | {
            "anonymous_ids": _device_lists(identities, np.ones(len(identities.devices), dtype=bool)),
            "shared_anonymous_ids": _device_lists(identities, identities.is_shared[identities.devices]),
        }
    )


def _device_lists(identities: Identities, chosen: Array) -> pa.ListArray:
    """The anonymous ids of each customer's chosen devices."""
    offsets = np.concatenate([[0], np.cumsum(chosen)])[identities.starts].astype(np.int32)
    values = identities.anonymous_id.take(pa.array(identities.devices[chosen]))
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _behaviour_columns(population: Population) -> dict[str, pa.Array]:
    names = pa.array(CONTACT_CHANNELS)
    stated = population.stated_channel
    return {
        "preferred_channel": names.take(pa.array(population.response.argmax(axis=1))),
        "stated_channel": names.take(pa.array(stated, mask=stated < 0)),
        **{f"response_{name}": pa.array(population.response[:, i]) for i, name in enumerate(CONTACT_CHANNELS)},
        "preferred_hour": pa.array(population.preferred_hour % 24),
        "purchase_rate": pa.array(population.purchase_rate),
        "dropout_probability": pa.array(population.dropout_probability),
        "regularity": pa.array(population.regularity),
        "mean_order_value": pa.array(population.mean_order_value),
        "loyalty": pa.array(["regular", "switcher"]).take(pa.array(population.is_switcher.astype(np.int8))),
        "share_of_wallet": pa.array(population.share_of_wallet),
        "tastes": _tastes(population),
        "offer_uplift": pa.array(population.offer_uplift),
        "web_share": pa.array(population.web_share),
        "web_rate": pa.array(population.web_rate),
        "login_share": pa.array(population.login_share),
        "has_link_scanner": pa.array(population.has_link_scanner),
        "uses_mail_privacy": pa.array(population.uses_mail_privacy),
    }


def _tastes(population: Population) -> pa.StructArray:
    """The share of each category, one field per category."""
    shares = [pa.array(population.tastes[:, i]) for i in range(len(CATEGORIES))]
    return pa.StructArray.from_arrays(shares, names=list(CATEGORIES))


def _order_columns(world: World, orders: Orders) -> dict[str, pa.Array]:
    """Orders per customer, and what was paid for them, on the channels that were written."""
    columns, cents = {}, np.zeros(world.customers)
    for name, channel in (("web", WEB), ("pos", POS)):
        mine = (orders.channel == channel) & (name in world.channels)
        columns[f"{name}_order_count"] = pa.array(np.bincount(orders.customer[mine], minlength=world.customers))
        cents += np.bincount(orders.customer[mine], orders.amount[mine], world.customers)
    whole = pa.array(cents.astype(np.int64)).cast(pa.decimal128(20, 0))
    columns["order_amount"] = pc.multiply(whole, pa.scalar(Decimal("0.01"))).cast(pa.decimal128(18, 2))
    return columns


def _instants_within(world: World, at: Array) -> pa.Array:
    return pa.array(at, mask=at >= world.end_ms).cast(pa.timestamp("ms", tz="UTC"))
