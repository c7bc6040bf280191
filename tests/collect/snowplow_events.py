"""Snowplow events for tests, in each of its forms."""

import base64
import csv
import io
import json
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.collect.snowplow_fields import COLUMNS
from tests.collect.staged import Row, Staged, stage

Event = dict[str, str]
_serial = count(1)
SNOWPLOW = "com.snowplowanalytics.snowplow"


def self_describing(name: str, data: Any, vendor: str = SNOWPLOW, version: str = "1-0-0") -> dict[str, Any]:
    return {"schema": f"iglu:{vendor}/{name}/jsonschema/{version}", "data": data}


def unstruct(event: dict[str, Any]) -> str:
    return json.dumps(self_describing("unstruct_event", event))


def contexts(*entities: dict[str, Any]) -> str:
    return json.dumps(self_describing("contexts", list(entities), version="1-0-1"))


def enriched(**fields: str) -> Event:
    """An enriched event that is right, with an id of its own."""
    whole = {
        "platform": "web",
        "event": "page_view",
        "event_name": "page_view",
        "event_id": f"event-{next(_serial)}",
        "collector_tstamp": "2024-03-01 10:00:02.000",
        "dvce_created_tstamp": "2024-03-01 10:00:00.000",
        "dvce_sent_tstamp": "2024-03-01 10:00:01.000",
        "derived_tstamp": "2024-03-01 10:00:01.000",
        "domain_userid": "visitor-1",
    }
    return {**whole, **fields}


def described(name: str, data: Any, **fields: str) -> Event:
    """An enriched self-describing event."""
    return enriched(event="unstruct", event_name=name, unstruct_event=unstruct(self_describing(name, data)), **fields)


def tsv(*events: Event) -> str:
    return "".join("\t".join(event.get(name, "") for name in COLUMNS) + "\n" for event in events)


def as_csv(*events: Event, columns: tuple[str, ...] = COLUMNS, delimiter: str = ",") -> str:
    target = io.StringIO()
    writer = csv.writer(target, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([event.get(name, "") for name in columns] for event in events)
    return target.getvalue()


def as_parquet(*events: Event) -> bytes:
    target = io.BytesIO()
    texts = {name: pa.array([event.get(name) for event in events], pa.string()) for name in COLUMNS}
    pq.write_table(pa.table(texts), target)
    return target.getvalue()


def tracked(kind: str = "pv", **fields: Any) -> dict[str, Any]:
    """An event of the tracker protocol that is right; a field given as ... is left out."""
    whole = {
        "e": kind,
        "eid": f"event-{next(_serial)}",
        "dtm": "1709287200000",
        "p": "web",
        "duid": "visitor-1",
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def payload(*events: Any) -> str:
    return json.dumps(self_describing("payload_data", list(events), version="1-0-4")) + "\n"


def enveloped(body: str, received_at: str, **headers: str) -> str:
    request = json.dumps({"received_at": received_at, "headers": headers})
    return f'{{"rapport_request":{request},"body":{body.strip()}}}\n'


def base64_of(text: str) -> str:
    """URL-safe and without padding, as trackers write it."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def staged(content: bytes | str, name: str = "input") -> Staged:
    return stage("snowplow", content, names=[name])


def one(content: bytes | str) -> Row:
    """The one interaction of a file."""
    (row,) = staged(content).interactions
    return row


def several(content: bytes | str) -> list[Row]:
    """The interactions of a file in which no record is refused."""
    found = staged(content)
    assert not found.rejections
    return found.interactions


def statements(row: Row) -> list[tuple[str, str]]:
    """(purpose, status) of what an interaction says on consent."""
    return [(said["purpose"], said["status"]) for said in json.loads(row["consents"] or "[]")]
