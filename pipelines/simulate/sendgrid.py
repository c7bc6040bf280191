"""Mail events as SendGrid's Event Webhook posts them: one JSON array per request, one request per line."""

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.simulate.columns import Columns, coded, file_slices, line_places, pick, stack
from pipelines.simulate.devices import addresses, user_agents, variants
from pipelines.simulate.identities import Identities
from pipelines.simulate.mails import EVENTS, campaign_count
from pipelines.simulate.orders import campaign_ids, coded_ids, offer_ids
from pipelines.simulate.text import file_count, texts, write_files
from pipelines.simulate.world import World

EVENTS_A_REQUEST = 60
HOUR_MS = 3_600_000

# What an event says beyond the common fields, in the words of the Event Webhook reference.
_SAYS = {
    "dropped": ',"reason":"Unsubscribed Address","status":"5.0.0"',
    "deferred": ',"response":"450 4.2.1 try again later","attempt":"1"',
    "bounce": ',"reason":"550 5.1.1 no such mailbox","status":"5.1.1","type":"bounce","tls":1',
    "delivered": ',"response":"250 2.0.0 OK","tls":1',
}
_URL = "https://shop.example/offers"

_EVENT = f"""
SELECT concat(
  CASE WHEN place <= 1 THEN '[' END,
  '{{"email":', email, ',"timestamp":', occurred, ',"event":"', event,
  '","category":["', category, '"],"sg_event_id":"',
  rtrim(translate(to_base64(unhex(md5(concat(salt, ':event:', serial)))), '+/', '-_'), '='),
  '","sg_message_id":"', message, '.recvd-', right(message, 9), '-1-0.0"',
  CASE WHEN event NOT IN ('open', 'click') THEN concat(',"smtp-id":"<', message, '@mail.shop.example>"') END,
  says,
  CASE
    WHEN event IN ('open', 'click')
    THEN concat(',"ip":"', address, '","useragent":"', useragent, '","sg_content_type":"html"')
  END,
  CASE WHEN event = 'open' THEN concat(',"sg_machine_open":', is_machine::VARCHAR) END,
  CASE WHEN event = 'click' THEN ',"url":"{_URL}","url_offset":{{"index":0,"type":"html"}}' END,
  ',"campaign_id":"', campaign_id, '"',
  ',"offer_id":"' || offer_id || '"',
  ',"user_id":', user_id, '}}',
  CASE WHEN place IN (0, 3) THEN concat(']', chr(10)) ELSE ',' END
) AS text
FROM simulated
"""


def post_events(rng: np.random.Generator, world: World, events: Columns) -> Columns:
    """Events in the order in which they are posted, some late, some in two requests under the same serial."""
    ordered = pick(events, np.lexsort((events["event"], events["mail"], events["at"])))
    count = len(ordered["at"])
    ordered["serial"] = np.arange(count)
    is_late = rng.random(count) < world.late_share
    delay = np.where(is_late, rng.integers(HOUR_MS, 24 * HOUR_MS, count), rng.integers(500, 5_000, count))
    ordered["posted"] = ordered["at"] + delay
    again = pick(ordered, rng.choice(count, int(count * world.duplicate_share), replace=False))
    again["posted"] = again["posted"] + rng.integers(1_000, HOUR_MS, len(again["at"]))
    posted = stack(ordered, again)
    return pick(posted, np.lexsort((posted["serial"], posted["posted"])))


def write_events(
    con: duckdb.DuckDBPyConnection,
    world: World,
    identities: Identities,
    mails: Columns,
    posted: Columns,
    folder: Path,
) -> dict[Path, int]:
    """Write posted events to folder/events-*.json; events per file."""
    rows = len(posted["at"])
    lengths = world.stream("requests").integers(1, EVENTS_A_REQUEST, rows)
    places, starts = line_places(lengths, rows)
    table = _event_columns(con, world, identities, mails, posted).append_column("place", pa.array(places))
    slices = file_slices(starts, rows, file_count(rows))
    return write_files(con, table, slices, _EVENT, folder / "events-{:05d}.json")


def _event_columns(
    con: duckdb.DuckDBPyConnection, world: World, identities: Identities, mails: Columns, posted: Columns
) -> pa.Table:
    mail, event = posted["mail"], posted["event"]
    customer, campaign = mails["customer"][mail], mails["campaign"][mail]
    offer = np.where(mails["is_offer"][mail], campaign, -1)
    campaigns = campaign_count(world)
    return pa.table(
        {
            "email": coded(_json(con, identities.email), customer),
            "user_id": coded(_json(con, identities.user_id), customer),
            "occurred": posted["at"] // 1000,
            "event": coded(pa.array(EVENTS), event),
            "says": coded(pa.array([_SAYS.get(name) for name in EVENTS]), event),
            "category": coded(pa.array(["newsletter", "offer"]), mails["is_offer"][mail]),
            "serial": posted["serial"],
            "salt": coded(pa.array([world.salt]), np.zeros(len(mail))),
            "message": coded(_message_ids(con, world, len(mails["at"])), mail),
            "address": coded(addresses(), variants(customer, addresses())),
            "useragent": coded(user_agents(), variants(customer, user_agents())),
            "is_machine": posted["is_machine"],
            "campaign_id": coded(campaign_ids(world, campaigns), campaign),
            "offer_id": coded_ids(offer_ids(world, campaigns), offer),
        }
    )


def _json(con: duckdb.DuckDBPyConnection, values: pa.Array) -> pa.Array:
    return texts(con, pa.table({"value": values}), "to_json(value)::VARCHAR")


def _message_ids(con: duckdb.DuckDBPyConnection, world: World, count: int) -> pa.Array:
    numbers = pa.table({"number": np.arange(count)})
    digest = f"to_base64(unhex(md5('{world.salt}:mail:' || number)))"
    return texts(con, numbers, f"rtrim(translate({digest}, '+/', '-_'), '=')")
