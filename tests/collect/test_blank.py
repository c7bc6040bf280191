import gzip
import hashlib
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.collect.erased import RECORD
from pipelines.collect.text_lines import MAX_LINE_BYTES
from tests.collect.landed import Place, blanked
from tests.collect.segment_calls import AT, lines, track
from tests.collect.staged import Staged, stage

PERSON = "jane.doe@example.org"
Codec = Callable[[bytes], bytes]


def zstd(data: bytes) -> bytes:
    # Without the size in the frame: the file is a stream.
    packing = zstandard.ZstdCompressor().compressobj()
    return bytes(packing.compress(data) + packing.flush())


CODECS: list[Any] = [
    pytest.param(lambda data: data, id="plain"),
    pytest.param(gzip.compress, id="gzip"),
    pytest.param(zstd, id="zstd"),
]


def received(staged: Staged) -> int:
    return staged.counts.get("f0", (0, 0))[0]


def assert_only_blanks(before: Staged, after: Staged, gone: set[Place]) -> None:
    """All other records are what they were, at their places, and the blanks are counted as suppressed."""
    kept = {place: row for place, row in before.verdicts().items() if place not in gone}
    assert after.verdicts() == kept
    assert received(after) == received(before)
    assert after.suppressed.get("f0", 0) == before.suppressed.get("f0", 0) + len(gone)


def check(content: bytes, gone: set[Place], needles: tuple[bytes, ...] = (), **options: Any) -> bytes:
    """Blank `gone`, half of it by places if there are needles; give the new content after it was read again."""
    asked = [] if needles else sorted(gone)
    after, report = blanked(content, asked, needles, **options)
    connector, mapping = options.get("connector", "segment"), options.get("mapping")
    names = [options.get("name", "input")]
    first = stage(connector, content, mapping=mapping, names=names)
    assert_only_blanks(first, stage(connector, after, mapping=mapping, names=names), gone)
    assert (report.sha256, report.size_bytes) == (hashlib.sha256(after).hexdigest(), len(after))
    assert report.blanked == len(gone)
    assert report.by_needle == (tuple(sorted(gone)) if needles else ())
    return after


@pytest.mark.parametrize("pack", CODECS)
def test_a_call_becomes_a_blank_and_its_neighbours_keep_their_numbers(pack: Codec) -> None:
    content = pack(lines(track(), track(userId=PERSON), "", "{broken", track()).encode())
    after = check(content, {(2, 0), (4, 0)})
    assert PERSON.encode() not in after


def test_an_element_of_a_batch_or_an_array_becomes_a_blank_and_its_siblings_stay() -> None:
    one, other = ([track(), track(userId=PERSON), 5, None, track()] for _ in range(2))
    batch = {"sentAt": AT, "batch": one, "context": {"app": {"name": "é"}}, "extra": 1.50}
    after = check(lines(batch, other, track()).encode(), {(1, 1), (1, 3), (2, 1), (2, 4)})
    assert [RECORD in line for line in after.decode().splitlines()] == [True, True, False]
    assert json.loads(after.decode().splitlines()[0])["context"] == {"app": {"name": "é"}}


def test_a_batch_of_blanks_alone_loses_its_envelope() -> None:
    batch = {"context": {"traits": {"email": PERSON}}, "batch": [track(), track()]}
    after = check(lines(batch).encode(), {(1, 0), (1, 1)})
    assert after.decode() == f"[{RECORD},{RECORD}]\n"


@pytest.mark.parametrize("indent", [None, 2])
def test_an_element_of_a_document_becomes_a_blank(indent: int | None) -> None:
    events = [{"email": f"p{n}@example.org", "event": "open", "timestamp": 1600000000 + n} for n in range(4)]
    content = json.dumps(events, indent=indent).encode()
    after = check(content, {(1, 0), (1, 2)}, connector="sendgrid")
    assert b"p0@" not in after
    assert b"p1@" in after


def test_a_document_that_is_longer_than_a_line_may_be_is_divided() -> None:
    events = [{"email": "p@example.org", "event": "open", "timestamp": n, "x": "y" * MAX_LINE_BYTES} for n in (1, 2)]
    after = check(json.dumps(events, indent=1).encode(), {(1, 1)}, connector="sendgrid")
    assert MAX_LINE_BYTES < len(after) < MAX_LINE_BYTES + 1000


@pytest.mark.parametrize("over", [0, 1])
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_longest_line_is_divided_and_a_longer_one_is_not(over: int, end: str) -> None:
    empty = json.dumps([track(x=""), track()])
    text = empty.replace('"x": ""', f'"x": "{"x" * (MAX_LINE_BYTES - 1 - len(empty) + over)}"')
    after = check((lines(track()) + text + end).encode(), {(2, 0)})
    assert after.decode().splitlines()[1].startswith(RECORD if over else f"[{RECORD},")


def test_a_document_that_is_one_record_becomes_a_blank() -> None:
    assert check(json.dumps(track(), indent=1).encode(), {(1, 0)}) == RECORD.encode() + b"\n"


def test_a_blank_that_is_asked_for_again_stays_and_counts() -> None:
    content = lines(track(), [track(), track()]).encode()
    after, first = blanked(content, [(1, 0), (2, 1)])
    again, second = blanked(after, [(1, 0), (2, 1)])
    assert (again, second) == (after, first)


def test_a_file_without_records_that_go_is_left_as_it_is() -> None:
    content = b"\xef\xbb\xbf" + lines(track()).encode()
    after, report = blanked(content, [], [b"nobody.here@example.org"])
    assert after == content
    assert (report.blanked, report.sha256) == (0, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("written", "pack"),
    [
        (PERSON, gzip.compress),
        (PERSON.upper(), zstd),
        (PERSON.replace("@", "\\u0040"), bytes),
        ("j\\u0061NE.doe\\u0040exAMPLE.org", bytes),
    ],
)
def test_whatever_else_holds_a_value_becomes_a_blank(written: str, pack: Codec) -> None:
    batch = lines({"batch": [track(), track(properties={"q": "@@"})]}).replace("@@", written)
    content = lines(track(), f'{{"broken": "{written}', "", track()) + batch + lines([track()])
    after = check(pack(content.encode()), {(2, 0), (5, 1)}, (PERSON.encode(),))
    assert written.encode() not in after


def test_a_value_in_an_envelope_takes_the_whole_batch() -> None:
    batch = {"batch": [track(), track()], "context": {"email": PERSON}}
    empty = {"batch": [], "context": {"email": PERSON}}
    after = check(lines(track(), batch, empty).encode(), {(2, 0), (2, 1)}, (PERSON.encode(),))
    assert after.decode().splitlines()[1:] == [f"[{RECORD},{RECORD}]", "[]"]


def test_a_value_in_bytes_that_are_no_text_takes_their_line() -> None:
    check(
        lines(track()).encode() + b"\xff" + PERSON.encode() + b"\n\xfe\n" + lines(track()).encode(),
        {(2, 0)},
        (PERSON.encode(),),
    )


@pytest.mark.parametrize("number", [1, 2])
def test_a_line_that_is_too_long_to_be_read_is_replaced_without_being_held(number: int) -> None:
    long = "x" * (2 * MAX_LINE_BYTES) + PERSON + "x" * MAX_LINE_BYTES
    content = lines(*[long, track()][:: 1 if number == 1 else -1]).encode()
    after = check(content, {(number, 0)}, (PERSON.encode(),))
    assert len(after) < 1000


def cut_gzip(*parts: bytes) -> bytes:
    packing = zlib.compressobj(wbits=31)
    return b"".join(packing.compress(part) + packing.flush(zlib.Z_SYNC_FLUSH) for part in parts)


def cut_zstd(*parts: bytes) -> bytes:
    packing = zstandard.ZstdCompressor().compressobj()
    return b"".join(packing.compress(part) + packing.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for part in parts)


@pytest.mark.parametrize("pack", [cut_gzip, cut_zstd])
@pytest.mark.parametrize(("gone", "end"), [({(1, 0)}, b""), ({(1, 0)}, b"[5]"), ({(2, 0), (3, 0)}, b"[5]")])
def test_a_file_that_breaks_off_does_so_after_as_before(pack: Any, gone: set[Place], end: bytes) -> None:
    check(pack(*(lines(track()).encode() for _ in range(2)), end), gone)


MEMBERS: st.SearchStrategy[Any] = st.builds(track) | st.sampled_from([{}, 5, None, "text", [], {"batch": [1]}])
LINES = st.one_of(
    MEMBERS.map(json.dumps),
    st.lists(MEMBERS, max_size=3).map(json.dumps),
    st.lists(MEMBERS, max_size=3).map(lambda members: json.dumps({"batch": members, "sentAt": AT, "more": [1.0]})),
    st.sampled_from(
        ["", " ", "{", "[1,", '[{"a":1},]', ' [{"type":"track"}]', '{"batch":[{}],"batch":[{}]}', '{"a":NaN}']
    ),
)


@settings(max_examples=4, deadline=None)
@given(st.lists(LINES, min_size=5, max_size=25), st.data(), st.sampled_from(["\n", "\r\n"]))
def test_any_records_of_any_lines_can_go(texts: list[str], data: st.DataObject, newline: str) -> None:
    content = newline.join(texts).encode()
    places = sorted(stage("segment", content).verdicts())
    gone = data.draw(st.sets(st.sampled_from(places))) if places else set()
    check(content, gone)
