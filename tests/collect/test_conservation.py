"""Law 1 in one file: received = accepted + rejected, and a bad record never harms its neighbours."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.collect.staged import Staged, stage

MAPPING = """
[constants]
channel = "pos"
event_name = "visited"
[columns]
event_id = "id"
occurred_at = "at"
amount = "amount"
"""
SENDERS_WORD = "geheim"  # no reason may repeat it

Sample = tuple[str, bytes]  # kind (good, bad, blank, any), bytes without a newline
# Each example opens a session of its own; the same examples each time, so that a finding stays one.
conserving = settings(
    max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


def segment(event_id: str) -> bytes:
    call = {"type": "track", "event": "Visited", "messageId": event_id, "userId": "u", "timestamp": "2020-01-01"}
    return json.dumps(call | {"properties": {"note": SENDERS_WORD}}).encode()


def sendgrid(event_id: str) -> bytes:
    return json.dumps([{"email": "a@example.com", "event": "open", "timestamp": 1, "sg_event_id": event_id}]).encode()


BAD_LINES = [
    b"{",
    b"geheim",
    b"\xff\xfe",
    b"\x00",
    b"5",
    b"null",
    b"[5]",
    b'{"geheim":1}',
    b'[{"geheim":1}]',
    b'{"batch":{}}',
    b"x" * 70_000,
    b"{}{}",
    b'{"type":"track","event":"geheim","messageId":"geheim","timestamp":"geheim"}',
    b'{"email":"geheim","event":"open","timestamp":"geheim"}',
]


def mixtures(good: Callable[[str], bytes]) -> st.SearchStrategy[list[Sample]]:
    """Lines of every kind in any order; good ones have ids of their own."""
    kinds = st.one_of(
        st.just(("good", b"")),
        st.sampled_from(BAD_LINES).map(lambda line: ("bad", line)),
        st.sampled_from([b"", b" ", b"\t", b"\r"]).map(lambda line: ("blank", line)),
        st.binary(max_size=40).map(lambda line: ("any", line.replace(b"\n", b""))),
    )
    return st.lists(kinds, max_size=25).map(
        lambda lines: [(kind, good(f"g{n}") if kind == "good" else line) for n, (kind, line) in enumerate(lines)]
    )


def assert_neighbours_are_kept(staged: Staged, samples: list[Sample]) -> None:
    kinds: dict[str, set[int]] = {"good": set(), "bad": set(), "blank": set(), "any": set()}
    for row_number, (kind, _) in enumerate(samples, start=1):
        kinds[kind].add(row_number)
    kept = {row["row_number"] for row in staged.interactions}
    refused = {row["row_number"] for row in staged.rejections}
    assert kinds["good"] <= kept
    assert kinds["bad"] <= refused
    assert not kinds["blank"] & (kept | refused)
    assert not any(SENDERS_WORD in row["reason"] for row in staged.rejections)


@pytest.mark.parametrize(("connector", "good"), [("segment", segment), ("sendgrid", sendgrid)])
def test_any_mixture_of_lines_is_conserved_and_good_lines_are_kept(connector: str, good: Any) -> None:
    @conserving
    @given(mixtures(good), st.booleans())
    def check(samples: list[Sample], is_compressed: bool) -> None:
        # A first line that no JSON begins with keeps hypothesis from making a document over several lines.
        content = b"\n".join([b"#", *(line for _, line in samples)])
        staged = stage(connector, gzip.compress(content) if is_compressed else content)
        assert_neighbours_are_kept(staged, [("bad", b"#"), *samples])

    check()


@settings(parent=conserving, max_examples=5)
@given(st.lists(mixtures(segment), min_size=2, max_size=3))
def test_every_file_of_a_split_is_conserved_by_itself(files: list[list[Sample]]) -> None:
    contents = [b"\n".join([b"#", *(line for _, line in samples)]) for samples in files]
    staged = stage("segment", *contents)
    assert set(staged.counts) == {f"f{number}" for number in range(len(files))}
    for number, content in enumerate(contents):
        alone = stage("segment", content)
        assert staged.counts[f"f{number}"] == alone.counts["f0"]


ROWS = st.one_of(
    st.just(("good", b"")),
    st.sampled_from(
        [b"geheim", b"a,b,c,d", b'"geheim"', b"\xff", b"1,geheim,\xfe", b"1,2020-01-01,x", b",,", b"1,,1"]
    ).map(lambda line: ("bad", line)),
    st.sampled_from([b"", b"\r"]).map(lambda line: ("blank", line)),
    st.binary(max_size=30).map(lambda line: ("any", line.translate(None, b'\n\r"'))),
)


@conserving
@given(st.lists(ROWS, max_size=25), st.booleans())
def test_any_mixture_of_rows_is_conserved_and_good_rows_are_kept(rows: list[Sample], is_compressed: bool) -> None:
    lines = [(kind, b"g%d,2020-01-01,%d" % (n, n) if kind == "good" else row) for n, (kind, row) in enumerate(rows)]
    content = b"\n".join([b"id,at,amount", *(line for _, line in lines)]) + b"\n"
    staged = stage("table", gzip.compress(content) if is_compressed else content, mapping=MAPPING)
    counted = [sample for sample in lines if sample[1].strip(b"\r")]  # blank lines have no number
    assert_neighbours_are_kept(staged, counted)
    assert staged.counts.get("f0", (0, 0))[0] == len(counted)


@settings(parent=conserving, max_examples=40)
@given(st.binary(max_size=200), st.sampled_from(["segment", "sendgrid", "csv", "parquet"]))
def test_any_bytes_at_all_are_records_or_rejections(content: bytes, kind: str) -> None:
    if kind in ("csv", "parquet"):
        header = b"id,at,amount\n" if kind == "csv" else b"PAR1"
        stage("table", header + content, mapping=f'format = "{kind}"\n' + MAPPING)
    else:
        stage(kind, content)


def values() -> st.SearchStrategy[Any]:
    texts = st.text(max_size=8) | st.sampled_from(
        ["", "null", "2020-01-01T00:00:00Z", "infinity", "1e400", "NaN", "[]", "{}", "0", "a@example.com", "USD"]
    )
    numbers = st.integers(-(2**70), 2**70) | st.floats(-1e12, 1e12) | st.sampled_from([0, 1e300, -1, 1_513_299_569])
    leaves = st.none() | st.booleans() | numbers | texts
    names = st.sampled_from(["price", "quantity", "id", "type", "email", "channel"]) | st.text(max_size=3)
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))


def records(known: dict[str, Any], filled: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Right records in which some known fields, at the top or below one, hold anything."""
    strange = st.dictionaries(st.sampled_from(sorted(known)), values(), max_size=4)
    below = {
        name: st.fixed_dictionaries({}, optional=dict.fromkeys(known[name], values())) for name in known if known[name]
    }
    return st.builds(lambda inner, top: filled | inner | top, st.fixed_dictionaries({}, optional=below), strange)


SEGMENT_FIELDS: dict[str, Any] = {
    **dict.fromkeys(("type", "messageId", "userId", "anonymousId", "previousId", "event", "batch", "other")),
    **dict.fromkeys(("timestamp", "originalTimestamp", "sentAt", "receivedAt")),
    "context": ("channel", "externalIds", "ip"),
    "traits": ("email", "phone", "name"),
    "properties": (
        "revenue", "total", "value", "currency", "quantity", "product_id", "category", "order_id", "products",
        "campaign_id", "offer_id", "decision_id", "contact_id", "message_id", "other",
    ),
}  # fmt: skip
SENDGRID_FIELDS: dict[str, Any] = dict.fromkeys(
    (
        "email", "timestamp", "event", "sg_event_id", "sg_message_id", "sg_machine_open", "user_id", "campaign_id",
        "offer_id", "decision_id", "category",
    )
)  # fmt: skip
RIGHT = {"segment": json.loads(segment("m")), "sendgrid": json.loads(sendgrid("m"))[0]}


@pytest.mark.parametrize(("connector", "fields"), [("segment", SEGMENT_FIELDS), ("sendgrid", SENDGRID_FIELDS)])
def test_any_json_in_any_known_field_is_a_record_or_a_rejection(connector: str, fields: dict[str, Any]) -> None:
    framings = ["lines", "array", "batch"] if connector == "segment" else ["lines", "array"]

    @conserving
    @given(st.lists(records(fields, RIGHT[connector]), min_size=1, max_size=10), st.sampled_from(framings))
    def check(found: list[dict[str, Any]], framing: str) -> None:
        whole = {"lines": "\n".join(map(json.dumps, found)), "array": json.dumps(found)}
        staged = stage(connector, whole.get(framing) or json.dumps({"batch": found}))
        assert staged.counts["f0"][0] == len(found)
        assert all(row["identifiers"] and row["event_id"] and row["event_name"] for row in staged.interactions)
        for row in staged.interactions:
            assert row["properties"] is None or isinstance(json.loads(row["properties"]), dict)

    check()
