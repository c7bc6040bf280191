"""The `table` connector on whole files: CSV and Parquet."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.collect.staged import Staged, stage
from warehouse.errors import UsageError

AT = "2020-07-01T10:00:00Z"
MAPPING = """
[constants]
channel = "pos"
event_name = "order_completed"
[columns]
event_id = "id"
occurred_at = "at"
amount = "amount"
"""
BARE = MAPPING.replace('amount = "amount"', "")


def parquet(columns: Mapping[str, Any], **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, **options)
    return bytes(sink.getvalue())


def stage_parquet(content: bytes, mapping: str = MAPPING) -> Staged:
    return stage("table", content, mapping=mapping, names=["input.parquet"])


def test_a_bad_row_of_five_is_refused_and_four_are_kept() -> None:
    content = "id,at,amount\n" + "".join(f"{n},{AT},{'x' if n == 3 else n}\n" for n in range(1, 6))
    staged = stage("table", content, mapping=MAPPING)
    assert staged.rows("row_number", "event_id", "amount") == [(n, str(n), Decimal(n)) for n in (1, 2, 4, 5)]
    assert staged.codes() == [(3, "wrong_type_amount")]


def test_every_kind_of_broken_row_is_a_rejection_with_its_number() -> None:
    content = f"id,at,amount\n1,{AT},1\n2,{AT}\n3,{AT},\u00fc\n4,{AT},4\n5,{AT},".encode("latin-1") + b'"5\n6,x,6\n'
    staged = stage("table", content, mapping=MAPPING)
    assert staged.rows("event_id") == [("1",), ("4",)]
    assert staged.codes() == [(2, "broken_row"), (3, "not_utf8"), (5, "broken_row")]


@pytest.mark.parametrize("content", [b"", b"\n", b"id,\xff,at\n1,2,3\n", "id,at\n1,2\n".encode("utf-16")])
def test_bytes_that_are_no_table_count_as_one_record(content: bytes) -> None:
    staged = stage("table", content, mapping=MAPPING)
    assert staged.codes() == [(0, "unreadable_file")]
    assert staged.counts == {"f0": (1, 0)}


def test_a_header_alone_holds_no_records() -> None:
    staged = stage("table", "id,at,amount\n", mapping=MAPPING)
    assert (staged.counts, staged.interactions, staged.rejections) == ({}, [], [])


def test_columns_of_the_same_name_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="'AT' stands twice"):
        stage("table", "id,at,AT\n1,2,3\n", mapping=BARE)


def test_another_delimiter_is_read() -> None:
    mapping = "[csv]\ndelimiter = ';'\n" + MAPPING
    assert stage("table", f"id;at;amount\n1;{AT};2.5\n", mapping=mapping).accepted()["amount"] == Decimal("2.5")


def test_the_format_of_the_mapping_wins_over_the_name_of_the_file() -> None:
    content = parquet({"id": ["1"], "at": [AT], "amount": [1]})
    assert stage("table", content, mapping='format = "parquet"\n' + MAPPING).accepted()["amount"] == 1
    text = f"id,at,amount\n1,{AT},1\n"
    staged = stage("table", text, mapping='format = "csv"\n' + MAPPING, names=["input.parquet"])
    assert staged.accepted()["amount"] == 1


AMOUNTS = [
    (pa.array([Decimal("123456789.1234")], pa.decimal128(18, 4)), Decimal("123456789.1234")),
    (pa.array([Decimal("0.10000000")], pa.decimal128(30, 8)), Decimal("0.1000")),
    (pa.array([0.1 + 0.2]), Decimal("0.3000")),
    (pa.array([1234567.8912], pa.float64()), Decimal("1234567.8912")),
    (pa.array([1.1], pa.float32()), Decimal("1.1000")),
    (pa.array([-7], pa.int8()), Decimal(-7)),
    (pa.array([9_999_999_999], pa.int64()), Decimal(9_999_999_999)),
    (pa.array(["12.50"]), Decimal("12.5000")),
    (pa.array([None], pa.float64()), None),
    (pa.array([float("nan")]), "wrong_type_amount"),
    (pa.array([float("inf")]), "wrong_type_amount"),
    (pa.array([1e300]), "wrong_type_amount"),
    (pa.array([True]), "wrong_type_amount"),
    (pa.array([2**40]), "amount_out_of_range"),
]


@pytest.mark.parametrize(("amounts", "expected"), AMOUNTS, ids=[f"{a.type}-{e}" for a, e in AMOUNTS])
def test_numbers_of_parquet_are_exact_or_refused(amounts: pa.Array, expected: Decimal | str | None) -> None:
    verdict = stage_parquet(parquet({"id": ["1"], "at": [AT], "amount": amounts})).verdict(1)
    assert verdict == expected if isinstance(verdict, str) else verdict["amount"] == expected


def instants(text: str, kind: pa.DataType) -> pa.Array:
    return pa.array([text]).cast(pa.timestamp("ns", getattr(kind, "tz", None))).cast(kind)


TIMES = [
    (instants("2020-07-01T10:00:00Z", pa.timestamp("us", "UTC")), "2020-07-01T10:00:00+00:00"),
    (instants("2020-07-01T10:00:00Z", pa.timestamp("us", "Asia/Tokyo")), "2020-07-01T10:00:00+00:00"),
    (instants("2020-07-01T10:00:00", pa.timestamp("us")), "2020-07-01T08:00:00+00:00"),
    (instants("2020-07-01T10:00:00.000005", pa.timestamp("ns")), "2020-07-01T08:00:00.000005+00:00"),
    (instants("2020-07-01T10:00:00", pa.timestamp("s")), "2020-07-01T08:00:00+00:00"),
    (instants("2020-07-01", pa.date32()), "2020-06-30T22:00:00+00:00"),
    (pa.array(["2020-07-01 10:00"]), "2020-07-01T08:00:00+00:00"),
]


@pytest.mark.parametrize(("times", "expected"), TIMES, ids=[str(times.type) for times, _ in TIMES])
def test_times_of_parquet_keep_their_zone_or_take_that_of_the_mapping(times: pa.Array, expected: str) -> None:
    content = parquet({"id": ["1"], "at": times})
    row = stage_parquet(content, 'timezone = "Europe/Vienna"\n' + BARE).accepted()
    assert row["occurred_at"].isoformat() == expected


def test_values_of_any_type_go_to_properties() -> None:
    columns = {
        "id": ["1"],
        "at": [AT],
        "long": pa.array([2**53 + 1]),
        "decimal": pa.array([Decimal("12345678901234.123456")], pa.decimal128(30, 6)),
        "list": [[1, None]],
        "struct": [{"a": "b"}],
        "bytes": [b"\xff"],
        "nothing": pa.nulls(1),
    }
    assert stage_parquet(parquet(columns), BARE).accepted()["properties"] == (
        '{"long":9007199254740993,"decimal":12345678901234.123456,"list":[1,null],"struct":{"a":"b"},'
        r'"bytes":"\\xFF","nothing":null}'
    )


def test_rows_of_parquet_are_numbered_over_its_row_groups() -> None:
    count = 5_000
    ids = [str(number) for number in range(1, count + 1)]
    staged = stage_parquet(parquet({"id": ids, "at": [AT] * count}, row_group_size=999), BARE)
    assert staged.rows("row_number", "event_id") == [(number, str(number)) for number in range(1, count + 1)]


def test_parquet_without_rows_holds_no_records() -> None:
    staged = stage_parquet(parquet({"id": pa.array([], pa.string()), "at": pa.array([], pa.string())}), BARE)
    assert (staged.counts, staged.rejections) == ({}, [])


def test_a_reserved_name_in_parquet_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"'file_row_number' .* reserved"):
        stage_parquet(parquet({"id": ["1"], "at": [AT], "file_row_number": [1]}), BARE)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 64 + b"PAR1", b"id,at\n1,2\n"])
def test_bytes_that_are_no_parquet_count_as_one_record(content: bytes) -> None:
    staged = stage_parquet(content)
    assert (staged.codes(), staged.counts) == ([(0, "unreadable_file")], {"f0": (1, 0)})


def sample() -> tuple[Random, bytes]:
    random = Random(1)
    ids = [str(random.randrange(10**9)) for _ in range(500)]
    return random, parquet({"id": ids, "at": [AT] * 500}, compression="zstd")


def test_parquet_that_was_cut_off_anywhere_is_one_rejection() -> None:
    random, content = sample()
    for _ in range(10):
        staged = stage_parquet(content[: random.randrange(len(content))], BARE)
        assert staged.codes() == [(0, "unreadable_file")]


def test_parquet_with_flipped_bits_is_one_rejection_or_read_but_never_a_crash() -> None:
    random, content = sample()
    for _ in range(20):
        flipped = bytearray(content)
        for _ in range(4):
            flipped[random.randrange(len(flipped))] ^= 1 << random.randrange(8)
        staged = stage_parquet(bytes(flipped), BARE)
        assert {code for _, code in staged.codes()} <= {"unreadable_file", "wrong_type_occurred_at"}
