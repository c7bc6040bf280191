"""One world: drawn part by part, written in each channel's own format."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from pipelines.simulate.calls import draw_calls
from pipelines.simulate.columns import Array, Columns
from pipelines.simulate.contacts import draw_log
from pipelines.simulate.identities import Identities, draw_identities
from pipelines.simulate.mails import draw_mails, draw_redemptions, mail_events
from pipelines.simulate.orders import POS, Orders, draw_purchases, fill_orders
from pipelines.simulate.population import Population, draw_population
from pipelines.simulate.segment import batch_lengths, deliver, write_calls
from pipelines.simulate.sendgrid import post_events, write_events
from pipelines.simulate.tables import further_kinds, write_crm, write_mapping, write_pos
from pipelines.simulate.text import file_count, session
from pipelines.simulate.truth import write_truth
from pipelines.simulate.words import draw_words
from pipelines.simulate.world import CHANNELS, DAY_MS, Simulation, World
from warehouse.errors import UsageError

_OURS = (
    "segment/web-*.jsonl",
    "sendgrid/events-*.json",
    "table/pos/pos-*.csv",
    "table/crm/crm-*.csv",
    "truth.parquet",
)


@dataclass(frozen=True)
class _Drawn:
    """What is true of a world; `stop` is when each customer ended the mails (ms)."""

    world: World
    population: Population
    identities: Identities
    orders: Orders
    mails: Columns
    dropout_day: Array
    stop: Array


@dataclass(frozen=True)
class _Written:
    """Records per file (copies included), and records per customer (copies left out)."""

    files: dict[Path, int]
    counts: Array


def simulate(world: World, out: Path, progress: Callable[[str], None] = lambda sentence: None) -> Simulation:
    """Write the world under `out`, laid out like an inbox, with its truth; tell `progress` what is done.

    segment/web-*.jsonl, sendgrid/events-*.json, table/pos/pos-*.csv, table/crm/crm-*.csv, mappings/*.toml,
    truth.parquet. The same world gives the same bytes. Raises UsageError if `out` holds a simulation already.
    """
    _refuse_older(out)
    with session() as con:
        progress(f"drawing {world.customers:,} customers over {world.days:,} days")
        drawn = _draw(world, con)
        written = {}
        for channel in [channel for channel in CHANNELS if channel in world.channels]:
            written[channel] = _WRITERS[channel](con, drawn, out)
            progress(f"{channel}: {sum(written[channel].files.values()):,} records")
    _write_truth(drawn, written, out / "truth.parquet")
    files = {path: count for each in written.values() for path, count in each.files.items()}
    return Simulation(
        out=out,
        files={path.relative_to(out).as_posix(): count for path, count in files.items()},
        channels={channel: sum(each.files.values()) for channel, each in written.items()},
    )


def _refuse_older(out: Path) -> None:
    for pattern in _OURS:
        for path in out.glob(pattern):
            raise UsageError(f"{out} holds a simulation already ({path.name}); give an empty folder")


def _draw(world: World, con: duckdb.DuckDBPyConnection) -> _Drawn:
    population = draw_population(world)
    identities = draw_identities(world, con)
    purchases, dropout_day = draw_purchases(world, population)
    mails, stop = draw_mails(world, population)
    redemptions = draw_redemptions(world, population, mails, dropout_day)
    orders = fill_orders(world, population, purchases, redemptions)
    return _Drawn(world, population, identities, orders, mails, dropout_day, stop)


def _write_web(con: duckdb.DuckDBPyConnection, drawn: _Drawn, out: Path) -> _Written:
    world, rng = drawn.world, drawn.world.stream("delivery")
    calls = draw_calls(world, drawn.population, drawn.identities, drawn.orders, drawn.dropout_day)
    copies = int(len(calls["at"]) * world.duplicate_share)
    sent = deliver(rng, calls, drawn.identities.skew_ms, world.late_share, copies)
    rows = len(sent["at"])
    words = draw_words(con, world, drawn.population, drawn.identities, drawn.orders)
    files = write_calls(con, sent, batch_lengths(rng, rows), words, world.salt, out / "segment", file_count(rows))
    return _Written(files, _per_customer(world, calls["customer"]))


def _write_email(con: duckdb.DuckDBPyConnection, drawn: _Drawn, out: Path) -> _Written:
    world = drawn.world
    events = mail_events(world, drawn.population, drawn.mails)
    posted = post_events(world.stream("posting"), world, events)
    files = write_events(con, world, drawn.identities, drawn.mails, posted, out / "sendgrid")
    return _Written(files, _per_customer(world, drawn.mails["customer"][events["mail"]]))


def _write_pos(con: duckdb.DuckDBPyConnection, drawn: _Drawn, out: Path) -> _Written:
    orders = drawn.orders
    files = write_pos(con, drawn.world, drawn.identities, orders, out / "table" / "pos")
    write_mapping("pos", out / "mappings" / "pos.toml")
    is_pos = orders.channel == POS
    rows = (orders.line_counts + (orders.campaign >= 0))[is_pos]
    return _Written(files, _per_customer(drawn.world, np.repeat(orders.customer[is_pos], rows)))


def _write_crm(con: duckdb.DuckDBPyConnection, drawn: _Drawn, out: Path) -> _Written:
    log = draw_log(drawn.world, drawn.population)
    files = write_crm(con, drawn.world, drawn.population, drawn.identities, log, out / "table" / "crm")
    write_mapping("crm", out / "mappings" / "crm.toml", further_kinds(drawn.identities))
    return _Written(files, _per_customer(drawn.world, log["customer"]))


_WRITERS = {"web": _write_web, "email": _write_email, "pos": _write_pos, "crm": _write_crm}


def _per_customer(world: World, customer: Array) -> Array:
    return np.bincount(customer, minlength=world.customers)


def _write_truth(drawn: _Drawn, written: dict[str, _Written], path: Path) -> None:
    world, population = drawn.world, drawn.population
    turns = {
        "joined_at": world.start_ms + population.joined_day * DAY_MS,
        "dropped_out_at": world.start_ms + drawn.dropout_day * DAY_MS,
        "conflict_at": world.start_ms + population.conflict_day * DAY_MS,
        "mail_stopped_at": drawn.stop,
    }
    none = np.zeros(world.customers, dtype=np.int64)
    counts = {
        f"{channel}_record_count": written[channel].counts if channel in written else none for channel in CHANNELS
    }
    write_truth(world, population, drawn.identities, drawn.orders, turns, counts, path)
