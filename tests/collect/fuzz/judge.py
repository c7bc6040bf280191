"""What must hold of whatever a file becomes, and of right records that stand among broken ones."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.collect.connectors import connectors
from pipelines.collect.mail import EMAIL_EVENTS
from tests.collect.staged import Row, Staged

# Where a record stands, when it arrived, and what follows from the run.
_NOT_SAID = (
    "file_id", "row_number", "element", "batch_id", "commit_seq", "ingested_at", "received_at", "is_received_assigned",
    "content_sha256", "interaction_id",
)  # fmt: skip
_JSON = ("properties", "consents")
# The id of a record whose source gives none: a hash of the content, and its occurrence in the file.
_HASHED = re.compile(r"^([0-9a-f]{32})-\d+$")
Content = str


@dataclass(frozen=True)
class Verdict:
    """What became of one line or row: the refused elements with their codes, the contents of the others."""

    refused: tuple[tuple[int, str], ...]
    contents: frozenset[Content]


def demand_whole(staged: Staged, rows: int | None = None) -> None:
    """Nothing is lost, and each record is an interaction that says what it must or a refusal that says why and where.

    `rows` is how many lines or rows there are.
    """
    kept, refused = _places(staged.interactions), _places(staged.rejections)
    assert not kept & refused
    assert len(kept) == len(staged.interactions)
    assert len(refused) == len(staged.rejections)
    for rejection in staged.rejections:
        _demand_pointer(rejection, rows)
    for row in (*staged.interactions, *staged.losers):
        _demand_complete(row, rows)


def demand_received(staged: Staged, least: int) -> None:
    """At least so many records were received; conservation itself is asserted wherever something is staged."""
    assert sum(received for received, _ in staged.counts.values()) >= least


def demand_neighbours(staged: Staged, right: Mapping[int, Verdict]) -> None:
    """What stands at these places (row number -> what becomes of it alone) is what it is alone.

    A copy that says the same as a winner is not staged, so a content may stand anywhere.
    """
    found = verdicts(staged)
    everywhere = contents(staged)
    nothing = Verdict((), frozenset())
    for row_number, alone in right.items():
        assert found.get(row_number, nothing).refused == alone.refused, (row_number, alone.refused)
        assert alone.contents <= everywhere, (row_number, alone.contents - everywhere)


def verdicts(staged: Staged) -> dict[int, Verdict]:
    """What became of each row."""
    refused: dict[int, list[tuple[int, str]]] = defaultdict(list)
    said: dict[int, list[Content]] = defaultdict(list)
    for rejection in staged.rejections:
        refused[rejection["row_number"]].append((rejection["element"], rejection["reason_code"]))
    for row in (*staged.interactions, *staged.losers):
        said[row["row_number"]].append(content(row))
    return {number: Verdict(tuple(refused[number]), frozenset(said[number])) for number in {*refused, *said}}


def contents(staged: Staged) -> set[Content]:
    """What all accepted records say."""
    return {content(row) for row in (*staged.interactions, *staged.losers)}


def content(row: Row) -> Content:
    """What a record says, wherever it stands: what makes two copies different."""
    said = {name: value for name, value in row.items() if name not in _NOT_SAID}
    said |= {name: _parsed(row[name]) for name in _JSON}
    said["event_id"] = _HASHED.sub(r"\1", row["event_id"])
    return repr(sorted(said.items()))


def _parsed(text: str | None) -> Any:
    """JSON, however it is spaced; its text where it is deeper than Python reads."""
    try:
        return None if text is None else json.loads(text)
    except RecursionError:
        return "".join(text.split()) if text else None


def counted_codes(staged: Staged) -> Counter[tuple[int, int, str]]:
    """The refusals, wherever they stand in an order."""
    return Counter((row["row_number"], row["element"], row["reason_code"]) for row in staged.rejections)


def _places(rows: Sequence[Row]) -> set[tuple[Any, ...]]:
    return {(row["file_id"], row["row_number"], row["element"]) for row in rows}


def _demand_pointer(rejection: Row, rows: int | None) -> None:
    assert rejection["reason_code"]
    assert rejection["reason"]
    assert ";" in rejection["reason"]
    assert rejection["file_id"]
    assert rejection["element"] >= 0
    assert rejection["row_number"] >= 1 or rejection["reason_code"] == "unreadable_file"
    assert rows is None or rejection["row_number"] <= rows


def _demand_complete(row: Row, rows: int | None) -> None:
    assert row["event_id"], row
    assert row["event_name"], row
    assert row["occurred_at"] is not None, row
    assert row["received_at"] is not None, row
    assert row["element"] >= 0
    assert 1 <= row["row_number"] <= (rows or row["row_number"])
    connector = connectors()[row["connector"]]
    assert row["channel"] in connector.channels or connector.framing == "table", row["channel"]
    if connector.channels == ("email",):
        assert row["event_name"] in {*EMAIL_EVENTS, f"{row['connector']}_unknown"}, row["event_name"]
    assert all(one["kind"] and one["value"] for one in row["identifiers"]), row["identifiers"]
    if row["properties"] is not None:
        assert row["properties"].startswith("{"), row["properties"][:100]
        _demand_json(row["properties"])
    if row["consents"] is not None:
        _demand_json(row["consents"])


def _demand_json(text: str) -> None:
    try:
        json.loads(text)
    except RecursionError:  # deeper than Python reads
        return
