"""Files of the tills and of the contact log: CSV, and the mapping that reads each."""

import json
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.simulate.catalogue import CATEGORY, PRODUCT_ID, category_of
from pipelines.simulate.columns import Columns, coded, file_slices, instants, pick, stack
from pipelines.simulate.contacts import (
    ACTIVITIES,
    CALL_ANSWERED,
    CALL_OUT,
    CHANNEL_OF,
    INBOUND,
    PROFILE,
    SMS_DELIVERED,
    SMS_FAILED,
    SMS_OUT,
    SMS_REPLY,
)
from pipelines.simulate.identities import Identities
from pipelines.simulate.orders import POS, Orders, campaign_ids, coded_ids, offer_ids
from pipelines.simulate.population import CONTACT_CHANNELS, Population
from pipelines.simulate.text import file_count, write_files
from pipelines.simulate.world import World

STORES = 24
BY_PHONE = (SMS_OUT, SMS_DELIVERED, SMS_FAILED, SMS_REPLY, CALL_OUT, CALL_ANSWERED)

_INSTANT = "strftime({}, '%Y-%m-%dT%H:%M:%SZ')"

_POS = f"""
SELECT
  record,
  basket_id,
  line_number,
  product_id,
  category,
  quantity,
  (cents * 0.01)::DECIMAL(18, 2) AS amount,
  {_INSTANT.format("sold_at")} AS sold_at,
  store_id,
  loyalty_number,
  campaign_id,
  offer_id
FROM simulated
"""

_CRM = f"""
SELECT
  'E' || salt || '-' || lpad(entry::VARCHAR, 8, '0') AS entry_id,
  activity,
  channel,
  direction,
  initiator,
  {_INSTANT.format("happened_at")} AS happened_at,
  'K' || salt || '-' || lpad(contact::VARCHAR, 8, '0') AS contact_id,
  COLUMNS(* EXCLUDE (salt, entry, activity, channel, direction, initiator, happened_at, contact))
FROM simulated
"""


def write_mapping(source: str, path: Path, kinds: tuple[str, ...] = ()) -> None:
    """Write the mapping of `source`; identifier `kinds` beyond its own stand in columns of their names."""
    text = (Path(__file__).parent / f"{source}.toml").read_text(encoding="utf-8")
    more = "".join(f"{json.dumps(kind)} = {json.dumps(kind)}\n" for kind in kinds)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + more, encoding="utf-8")


def write_pos(
    con: duckdb.DuckDBPyConnection, world: World, identities: Identities, orders: Orders, folder: Path
) -> dict[Path, int]:
    """Write the receipts to folder/pos-*.csv, no receipt on two files; rows per file."""
    rows = _receipt_rows(orders)
    starts = np.flatnonzero(np.diff(rows["order"], prepend=-1))
    table = _receipt_columns(world, identities, orders, rows)
    slices = file_slices(starts, table.num_rows, file_count(table.num_rows))
    return write_files(con, table, slices, _POS, folder / "pos-{:05d}.csv")


def _receipt_rows(orders: Orders) -> Columns:
    """Lines of the receipts and a row per coupon handed in, receipt by receipt: order, line."""
    is_pos = (orders.channel == POS)[orders.line_order]
    coupon = np.flatnonzero((orders.channel == POS) & (orders.campaign >= 0))
    sales = {
        "order": orders.line_order[is_pos],
        "line": orders.line_number[is_pos] + 1,
        "product": orders.product[is_pos],
        "quantity": orders.quantity[is_pos],
        "cents": (orders.line_subtotal - orders.line_discount)[is_pos],
    }
    none = np.full(len(coupon), -1)
    handed_in = {"order": coupon, "line": orders.line_counts[coupon] + 1, "product": none}
    rows = stack(sales, handed_in | {"quantity": none, "cents": none})
    return pick(rows, np.lexsort((rows["line"], rows["order"])))


def _receipt_columns(world: World, identities: Identities, orders: Orders, rows: Columns) -> pa.Table:
    order, is_sale = rows["order"], rows["product"] >= 0
    customer, product = orders.customer[order], np.maximum(rows["product"], 0)
    campaign = np.where(is_sale, -1, orders.campaign[order])
    campaigns = int(orders.campaign.max(initial=0)) + 1
    return pa.table(
        {
            "record": coded(pa.array(["coupon", "sale"]), is_sale),
            "basket_id": coded(orders.order_id, order),
            "line_number": rows["line"],
            "product_id": coded(PRODUCT_ID, product, is_sale),
            "category": coded(CATEGORY, category_of(product), is_sale),
            "quantity": pa.array(rows["quantity"], mask=~is_sale),
            "cents": pa.array(rows["cents"], mask=~is_sale),
            "sold_at": instants(orders.at[order]),
            "store_id": customer % STORES + 1,
            "loyalty_number": coded(identities.loyalty_id, customer),
            "campaign_id": coded_ids(campaign_ids(world, campaigns), campaign),
            "offer_id": coded_ids(offer_ids(world, campaigns), campaign),
        }
    )


def write_crm(
    con: duckdb.DuckDBPyConnection,
    world: World,
    population: Population,
    identities: Identities,
    log: Columns,
    folder: Path,
) -> dict[Path, int]:
    """Write the contact log to folder/crm-*.csv; rows per file."""
    table = _log_columns(world, population, identities, log)
    slices = file_slices(np.arange(table.num_rows), table.num_rows, file_count(table.num_rows))
    return write_files(con, table, slices, _CRM, folder / "crm-{:05d}.csv")


def _log_columns(world: World, population: Population, identities: Identities, log: Columns) -> pa.Table:
    customer, activity = log["customer"], log["activity"]
    is_profile, is_inbound = activity == PROFILE, np.isin(activity, INBOUND)
    has_phone = is_profile | np.isin(activity, BY_PHONE)
    channel = np.array(CHANNEL_OF)[activity]
    stated = np.where(is_profile, population.stated_channel[customer], -1)
    columns = {
        "salt": coded(pa.array([world.salt]), np.zeros(len(customer))),
        "entry": np.arange(len(customer)),
        "activity": coded(pa.array(ACTIVITIES), activity),
        "channel": coded(pa.array(CONTACT_CHANNELS), channel),
        "direction": coded(pa.array(["outbound", "inbound"]), is_inbound),
        "initiator": coded(pa.array(["company", "customer"]), is_inbound),
        "happened_at": instants(log["at"]),
        "contact": pa.array(log["contact"], mask=log["contact"] < 0),
        "customer_number": coded(identities.user_id, customer),
        "email": coded(identities.email, customer, is_profile),
        "phone": coded(identities.phone, customer, has_phone),
        "loyalty_number": coded(identities.loyalty_id, customer, is_profile),
        "preferred_channel": coded_ids(pa.array(CONTACT_CHANNELS), stated),
        "share_of_wallet": pa.array(np.round(population.share_of_wallet[customer], 2), mask=~is_profile),
    }
    further = {kind: coded(identities.external[kind], customer, is_profile) for kind in further_kinds(identities)}
    return pa.table(columns | further)


def further_kinds(identities: Identities) -> tuple[str, ...]:
    """Kinds of identifiers that the contact log has a column for only because they were given."""
    return tuple(kind for kind in identities.external if kind != "loyalty_id")
