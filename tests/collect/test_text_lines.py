import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.collect import text_lines
from pipelines.collect.text_lines import BLANK, MAX_LINE_BYTES, read_lines
from warehouse import compressed

MIB = 1024 * 1024
BOM = b"\xef\xbb\xbf"

Line = tuple[int, str | None, str | None]


def lines(folder: Path, *contents: bytes) -> list[Line]:
    """(row number, payload without its newline, problem) of every line."""
    return [(row["row_number"], _stripped(row["payload"]), row["problem"]) for row in rows(folder, *contents)]


def rows(folder: Path, *contents: bytes) -> list[dict[str, Any]]:
    paths = [folder / f"{number}.ndjson" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return [row for batch in read_lines(paths) for row in batch.to_pylist()]


def _stripped(payload: str | None) -> str | None:
    return None if payload is None else payload.rstrip("\r\n")


def gunzipped(data: bytes) -> bytes:
    return zlib.decompressobj(31).decompress(data)


def unzstded(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


CODECS: list[Any] = [
    pytest.param(gzip.compress, gunzipped, id="gzip"),
    pytest.param(zstandard.ZstdCompressor().compress, unzstded, id="zstd"),
]


def numbers(count: int) -> bytes:
    random = Random(1)
    return b"".join(b"%d\n" % random.randrange(10**12) for _ in range(count))


def test_lines_are_numbered_from_one(tmp_path: Path) -> None:
    assert lines(tmp_path, b"a\nb\nc\n") == [(1, "a", None), (2, "b", None), (3, "c", None)]


def test_a_last_line_without_newline_is_a_line(tmp_path: Path) -> None:
    assert lines(tmp_path, b"a\nb") == [(1, "a", None), (2, "b", None)]


def test_line_ends_of_two_characters_end_a_line_once(tmp_path: Path) -> None:
    assert lines(tmp_path, b"a\r\nb\r\n") == [(1, "a", None), (2, "b", None)]


def test_blank_lines_are_counted_but_are_no_records(tmp_path: Path) -> None:
    found = [(row["row_number"], row["problem"]) for row in rows(tmp_path, b"\na\n \t\r\n\nb\n")]
    assert found == [(1, BLANK), (2, None), (3, BLANK), (4, BLANK), (5, None)]


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0), zstandard.compress(b"")])
def test_an_empty_file_has_no_lines(tmp_path: Path, content: bytes) -> None:
    assert lines(tmp_path, content) == []


def test_a_line_that_is_not_utf_8_is_refused_and_its_neighbours_stay(tmp_path: Path) -> None:
    found = lines(tmp_path, b"a\n\xff\xfe\nb\n\xc3\x28\nc\n\xed\xa0\x80\n\xc3\xa4\n")
    assert found == [
        (1, "a", None),
        (2, None, "not_utf8"),
        (3, "b", None),
        (4, None, "not_utf8"),
        (5, "c", None),
        (6, None, "not_utf8"),
        (7, "ä", None),
    ]


def test_each_file_has_its_own_numbers(tmp_path: Path) -> None:
    found = [(row["file_no"], row["row_number"]) for row in rows(tmp_path, b"a\nb\n", b"", b"c", b"d\n")]
    assert found == [(0, 1), (0, 2), (2, 1), (3, 1)]


def test_a_line_of_ten_megabytes_is_refused_and_its_neighbours_stay(tmp_path: Path) -> None:
    huge = b"x" * (10 * MIB)
    found = lines(tmp_path, b"a\n" + huge + b"\nb\n" + huge)
    assert found == [(1, "a", None), (2, None, "record_too_large"), (3, "b", None), (4, None, "record_too_large")]


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_the_greatest_line_has_eight_mebibytes_with_its_newline(tmp_path: Path, excess: int) -> None:
    line = b"y" * (MAX_LINE_BYTES - 1 + excess)
    first, second, third = lines(tmp_path, b"a\n" + line + b"\nb\n")
    assert (first, third) == ((1, "a", None), (3, "b", None))
    assert second[2] == (None if excess <= 0 else "record_too_large")


def test_a_line_over_several_blocks_is_whole(tmp_path: Path) -> None:
    line = b"z" * (3 * MIB + 17)
    assert lines(tmp_path, b"a\n" + line + b"\nb") == [(1, "a", None), (2, line.decode(), None), (3, "b", None)]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    expected = [(1, "{}", None), (2, "{}", None)]
    assert lines(tmp_path, BOM + b"{}\n{}\n") == expected
    assert lines(tmp_path, gzip.compress(BOM + b"{}\n{}\n")) == expected


@pytest.mark.parametrize(("compress", "_decompress"), CODECS)
def test_compressed_files_are_read_whatever_their_name(
    tmp_path: Path, compress: Callable[[bytes], bytes], _decompress: object
) -> None:
    assert lines(tmp_path, compress(b"a\nb"), b"c") == [(1, "a", None), (2, "b", None), (1, "c", None)]


@pytest.mark.parametrize(("compress", "_decompress"), CODECS)
def test_several_compressed_streams_in_one_file_are_read_one_after_the_other(
    tmp_path: Path, compress: Callable[[bytes], bytes], _decompress: object
) -> None:
    assert lines(tmp_path, compress(b"a\nb") + compress(b"c\n")) == [(1, "a", None), (2, "bc", None)]


@pytest.mark.parametrize("missing", [1, 9, 1_000, 50_000])
@pytest.mark.parametrize(("compress", "decompress"), CODECS)
def test_all_whole_lines_before_the_break_of_a_stream_are_kept(
    tmp_path: Path, compress: Callable[[bytes], bytes], decompress: Callable[[bytes], bytes], missing: int
) -> None:
    broken = compress(numbers(60_000))[:-missing]
    whole = decompress(broken).rpartition(b"\n")[0].decode().split("\n")
    found = lines(tmp_path, broken)
    assert [payload for _, payload, _ in found[:-1]] == whole
    assert found[-1] == (len(whole) + 1, None, "truncated_file")


@pytest.mark.parametrize("content", [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", gzip.compress(b"a\n", mtime=0)[:-12]])
def test_a_stream_that_breaks_off_before_its_first_line_counts_as_one_record(tmp_path: Path, content: bytes) -> None:
    assert lines(tmp_path, content)[-1] == (1, None, "truncated_file")


def test_a_stream_with_broken_bytes_in_its_middle_keeps_the_lines_before_them(tmp_path: Path) -> None:
    whole = numbers(60_000)
    content = bytearray(gzip.compress(whole))
    content[len(content) // 2 : len(content) // 2 + 64] = b"\x00" * 64
    found = lines(tmp_path, bytes(content))
    assert [payload for _, payload, _ in found[:20_000]] == whole.decode().split("\n")[:20_000]
    assert found[-1][2] == "truncated_file"


def test_a_line_that_is_too_large_where_the_stream_breaks_counts_once(tmp_path: Path) -> None:
    content = gzip.compress(b"a\n" + Random(1).randbytes(10 * MIB).replace(b"\n", b" "), 1)
    assert lines(tmp_path, content[:-20]) == [(1, "a", None), (2, None, "record_too_large")]


@pytest.mark.parametrize("start", [b"", BOM, b"\n \n"])
@pytest.mark.parametrize("value", [[{"a": 1}, {"b": "ä"}], {"batch": [1, 2], "x": {"y": None}}])
def test_one_json_document_over_several_lines_is_one_line(tmp_path: Path, start: bytes, value: object) -> None:
    content = start + json.dumps(value, indent=2, ensure_ascii=False).encode()
    ((row_number, payload, problem),) = lines(tmp_path, content)
    assert (row_number, json.loads(payload or ""), problem) == (1, value, None)
    assert lines(tmp_path, gzip.compress(content)) == lines(tmp_path, content)


def test_a_document_that_is_not_whole_is_read_by_lines(tmp_path: Path) -> None:
    assert lines(tmp_path, b'[\n{"a":1},\n') == [(1, "[", None), (2, '{"a":1},', None)]


def test_a_document_in_another_encoding_is_read_by_lines(tmp_path: Path) -> None:
    found = lines(tmp_path, '[\n1,"ä"]'.encode("utf-16-le"))
    assert found[-1][2] == "not_utf8"
    assert lines(tmp_path, b'[\n"\xed\xa0\x80"]') == [(1, "[", None), (2, None, "not_utf8")]


def test_a_document_that_is_too_large_is_read_by_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "MAX_DOCUMENT_BYTES", 8)
    assert lines(tmp_path, b"[\n1,\n2,\n3\n]") == [(n, t, None) for n, t in enumerate(["[", "1,", "2,", "3", "]"], 1)]


def test_deep_nesting_does_not_stop_the_reader(tmp_path: Path) -> None:
    assert len(lines(tmp_path, b"[\n" * 100_000)) == 100_000


def test_a_compressed_document_that_breaks_off_keeps_its_lines(tmp_path: Path) -> None:
    content = gzip.compress(b"[\n" + numbers(5_000))[:-500]
    found = lines(tmp_path, content)
    assert found[0] == (1, "[", None)
    assert found[-1][2] == "truncated_file"


def test_a_file_that_is_not_there_is_an_error_not_a_rejection(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        list(read_lines([tmp_path / "gone"]))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=12), max_size=30), st.integers(1, 40))
def test_no_line_is_lost_whatever_the_bytes_and_blocks(parts: list[bytes], block: int) -> None:
    content = b"\n".join([b"#", *parts])  # neither compressed nor a document
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(compressed, "_STEPS", (block,))
        found = rows(Path(folder), content)
    expected = content.split(b"\n")
    expected = expected if expected[-1] else expected[:-1]
    assert [row["row_number"] for row in found] == list(range(1, len(expected) + 1))
    for row, line in zip(found, expected, strict=True):
        if row["problem"] is None:
            assert row["payload"].encode() == line + b"\n"
        else:
            assert row["problem"] == (BLANK if not line.strip(b" \t\r\v\f") else "not_utf8")
