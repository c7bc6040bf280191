"""The JSON texts that Segment calls refer to: traits and external ids by customer, orders and coupons."""

import json

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.simulate.catalogue import CURRENCY, product_texts
from pipelines.simulate.columns import coded, instants
from pipelines.simulate.identities import Identities
from pipelines.simulate.orders import (
    FREE_SHIPPING_CENTS,
    SHIPPING_CENTS,
    TAX_SHARE,
    Orders,
    campaign_ids,
    coded_ids,
    offer_ids,
)
from pipelines.simulate.population import CONTACT_CHANNELS, Population
from pipelines.simulate.segment import Words
from pipelines.simulate.text import texts
from pipelines.simulate.world import DAY_MS, World
from schemas.table import literal, quoted

_TRAITS = """
concat(
  '{"createdAt":"', strftime(joined_at, '%Y-%m-%dT%H:%M:%SZ'),
  '","email":', to_json(email)::VARCHAR,
  ',"phone":' || to_json(phone)::VARCHAR,
  ',"preferred_channel":"' || stated_channel || '"',
  '}'
)
"""

_LINE = """concat('{', product, ',"quantity":', quantity, ',"position":', position, '}')"""


def _money(cents: str) -> str:
    """SQL for an amount in cents as a JSON number with two decimals."""
    return f"(({cents}) * 0.01)::DECIMAL(18, 2)::VARCHAR"


_ORDER = f"""
concat(
  '{{"order_id":"', order_id, '","affiliation":"web shop","subtotal":', {_money("subtotal")},
  ',"total":', {_money("subtotal - discount + shipping")},
  ',"revenue":', {_money("subtotal - discount")},
  ',"shipping":', {_money("shipping")}, ',"tax":', {_money("tax")},
  ',"discount":', {_money("discount")}, ',"coupon":"' || offer_id || '"',
  ',"currency":"{CURRENCY}","products":[', lines, ']}}'
)
"""

_COUPON = f"""
'{{"coupon_id":"' || offer_id || '","offer_id":"' || offer_id || '","campaign_id":"' || campaign_id
|| '","order_id":"' || order_id || '","discount":' || {_money("discount")}
|| ',"currency":"{CURRENCY}"}}'
"""


def draw_words(
    con: duckdb.DuckDBPyConnection,
    world: World,
    population: Population,
    identities: Identities,
    orders: Orders,
) -> Words:
    """The texts of a world's calls."""
    table = _order_columns(con, world, orders)
    return Words(
        user_id=texts(con, pa.table({"user_id": identities.user_id}), "to_json(user_id)::VARCHAR"),
        traits=texts(con, _trait_columns(world, population, identities), _TRAITS),
        external=_external_texts(con, identities),
        anonymous_id=identities.anonymous_id,
        skew_ms=identities.skew_ms,
        order=texts(con, table, _ORDER),
        coupon=texts(con, table, _COUPON),
    )


def _external_texts(con: duckdb.DuckDBPyConnection, identities: Identities) -> pa.Array:
    """The `externalIds` array of each customer, as Segment's spec has it; NULL where there is none."""
    parts = [_external_id(kind) for kind in identities.external]
    listed = f"concat_ws(',', {', '.join(['NULL', *parts])})"
    table = pa.table({"user_id": identities.user_id} | identities.external)
    return texts(con, table, f"'[' || nullif({listed}, '') || ']'")


def _external_id(kind: str) -> str:
    after = literal(f',"type":{json.dumps(kind)},"collection":"users","encoding":"none"}}')
    return f"""'{{"id":' || to_json({quoted(kind)})::VARCHAR || {after}"""


def _trait_columns(world: World, population: Population, identities: Identities) -> pa.Table:
    stated = population.stated_channel
    return pa.table(
        {
            "joined_at": instants(world.start_ms + population.joined_day * DAY_MS),
            "email": identities.email,
            "phone": identities.phone,
            "stated_channel": coded_ids(pa.array(CONTACT_CHANNELS), stated),
        }
    )


def _order_columns(con: duckdb.DuckDBPyConnection, world: World, orders: Orders) -> pa.Table:
    campaigns = int(orders.campaign.max(initial=0)) + 1
    return pa.table(
        {
            "order_id": orders.order_id,
            "subtotal": orders.subtotal,
            "discount": orders.discount,
            "shipping": np.where(orders.subtotal < FREE_SHIPPING_CENTS, SHIPPING_CENTS, 0),
            "tax": np.rint(orders.amount * TAX_SHARE / (1 + TAX_SHARE)).astype(np.int64),
            "offer_id": coded_ids(offer_ids(world, campaigns), orders.campaign),
            "campaign_id": coded_ids(campaign_ids(world, campaigns), orders.campaign),
            "lines": _joined_lines(con, orders),
        }
    )


def _joined_lines(con: duckdb.DuckDBPyConnection, orders: Orders) -> pa.Array:
    """The `products` of each order, comma between them."""
    columns = {
        "product": coded(product_texts(), orders.product),
        "quantity": orders.quantity,
        "position": orders.line_number + 1,
    }
    lines = texts(con, pa.table(columns), _LINE)
    offsets = np.concatenate([[0], np.cumsum(orders.line_counts)]).astype(np.int32)
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), lines), ",")
