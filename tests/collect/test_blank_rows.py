"""Blanks in delimited text, judged by the reader's own numbers."""

import gzip
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.collect import blank_rows, delimited
from pipelines.collect.delimited import read_delimited
from pipelines.collect.erased import ERASED, WORD
from tests.collect.landed import blanked
from tests.collect.staged import stage
from warehouse.errors import RapportError

PERSON = b"jane.doe@example.org"
MAPPING = """
[csv]
delimiter = ","
[constants]
channel = "pos"
event_name = "order_completed"
[columns]
event_id = "id"
occurred_at = "at"
[identifiers]
email = "mail"
"""


def rows(content: bytes, delimiter: str = ",") -> dict[int, Any]:
    """What the reader makes of each row."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_bytes(content)
        found = [row for batch in read_delimited(path, delimiter) for row in batch.to_pylist()]
    return {
        row["row_number"]: {name: row[name] for name in row if name not in ("file_no", "row_number")} for row in found
    }


def blank(content: bytes, numbers: set[int], needles: tuple[bytes, ...] = (), delimiter: str = ",") -> bytes:
    mapping = MAPPING.replace('delimiter = ","', f'delimiter = "{delimiter}"')
    after, report = blanked(
        content, [(n, 0) for n in sorted(numbers)], needles, connector="table", name="x.csv", mapping=mapping
    )
    assert report.blanked == len(numbers) or needles
    return after


def check(content: bytes, gone: set[int], delimiter: str = ",") -> bytes:
    before, after = rows(content, delimiter), blank(content, gone, delimiter=delimiter)
    found = rows(after, delimiter)
    assert {number for number, row in found.items() if row["problem"] == ERASED} == gone
    assert {n: row for n, row in found.items() if n not in gone} == {
        n: row for n, row in before.items() if n not in gone
    }
    return after


CELLS = st.lists(
    st.sampled_from(["a", "b", '"', '""', ",", ";", "\n", "\r\n", "\r", "é", "\x00", "", '"a\nb"']), max_size=25
)


@settings(max_examples=100, deadline=None)
@given(CELLS, st.data(), st.sampled_from([",", ";"]))
@example(['a\rb\r\n"c\n\nd","e""\n"f\n\n'], None, ",")
def test_any_rows_can_go_and_all_others_keep_their_numbers(cells: list[str], data: Any, delimiter: str) -> None:
    content = f"x{delimiter}y\n{''.join(cells)}".encode()
    numbers = sorted(rows(content, delimiter))
    gone = set(numbers[1::2]) if data is None else data.draw(st.sets(st.sampled_from(numbers))) if numbers else set()
    check(content, gone, delimiter)


@settings(max_examples=20, deadline=None)
@given(CELLS, st.data())
def test_blocks_of_any_size_give_the_same_rows(cells: list[str], data: st.DataObject) -> None:
    content = f"x,y\n{''.join(cells)}".encode()
    numbers = sorted(rows(content))
    gone = data.draw(st.sets(st.sampled_from(numbers))) if numbers else set[int]()
    whole = blank(content, gone)
    size = data.draw(st.integers(1, 5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warehouse.compressed._STEPS", (size,))
        assert blank(content, gone) == whole


HEADER = b"id,at,mail,note\n"


def sale(number: int, mail: bytes = b"a@example.org", note: bytes = b"") -> bytes:
    return b"%d,2020-01-02,%s,%s\n" % (number, mail, note)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("written", [PERSON, b'"Jane\n.DOE@"', b'"a ""JANE.doe@example.org"" b"'])
def test_a_row_that_holds_a_value_becomes_a_blank(pack: Any, written: bytes) -> None:
    needles = (PERSON, b"jane\n.doe@", b'"jane.doe@example.org"')
    content = HEADER + sale(1) + b"\n" + sale(2, note=written) + b"2,too,few\n" + written + b"\n" + sale(3)
    before = stage("table", content, mapping=MAPPING)
    after = blank(pack(content), set(), needles)
    staged = stage("table", after, mapping=MAPPING)
    assert staged.interactions == [row for row in before.interactions if row["row_number"] != 2]
    assert staged.codes() == [(3, "broken_row")]
    assert staged.suppressed == {"f0": 2}
    assert staged.counts["f0"][0] == before.counts["f0"][0] == 5


def test_a_value_in_the_header_stops_the_work() -> None:
    with pytest.raises(RapportError, match=r"the header of .* names a person.*; replace the file"):
        blank(HEADER.replace(b"note", PERSON) + sale(1), set(), (PERSON,))


def test_a_value_that_is_nowhere_changes_nothing() -> None:
    assert blank(HEADER + sale(1), set(), (PERSON,)) == HEADER + sale(1)


@pytest.mark.parametrize(("gone", "code"), [({1}, "truncated_file"), ({2}, None)])
def test_a_file_that_breaks_off_does_so_after_as_before(gone: set[int], code: str | None) -> None:
    packing = zlib.compressobj(wbits=31)
    packed = packing.compress(HEADER + sale(1) + sale(2)[:5]) + packing.flush(zlib.Z_SYNC_FLUSH)
    before = stage("table", packed, mapping=MAPPING)
    assert before.codes() == [(2, "truncated_file")]
    staged = stage("table", blank(packed, gone, (b"nobody@example.org",)), mapping=MAPPING)
    assert staged.codes() == ([(2, code)] if code else [])
    assert staged.suppressed == {"f0": 1}
    assert len(staged.interactions) == (gone == {2})


@pytest.mark.parametrize("gone", [{1}, {2}, {1, 2}])
def test_a_row_that_is_too_long_to_be_divided_goes_with_all_that_follows(
    gone: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 1000)
    monkeypatch.setattr(blank_rows, "_LONG_BYTES", 900)
    monkeypatch.setattr("warehouse.compressed._STEPS", (500,))
    content = HEADER + sale(1) + b'2,"' + b"x" * 5000 + b"\n" + sale(3, note=PERSON) * 50
    before = rows(content)
    assert [row["problem"] for row in before.values()] == [None, "broken_row"]
    after = check(content, gone)
    assert (PERSON in after) is (2 not in gone)
    assert (len(after) > 5000) is (2 not in gone)


def test_a_file_that_is_no_table_goes_as_a_whole() -> None:
    content = b"\xff\xfe" + PERSON + b"\n\xff"
    assert stage("table", content, mapping=MAPPING).codes() == [(0, "unreadable_file")]
    for gone, needles in (({0}, ()), (set[int](), (PERSON,))):
        after = blank(content, gone, needles)
        staged = stage("table", after, mapping=MAPPING)
        assert (after, staged.codes(), staged.suppressed) == (WORD.encode() + b"\n", [], {"f0": 1})
        assert blank(after, {0}) == after
    assert blank(content, set(), (b"nobody@example.org",)) == content
