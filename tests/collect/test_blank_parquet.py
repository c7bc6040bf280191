"""Blanks in Parquet files."""

import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.collect.erased import WORD, footer_value
from tests.collect.landed import blanked
from tests.collect.staged import stage
from warehouse.errors import RapportError

PERSON = "jane.doe@example.org"
MAPPING = """
[constants]
channel = "pos"
event_name = "order_completed"
[columns]
event_id = "id"
occurred_at = "at"
amount = "paid"
[identifiers]
email = "mail"
"""
COUNT = 40


def table(count: int = COUNT) -> pa.Table:
    numbers = list(range(1, count + 1))
    at = datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)
    return pa.table(
        {
            "id": pa.array(numbers, pa.uint16()),
            "at": pa.array([at] * count, pa.timestamp("us", tz="UTC")),
            "paid": pa.array([Decimal(n) / 4 for n in numbers], pa.decimal128(9, 2)),
            "mail": pa.array([f"p{n}.someone@example.org" for n in numbers]).dictionary_encode(),
            "raw": pa.array([b"\\xff%d" % n for n in numbers], pa.binary()),
            "nested": pa.array([[{"a": f"{n}-nested-{n}", "b": n / 3}] for n in numbers]),
            "day": pa.array([at.date()] * count, pa.date32()),
            "at_ns": pa.array([n * 10**9 + 1 for n in numbers], pa.timestamp("ns")),
            "clock": pa.array(list(numbers), pa.time64("us")),
        },
    )


def packed(data: pa.Table, **options: Any) -> bytes:
    sink = BytesIO()
    pq.write_table(data, sink, **options)
    return sink.getvalue()


def blank(content: bytes, numbers: set[int], *needles: bytes) -> tuple[bytes, Any]:
    places = [(number, 0) for number in sorted(numbers)]
    return blanked(content, places, needles, connector="table", name="x.parquet", mapping=MAPPING)


def staged(content: bytes) -> Any:
    return stage("table", content, mapping=MAPPING, names=["x.parquet"])


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_rows_become_blanks_and_all_others_read_as_before(codec: str) -> None:
    content = packed(table(), compression=codec, row_group_size=15)
    gone = {1, 2, 3, 17, 40}
    after, report = blank(content, gone)
    before, found = staged(content), staged(after)
    assert found.interactions == [row for row in before.interactions if row["row_number"] not in gone]
    assert (found.codes(), found.suppressed, found.counts["f0"][0]) == ([], {"f0": 5}, COUNT)
    assert (report.blanked, report.by_needle) == (5, ())
    column = pq.read_metadata(BytesIO(after)).row_group(0).column(0)
    assert column.compression == {"none": "UNCOMPRESSED"}.get(codec, codec.upper())


def test_the_reader_sees_the_same_columns_of_the_same_types(tmp_path: Any) -> None:
    paths = [tmp_path / "before.parquet", tmp_path / "after.parquet"]
    paths[0].write_bytes(content := packed(table()))
    paths[1].write_bytes(blank(content, {1, 5})[0])
    types, rows = [], []
    for path in paths:
        types.append(duckdb.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall())
        rows.append(duckdb.execute(f"SELECT * FROM '{path}'").fetchall())
    assert types[0] == types[1]
    assert rows[1] == [(None,) * 9 if number in (1, 5) else row for number, row in enumerate(rows[0], start=1)]


def test_nothing_of_a_blank_is_left_in_pages_dictionaries_or_statistics() -> None:
    for dictionary in (True, False):
        content = packed(table(), compression="none", use_dictionary=dictionary)
        assert b"p40.someone@" in content
        after, _ = blank(content, {40})
        assert b"p40.someone@" not in after
        assert b"p39.someone@" in after


@pytest.mark.parametrize("value", [b"P7.someone@example.org", b"7-NESTED-7"])
def test_a_row_that_holds_a_value_becomes_a_blank(value: bytes) -> None:
    after, report = blank(packed(table()), set(), value)
    assert report.by_needle == ((7, 0),)
    assert staged(after).suppressed == {"f0": 1}
    again, second = blank(after, {7}, value)
    assert (again, second.blanked, second.by_needle) == (after, 1, ())


def test_blanks_of_several_erasures_add_up() -> None:
    first, _ = blank(packed(table()), {3, 4})
    second, report = blank(first, {5})
    assert staged(second).suppressed == {"f0": 3}
    assert report.blanked == 1
    assert pq.read_metadata(BytesIO(second)).metadata[WORD.encode()] == b"[[3,5]]"


def test_ranges_of_a_footer_hold_every_number_once() -> None:
    assert footer_value([]) == "[]"
    assert footer_value([7]) == "[[7,7]]"
    assert footer_value([9, 1, 2, 3, 5]) == "[[1,3],[5,5],[9,9]]"


@pytest.mark.parametrize("content", [b"PAR1 and no more jane.doe@example.org", b""])
def test_a_file_that_is_no_parquet_goes_as_a_whole(content: bytes) -> None:
    after, report = blank(content, {0})
    assert (after, report.blanked) == (WORD.encode() + b"\n", 1)
    assert (staged(after).codes(), staged(after).suppressed) == ([], {"f0": 1})


def test_a_value_in_a_file_that_is_no_parquet_takes_it() -> None:
    content = b"PAR1 and no more jane.doe@example.org"
    assert blank(content, set(), PERSON.encode())[1].by_needle == ((0, 0),)
    assert blank(content, set(), b"somebody.else@example.org")[0] == content


@pytest.mark.parametrize("needles", [(), (PERSON.encode(),)])
def test_a_page_that_cannot_be_read_stops_the_work(needles: tuple[bytes, ...]) -> None:
    content = bytearray(packed(table(), compression="zstd"))
    content[4:200] = bytes(196)
    with pytest.raises(RapportError, match=r"is damaged within.*; put a whole copy"):
        blank(bytes(content), {1}, *needles)
