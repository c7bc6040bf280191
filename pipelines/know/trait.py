"""What a trait is: a named value with evidence, declared as data, one file each in `traits`."""

from dataclasses import dataclass
from typing import Literal

from schemas.table import Column

# Evidence that several traits share; each is a SELECT of the four columns that `Trait.evidence` names.
ORDERS_EVIDENCE = """
SELECT 'orders' AS table_name, source || '/' || order_id AS row_key, ordered_at AS seen_at,
  amount::VARCHAR AS detail
FROM know_orders
"""
ACTIVITY_EVIDENCE = """
SELECT 'daily_activity' AS table_name, concat_ws(' ', anchor, day, channel, event_name) AS row_key,
  last_at AS seen_at, interaction_count::VARCHAR AS detail
FROM daily_activity
WHERE anchor IN (SELECT identifier FROM know_identifiers) AND EXISTS (
  FROM know_identifiers AS i
  WHERE i.identifier = anchor
    AND (day::TIMESTAMPTZ >= i.valid_from) IS NOT FALSE AND (day::TIMESTAMPTZ < i.valid_to) IS NOT FALSE
) AND day < (SELECT as_of_day FROM know_clock)
"""
CONTACTS_EVIDENCE = """
SELECT 'contacts' AS table_name, source || '/' || contact_id AS row_key, contacted_at AS seen_at,
  channel || CASE WHEN responded_at IS NULL THEN '' ELSE ' answered' END AS detail
FROM know_contacts
"""


@dataclass(frozen=True)
class Trait:
    """One trait of a customer; its name is its file's name.

    `sql` is a SELECT of `customer_id` and the `columns`, at most one row per customer, over the relations of
    `pipelines.know.inputs`, `channels` and `interests`, without parameters; without a row the value is NULL: unknown.
    `evidence` is a SELECT of (table_name, row_key, seen_at, detail) over the same tables: the rollup cells,
    orders, contacts or interactions behind the value, when the tables hold one customer.
    `freshness` is `time` where the value changes as time passes without an event, else `event`.
    """

    doc: str
    unit: str
    columns: tuple[Column, ...]
    sql: str
    evidence: str
    freshness: Literal["event", "time"]
    source: str
