"""Segment calls as its collector receives them: JSON lines, single calls and batches."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.simulate import catalogue
from pipelines.simulate.calls import ADDED, COMPLETED, IDENTIFY, KINDS, PAGE, REDEEMED, SEARCHED, VIEWED
from pipelines.simulate.columns import Array, Columns, coded, file_slices, instants, line_places, pick, stack
from pipelines.simulate.devices import device_contexts
from pipelines.simulate.text import write_files

BATCH_SHARE = 0.02
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Words:
    """The texts that calls refer to by number.

    By customer: `user_id` (a JSON string), `traits` (a JSON object), `external` (a JSON array, or NULL).
    By device: `anonymous_id`, `skew_ms`. By order: `order`, `coupon` (JSON objects).
    """

    user_id: pa.Array
    traits: pa.Array
    external: pa.Array
    anonymous_id: pa.Array
    skew_ms: Array
    order: pa.Array
    coupon: pa.Array


_INSTANT = "strftime({}, '%Y-%m-%dT%H:%M:%S.%gZ')"

_CALL = f"""
SELECT concat(
  CASE WHEN place = 1 THEN '{{"batch":[' END,
  '{{"type":"', type, '","messageId":"',
  md5(concat(salt, ':call:', serial))::UUID::VARCHAR, '"',
  CASE WHEN type = 'alias' THEN ',"previousId":"' ELSE ',"anonymousId":"' END, anonymous_id, '"',
  ',"userId":' || user_id,
  ',"event":"' || event || '"',
  ',"context":{{', device, ',"page":', location,
  CASE WHEN type = 'identify' THEN ',"externalIds":' || external END,
  '}}',
  CASE kind
    WHEN {IDENTIFY} THEN ',"traits":' || traits
    WHEN {PAGE} THEN ',"properties":' || page
    WHEN {SEARCHED} THEN ',"properties":' || search
    WHEN {VIEWED} THEN ',"properties":{{' || product || ',"currency":"{catalogue.CURRENCY}"}}'
    WHEN {ADDED} THEN ',"properties":{{' || product || ',"quantity":1,"currency":"{catalogue.CURRENCY}"}}'
    WHEN {COMPLETED} THEN ',"properties":' || "order"
    WHEN {REDEEMED} THEN ',"properties":' || coupon
  END,
  ',"originalTimestamp":"', {_INSTANT.format("originated_at")},
  '","sentAt":"', {_INSTANT.format("sent_at")},
  '","receivedAt":"', {_INSTANT.format("received_at")},
  '","timestamp":"', {_INSTANT.format("occurred_at")}, '"}}',
  CASE place
    WHEN 0 THEN chr(10)
    WHEN 3 THEN concat('],"sentAt":"', {_INSTANT.format("sent_at")}, '"}}', chr(10))
    ELSE ','
  END
) AS text
FROM simulated
"""


def deliver(rng: np.random.Generator, calls: Columns, skew_ms: Array, late_share: float, copies: int) -> Columns:
    """Calls in the order in which they are received, `copies` of them sent twice under the same serial.

    Adds serial (the message), originated, sent, received and occurred times (ms). The client's clock is
    `skew_ms` wrong; occurred = received - (sent - originated), as Segment computes it.
    """
    ordered = pick(calls, np.argsort(calls["at"], kind="stable"))
    count = len(ordered["at"])
    ordered["serial"] = np.arange(count)
    is_late = rng.random(count) < late_share
    ordered["delay"] = np.where(is_late, rng.integers(HOUR_MS, 72 * HOUR_MS, count), rng.integers(50, 5_000, count))
    again = pick(ordered, rng.choice(count, copies, replace=False))
    again["delay"] = again["delay"] + rng.integers(1_000, HOUR_MS, copies)
    sent = stack(ordered, again)
    latency = rng.integers(40, 400, len(sent["at"]))
    skew = skew_ms[sent["device"]]
    sent |= {
        "originated": sent["at"] + skew,
        "sent": sent["at"] + sent["delay"] + skew,
        "received": sent["at"] + sent["delay"] + latency,
        "occurred": sent["at"] + latency,
    }
    return pick(sent, np.lexsort((sent["serial"], sent["received"])))


def batch_lengths(rng: np.random.Generator, rows: int) -> Array:
    """Calls on each line: mostly one, sometimes a batch of up to twenty; enough lines for `rows` calls."""
    is_batch = rng.random(rows) < BATCH_SHARE
    return np.where(is_batch, rng.integers(2, 21, rows), 1)


def write_calls(
    con: duckdb.DuckDBPyConnection,
    sent: Columns,
    lengths: Array,
    words: Words,
    salt: str,
    folder: Path,
    files: int,
) -> dict[Path, int]:
    """Write delivered calls, `lengths` of them on each line, to folder/web-*.jsonl; calls per file."""
    rows = len(sent["at"])
    places, starts = line_places(lengths, rows)
    table = _call_columns(sent | {"place": places}, words, salt)
    slices = file_slices(starts, rows, files)
    return write_files(con, table, slices, _CALL, folder / "web-{:05d}.jsonl")


def _call_columns(sent: Columns, words: Words, salt: str) -> pa.Table:
    kind, customer, device = sent["kind"], sent["customer"], sent["device"]
    event = pa.array([event for _, event in KINDS])
    contexts, (locations, pages) = device_contexts(), catalogue.page_texts()
    search = catalogue.category_of(np.maximum(sent["product"], 0))
    product, order = np.maximum(sent["product"], 0), np.maximum(sent["order"], 0)
    return pa.table(
        {
            "kind": kind,
            "place": sent["place"],
            "serial": sent["serial"],
            "salt": coded(pa.array([salt]), np.zeros(len(kind))),
            "type": coded(pa.array([type_ for type_, _ in KINDS]), kind),
            "event": coded(event, kind),
            "anonymous_id": coded(words.anonymous_id, device),
            "user_id": coded(words.user_id, customer, sent["is_known"]),
            "traits": coded(words.traits, customer),
            "external": coded(words.external, customer),
            "device": coded(contexts, device % len(contexts)),
            "location": coded(locations, sent["page"]),
            "page": coded(pages, sent["page"]),
            "search": coded(catalogue.search_texts(), search),
            "product": coded(catalogue.product_texts(), product),
            "order": coded(words.order, order, sent["order"] >= 0),
            "coupon": coded(words.coupon, order, sent["order"] >= 0),
            "originated_at": instants(sent["originated"]),
            "sent_at": instants(sent["sent"]),
            "received_at": instants(sent["received"]),
            "occurred_at": instants(sent["occurred"]),
        }
    )
