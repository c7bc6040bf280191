"""Segment calls for tests."""

import json
from itertools import count
from typing import Any

from tests.collect.staged import Row, stage

AT = "2020-07-01T10:00:00Z"
Call = dict[str, Any]
_serial = count(1)


def call(kind: str = "track", **fields: Any) -> Call:
    """A call that is right, with an id of its own; a field given as ... is left out."""
    whole = {"type": kind, "messageId": f"m{next(_serial)}", "userId": "u1", "timestamp": AT, **fields}
    return {name: value for name, value in whole.items() if value is not ...}


def track(event: Any = "Product Viewed", **fields: Any) -> Call:
    return call("track", event=event, **fields)


def about(**properties: Any) -> Call:
    return track(properties=properties)


def lines(*payloads: Any) -> str:
    return "".join((p if isinstance(p, str) else json.dumps(p, ensure_ascii=False)) + "\n" for p in payloads)


def judged(*payloads: Any) -> list[Row | str]:
    """The interaction, or the code of the refusal, of payloads that hold one record each."""
    staged = stage("segment", lines(*payloads))
    return [staged.verdict(row_number) for row_number in range(1, len(payloads) + 1)]


def values(column: str, *payloads: Any) -> list[Any]:
    return [verdict if isinstance(verdict, str) else verdict[column] for verdict in judged(*payloads)]


def properties(*payloads: Any) -> list[Any]:
    return [text if text is None else json.loads(text) for text in values("properties", *payloads)]
