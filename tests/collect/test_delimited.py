import csv
import gzip
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.collect import delimited
from pipelines.collect.delimited import SalvagedText, check_names, header, read_delimited
from tests.collect.test_text_lines import BOM, gunzipped
from warehouse.errors import UsageError

Read = dict[int, tuple[str | None, ...] | str]


def read(folder: Path, content: bytes | str, delimiter: str = ",") -> Read:
    """The cells of each row by its number, or the code for which it was refused."""
    path = folder / "input.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    rows = [row for batch in read_delimited(path, delimiter) for row in batch.to_pylist()]
    found: Read = {}
    for row in rows:
        _, number, problem, *cells = row.values()
        assert number not in found
        assert problem is None or not any(cells)
        found[number] = problem or tuple(cells)
    return dict(sorted(found.items()))


def test_rows_are_numbered_from_one_without_the_header(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\n1,2\n3,4\n") == {1: ("1", "2"), 2: ("3", "4")}


@pytest.mark.parametrize("content", ["a,b\r\n1,2\r\n3,4\r\n", "a,b\r1,2\r3,4\r", "a,b\n1,2\n3,4"])
def test_other_line_ends_and_a_missing_last_one_give_the_same_rows(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content) == {1: ("1", "2"), 2: ("3", "4")}


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read(tmp_path, BOM + b"a,b\n1,2\n") == {1: ("1", "2")}
    assert header(tmp_path / "input.csv", ",") == ["a", "b"]


def test_quotes_hold_delimiters_newlines_and_doubled_quotes(tmp_path: Path) -> None:
    content = 'a,b\n"x\ny","1,5"\n"say ""hi""","\r\n"\nplain,2\n'
    assert read(tmp_path, content) == {1: ("x\ny", "1,5"), 2: ('say "hi"', "\r\n"), 3: ("plain", "2")}


def test_a_quote_inside_a_cell_is_a_character(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n1,12" pipe\n2,x\n') == {1: ("1", '12" pipe'), 2: ("2", "x")}


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_delimiter_divides_the_cells(tmp_path: Path, delimiter: str) -> None:
    content = delimiter.join("ab") + "\n" + delimiter.join(["1,5", "2"]) + "\n"
    assert read(tmp_path, content, delimiter) == {1: ("1,5", "2")}


def test_an_empty_cell_is_null_and_a_word_for_nothing_is_a_text(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n,"x"\n"",NULL\nnan,0\n') == {1: (None, "x"), 2: (None, "NULL"), 3: ("nan", "0")}


def test_rows_with_another_number_of_cells_are_refused_and_their_neighbours_stay(tmp_path: Path) -> None:
    content = "a,b\n1,2\n3\n4,5\n6,7,8\n9,10\n11"
    assert read(tmp_path, content) == {
        1: ("1", "2"),
        2: "broken_row",
        3: ("4", "5"),
        4: "broken_row",
        5: ("9", "10"),
        6: "broken_row",
    }


def test_a_file_of_broken_rows_alone_has_a_refusal_for_each(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\n1\n2\n3\n") == dict.fromkeys((1, 2, 3), "broken_row")


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\n\n1,2\n\n\n3\n\n4,5\n\n") == {1: ("1", "2"), 2: "broken_row", 3: ("4", "5")}


def test_numbers_of_broken_rows_are_exact_over_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 64)
    lines = [f"{number},x" if number % 7 else f"{number}" for number in range(1, 400)]
    found = read(tmp_path, "a,b\n" + "\n".join(lines) + "\n")
    assert found == {n: "broken_row" if n % 7 == 0 else (str(n), "x") for n in range(1, 400)}


def test_a_cell_that_is_not_utf_8_refuses_its_row_alone(tmp_path: Path) -> None:
    content = b"a,b\n1,gr\xfcn\n2,ok\n\xff\xfe,3\n4,\xc3\xbc\n"
    assert read(tmp_path, content) == {1: "not_utf8", 2: ("2", "ok"), 3: "not_utf8", 4: ("4", "ü")}


def test_a_nul_refuses_its_row_alone_and_hides_no_quote(tmp_path: Path) -> None:
    assert read(tmp_path, b'a,b\n"","\0"\n"\0","2"\n3,4\n') == {1: "not_utf8", 2: "not_utf8", 3: ("3", "4")}


def test_a_broken_row_that_is_not_utf_8_does_not_stop_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,b\n1,2\n\xff\n3,4\n") == {1: ("1", "2"), 2: "broken_row", 3: ("3", "4")}


@pytest.mark.parametrize("row", ['3,"x', '"x', '3,"x\n4,5\n6,7', '3,x,"y\n4,5'])
def test_a_quote_that_is_not_closed_is_one_broken_row_and_the_rows_before_it_stay(tmp_path: Path, row: str) -> None:
    assert read(tmp_path, f"a,b\n1,2\n{row}") == {1: ("1", "2"), 2: "broken_row"}
    assert read(tmp_path, f"a,b\n1,2\n{row}\n") == {1: ("1", "2"), 2: "broken_row"}


def test_a_row_longer_than_a_block_ends_the_file_as_one_broken_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 64)
    content = 'a,b\n1,2\n3,"' + "x" * 300 + '"\n4,5\n'
    assert read(tmp_path, content) == {1: ("1", "2"), 2: "broken_row"}


@pytest.mark.parametrize("missing", [1, 10, 500, 2_000])
def test_all_whole_rows_before_the_break_of_a_stream_are_kept(tmp_path: Path, missing: int) -> None:
    content = b"a,b\n" + b"".join(b"%d,%d\n" % (number, number**3 % 9_973) for number in range(3_000))
    broken = gzip.compress(content)[:-missing]
    whole = gunzipped(broken).rpartition(b"\n")[0].decode().split("\n")[1:]
    expected: Read = {number: tuple(line.split(",")) for number, line in enumerate(whole, start=1)}
    assert read(tmp_path, broken) == expected | {len(whole) + 1: "truncated_file"}


@pytest.mark.parametrize("row", [b'7,"x\n', b'"x\ny",1,2\n'])
def test_a_stream_that_breaks_off_within_quotes_has_one_truncated_row(tmp_path: Path, row: bytes) -> None:
    filler = b"".join(b"%d,y\n" % number for number in range(100))
    broken = gzip.compress(b"a,b\n1,2\n" + row.partition(b"\n")[0] + b"\n" + filler)[:-9]
    found = read(tmp_path, broken)
    assert found == {1: ("1", "2"), 2: "truncated_file"}


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", BOM, gzip.compress(b"", mtime=0), gzip.compress(b"a,b\n", mtime=0)[:-15], b"\xff,b\n1,2\n"],
)
def test_a_file_without_a_header_that_can_be_read_is_no_table(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(pa.ArrowInvalid):
        read(tmp_path, content)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_a_table_in_another_encoding_is_no_table(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(pa.ArrowInvalid, match="UTF-8"):
        read(tmp_path, "a,b\n1,2\n".encode(encoding))


def test_salvaged_text_ends_with_the_last_whole_line_and_a_last_row(tmp_path: Path) -> None:
    path = tmp_path / "input.csv"
    path.write_bytes(b"a,b\r\n1,\xff\0\n3,4")
    text = SalvagedText(path, "end\n")
    assert text.read().decode() == "a,b\r\n1,\ufdd0\ufdd0\n3,4\nend\n"
    assert (text.is_cut, text.is_text) == (False, False)
    path.write_bytes(gzip.compress(b"a,b\n1,2")[:-1])
    text = SalvagedText(path, "end\n")
    assert text.read().decode() == "a,b\n\nend\n"
    assert (text.is_cut, text.is_text) == (True, True)


@pytest.mark.parametrize("content", ["a,b", "a,b\n", "a,b\r\n\r\n"])
def test_a_header_alone_is_a_table_without_rows(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content) == {}
    assert header(tmp_path / "input.csv", ",") == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "b", "a"], "'a' stands twice"),
        (["Amount", "amount"], "'amount' stands twice"),
        (["Problem"], "'Problem' .* reserved name; rename it"),
        (["row_number"], "reserved"),
        (["a", ""], "column 2 of the file has no name; name it"),
    ],
)
def test_a_header_that_cannot_serve_is_a_usage_error(names: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_names(names)


def test_any_other_names_may_head_columns() -> None:
    check_names(["element", "identifiers", "r", "input", "select", 'a "b"', "größe"])


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cn"], exclude_characters="\0"), max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=3), max_size=12), st.integers(20, 200))
def test_what_a_csv_writer_wrote_is_read_back_and_broken_rows_are_where_they_are(
    table: list[list[str]], block: int
) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["a", "b"], *table])
    longest = max((len(",".join(row).encode()) * 2 + 20 for row in table), default=0)
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(delimited, "_BLOCK_BYTES", max(block, longest))
        found = read(Path(folder), text.getvalue())
    assert found == {
        number: tuple(cell or None for cell in row) if len(row) == 2 else "broken_row"
        for number, row in enumerate(table, start=1)
    }
