"""Clock skew and the four times, over the tracking protocols: Segment's and Snowplow's."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.collect.snowplow_events import enriched, enveloped, payload, tsv
from tests.collect.staged import INGESTED_AT, Row, stage

START = datetime(2024, 3, 1, 10, tzinfo=UTC)
LARGE, FUTURE = timedelta(minutes=5), timedelta(hours=24)
DEVICES = ("device-a", "device-b")
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]


@dataclass(frozen=True)
class Batch:
    """What devices send at once: by device the offset of its clock, and when its events happened by that clock.

    `moments` are (device, seconds since START by a right clock); it is `sent` and `received` so many seconds after.
    """

    skews: tuple[int, int]
    moments: Sequence[tuple[int, int]]
    sent: int
    travel: int

    def shown(self, device: int, second: int) -> datetime:
        """The time that a device's clock shows."""
        return START + timedelta(seconds=second + self.skews[device])

    @property
    def received_at(self) -> datetime:
        return START + timedelta(seconds=self.sent + self.travel)

    def skew(self, device: int) -> timedelta:
        """What an event shows of its device's clock: its offset, and the time that it was on its way."""
        return timedelta(seconds=self.travel - self.skews[device])


SKEWS = st.sampled_from([0, 30, -200, 299, 301, -301, 4000, -90_000, 40_000_000])
BATCHES = st.builds(
    Batch,
    skews=st.tuples(SKEWS, SKEWS),
    moments=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 600)), min_size=1, max_size=5),
    sent=st.integers(600, 700),
    travel=st.sampled_from([0, 1, 60]),
)


def milliseconds(at: datetime) -> str:
    return str(int(at.timestamp() * 1000))


def segment_line(number: int, batch: Batch) -> str:
    calls = [
        {
            "type": "track",
            "event": "Step",
            "messageId": f"{number}-{place}",
            "anonymousId": DEVICES[device],
            "originalTimestamp": batch.shown(device, second).isoformat(),
            "sentAt": batch.shown(device, batch.sent).isoformat(),
        }
        for place, (device, second) in enumerate(batch.moments)
    ]
    return json.dumps({"batch": calls, "receivedAt": batch.received_at.isoformat()}) + "\n"


def snowplow_line(number: int, batch: Batch) -> str:
    events = [
        {
            "e": "pp",
            "eid": f"{number}-{place}",
            "duid": DEVICES[device],
            "dtm": milliseconds(batch.shown(device, second)),
            "stm": milliseconds(batch.shown(device, batch.sent)),
        }
        for place, (device, second) in enumerate(batch.moments)
    ]
    return enveloped(payload(*events), batch.received_at.isoformat())


Writer = Callable[[int, Batch], str]
PROTOCOLS = pytest.mark.parametrize(
    ("connector", "line"), [("segment", segment_line), ("snowplow", snowplow_line)], ids=["segment", "snowplow"]
)


def rows_of(connector: str, line: Writer, batches: Sequence[Batch]) -> dict[tuple[int, int], Row]:
    """The interactions by number of the batch and place in it; none may be lost."""
    found = stage(connector, "".join(line(number, batch) for number, batch in enumerate(batches)))
    rows = {(row["row_number"] - 1, row["element"]): row for row in found.interactions}
    assert len(rows) == sum(len(batch.moments) for batch in batches), found.codes()
    return rows


@PROTOCOLS
@settings(max_examples=6, deadline=None, phases=PHASES)
@given(st.lists(BATCHES, min_size=1, max_size=12))
def test_a_clock_is_corrected_if_it_is_far_off_and_only_then(
    connector: str, line: Writer, batches: list[Batch]
) -> None:
    rows = rows_of(connector, line, batches)
    for (number, place), row in rows.items():
        batch = batches[number]
        device, second = batch.moments[place]
        is_skewed = abs(batch.skew(device)) > LARGE
        expected = batch.shown(device, second) + (batch.skew(device) if is_skewed else timedelta())
        assert (row["occurred_at"], row["time_basis"]) == (expected, "corrected" if is_skewed else "occurred")
        assert row["received_at"] == batch.received_at
        assert row["ingested_at"] == INGESTED_AT
        assert abs(row["occurred_at"] - (START + timedelta(seconds=second))) <= LARGE + timedelta(seconds=60)


@PROTOCOLS
@settings(max_examples=6, deadline=None, phases=PHASES)
@given(st.lists(BATCHES, min_size=1, max_size=12))
def test_the_events_of_a_device_in_one_batch_keep_their_order_and_distances(
    connector: str, line: Writer, batches: list[Batch]
) -> None:
    rows = rows_of(connector, line, batches)
    for number, batch in enumerate(batches):
        for device in (0, 1):
            own = [(second, rows[number, n]) for n, (one, second) in enumerate(batch.moments) if one == device]
            assert len({row["occurred_at"] - timedelta(seconds=second) for second, row in own}) <= 1
            assert len({row["time_basis"] for _, row in own}) <= 1


@PROTOCOLS
@settings(max_examples=4, deadline=None, phases=PHASES)
@given(st.lists(BATCHES, min_size=2, max_size=8))
def test_what_a_batch_becomes_does_not_depend_on_those_beside_it(
    connector: str, line: Writer, batches: list[Batch]
) -> None:
    def times(found: Iterable[Row]) -> list[tuple[Any, ...]]:
        return sorted((row["event_id"], row["occurred_at"], row["time_basis"]) for row in found)

    numbered = [line(number, batch) for number, batch in enumerate(batches)]
    whole = rows_of(connector, line, batches)
    parted = stage(connector, "".join(reversed(numbered[::2])), "".join(numbered[1::2])).interactions
    assert times(whole.values()) == times(parted)


FUTURES = st.lists(st.sampled_from([-1, 0, 3600, 86_400, 86_401, 172_800, 10**8]), min_size=1, max_size=10)


@settings(max_examples=6, deadline=None, phases=PHASES)
@given(FUTURES)
def test_a_time_more_than_a_day_after_its_receipt_is_that_of_the_receipt(ahead: list[int]) -> None:
    moments = [START + timedelta(seconds=seconds) for seconds in ahead]
    calls = "".join(
        json.dumps(
            {
                "type": "screen",
                "messageId": f"m{n}",
                "userId": "u",
                "timestamp": moment.isoformat(),
                "receivedAt": START.isoformat(),
            }
        )
        + "\n"
        for n, moment in enumerate(moments)
    )
    text = f"{START:%Y-%m-%d %H:%M:%S.000}"
    events = tsv(*(enriched(derived_tstamp=f"{moment:%Y-%m-%d %H:%M:%S}", collector_tstamp=text) for moment in moments))
    for found in (stage("segment", calls), stage("snowplow", events)):
        for moment, row in zip(moments, found.interactions, strict=True):
            is_future = moment > START + FUTURE
            assert row["occurred_at"] == (START if is_future else moment)
            assert row["time_basis"] == ("clamped" if is_future else "occurred")


TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")


@settings(max_examples=6, deadline=None, phases=PHASES)
@given(st.lists(st.sets(st.sampled_from(TIMES), min_size=1), min_size=1, max_size=12))
def test_the_best_time_that_is_there_is_taken_and_named(given_times: list[set[str]]) -> None:
    at = {name: START + timedelta(seconds=n) for n, name in enumerate(TIMES)}
    calls = [
        {"type": "page", "messageId": f"m{n}", "userId": "u", **{name: at[name].isoformat() for name in sorted(names)}}
        for n, names in enumerate(given_times)
    ]
    bases = {"timestamp": "occurred", "originalTimestamp": "occurred", "sentAt": "sent", "receivedAt": "received"}
    for names, row in zip(given_times, stage("segment", "\n".join(map(json.dumps, calls))).interactions, strict=True):
        best = next(name for name in TIMES if name in names)
        assert (row["occurred_at"], row["time_basis"]) == (at[best], bases[best])
        assert row["is_received_assigned"] == ("receivedAt" not in names)
        assert row["received_at"] == (at["receivedAt"] if "receivedAt" in names else INGESTED_AT)
