import base64
import gzip
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.compressed import BLOCK_BYTES
from warehouse.needles import Needles
from warehouse.scan import find_traces, scanned_files, stands_in

VALUE = "Jané.Döe+x/1@Example.org"
OTHER = b"somebody.else@example.org"


def traces(path: Path, *needles: bytes) -> list[tuple[str, int]]:
    return [(str(trace.path.relative_to(path.resolve())), trace.needle) for trace in find_traces(path, needles)]


def is_found(content: bytes, value: str = VALUE) -> bool:
    with TemporaryDirectory() as folder:
        (Path(folder) / "file").write_bytes(content)
        found = traces(Path(folder), OTHER, value.encode())
        assert found in ([("file", 1)], [])
        return bool(found)


def as_json(text: str) -> str:
    return json.dumps({"a": [text]})


def by_code_points(text: str) -> str:
    return "".join(f"\\u{ord(character):04X}" for character in text)


def as_php(text: str) -> str:
    return text.replace("/", "\\/")


WRITTEN: list[Callable[[str], str]] = [
    str, str.upper, str.lower, as_json, by_code_points, as_php, lambda text: as_json(as_json(as_json(text))),
]  # fmt: skip
PACKED: list[Callable[[bytes], bytes]] = [
    bytes, gzip.compress, zstandard.compress, lambda data: zstandard.compress(gzip.compress(data)),
    lambda data: gzip.compress(b"")[:0] + gzip.compress(data[:5]) + gzip.compress(data[5:]),
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(WRITTEN),
    st.sampled_from(PACKED),
    st.sampled_from([0, 1, 7, 4090, BLOCK_BYTES - 10, BLOCK_BYTES, 2 * BLOCK_BYTES - 1]),
    st.binary(max_size=20),
    st.binary(max_size=20),
)
def test_a_value_is_found_wherever_and_however_it_is_written(
    write: Callable[[str], str], pack: Callable[[bytes], bytes], offset: int, before: bytes, after: bytes
) -> None:
    rest = random.Random(offset).randbytes(offset)
    assert is_found(pack(rest + before + b" " + write(VALUE).encode() + b" " + after))
    assert not is_found(pack(rest + before + b" " + write(VALUE[:-1]).encode() + b" " + after))


def column(values: list[Any], kind: pa.DataType | None = None) -> pa.Table:
    return pa.table({"x": pa.array(values, kind)})


NUMBER = "1234567890123"
TABLES: list[Any] = [
    pytest.param(column(["a", VALUE, None]), VALUE, id="text"),
    pytest.param(column(["a", VALUE], pa.large_string()), VALUE, id="large text"),
    pytest.param(column([b"\xff", b"\xff" + VALUE.encode()]), VALUE, id="bytes"),
    pytest.param(column([VALUE.encode()], pa.binary(len(VALUE.encode()))), VALUE, id="bytes of one length"),
    pytest.param(column([[{"kind": "email", "value": VALUE}], []]), VALUE, id="list of structs"),
    pytest.param(column([[("k", VALUE)]], pa.map_(pa.string(), pa.string())), VALUE, id="map"),
    pytest.param(column([json.dumps({"deep": json.dumps([VALUE])})]), VALUE, id="JSON within JSON"),
    pytest.param(column([1, int(NUMBER)]), NUMBER, id="number"),
    pytest.param(column([f"{NUMBER}.25"]).cast(pa.schema([("x", pa.decimal128(18, 2))])), NUMBER, id="decimal"),
    pytest.param(column([1577934245000001], pa.timestamp("us")), "2020-01-02 03:04:05.000001", id="time"),
]


@pytest.mark.parametrize(("table", "value"), TABLES)
@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zstd"},
        {"compression": "snappy", "use_dictionary": False},
        {"compression": "gzip", "row_group_size": 1},
        {"compression": "brotli", "data_page_version": "2.0"},
        {"compression": "lz4"},
    ],
    ids=lambda options: options["compression"],
)
def test_a_value_in_a_page_is_found(table: pa.Table, value: str, options: Any, tmp_path: Path) -> None:
    pq.write_table(table, tmp_path / "x.parquet", write_statistics=False, store_schema=False, **options)
    assert traces(tmp_path, value.encode()) == [("x.parquet", 0)]
    assert traces(tmp_path, value.encode() + b"0") == []


def test_a_value_of_which_pages_hold_only_differences_is_found(tmp_path: Path) -> None:
    pq.write_table(
        column([VALUE[:10], VALUE]), tmp_path / "x.parquet", use_dictionary=False, write_statistics=False,
        column_encoding={"x": "DELTA_BYTE_ARRAY"},
    )  # fmt: skip
    assert traces(tmp_path, VALUE.encode()) == [("x.parquet", 0)]


def test_a_value_is_found_in_a_dictionary_that_no_row_refers_to(tmp_path: Path) -> None:
    values = pa.DictionaryArray.from_arrays(pa.array([0, 0]), pa.array(["used", VALUE]))
    pq.write_table(pa.table({"x": values}), tmp_path / "x.parquet", write_statistics=False, compression="zstd")
    assert VALUE not in pq.read_table(tmp_path / "x.parquet")["x"].to_pylist()
    assert traces(tmp_path, VALUE.encode()) == [("x.parquet", 0)]


def test_a_value_is_found_in_statistics_and_in_the_footers_notes(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(column(["a"]).replace_schema_metadata({"note": VALUE}), path, compression="zstd")
    assert traces(tmp_path, VALUE.encode()) == [("x.parquet", 0)]


def test_neighbours_in_a_column_make_no_value_together(tmp_path: Path) -> None:
    pq.write_table(column(["12345", "67890"]), tmp_path / "x.parquet", compression="zstd")
    assert traces(tmp_path, b"1234567890") == []
    assert traces(tmp_path, b"12345678") == []


def test_what_duckdb_writes_is_looked_through(tmp_path: Path) -> None:
    con = duckdb.connect(str(tmp_path / "x.duckdb"))
    con.execute("CREATE TABLE t AS SELECT ?::VARCHAR AS v, {'a': ['b']}::JSON AS j", [VALUE])
    con.execute(f"COPY (SELECT j, {{'n': v}} AS s FROM t) TO '{tmp_path}/x.parquet' (COMPRESSION zstd)")
    con.close()
    assert traces(tmp_path, VALUE.encode()) == [("x.duckdb", 0), ("x.parquet", 0)]


def test_of_an_encrypted_file_only_the_bytes_are_looked_at(tmp_path: Path) -> None:
    wrap = {"wrap_key": lambda _, key, _name: base64.b64encode(key), "unwrap_key": lambda _, key, _name: key}
    service = type("Kms", (pe.KmsClient,), wrap)
    factory = pe.CryptoFactory(lambda _: service())
    for plain in (True, False):
        config = pe.EncryptionConfiguration(footer_key="k", column_keys={"k": ["x"]}, plaintext_footer=plain)
        properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), config)
        pq.write_table(column([VALUE]), tmp_path / f"{plain}.parquet", encryption_properties=properties)
    assert traces(tmp_path, VALUE.encode()) == []


def test_a_compressed_file_that_breaks_off_is_looked_through_up_to_there(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(5000) + VALUE.encode() + random.Random(2).randbytes(5000)
    packed = gzip.compress(data)
    (tmp_path / "cut").write_bytes(packed[:-9])
    (tmp_path / "cut within").write_bytes(zstandard.compress(packed[:-100]))
    (tmp_path / "damaged").write_bytes(zstandard.compress(packed[:-8] + bytes(8)))
    assert traces(tmp_path, VALUE.encode()) == [("cut", 0), ("cut within", 0), ("damaged", 0)]


def test_files_in_all_folders_are_looked_through_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "home" / "a" / "b").mkdir(parents=True)
    (tmp_path / "outside").write_text(VALUE)
    (tmp_path / "home" / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(tmp_path / "home" / "pipe")
    (tmp_path / "home" / "a" / "b" / ".hidden").write_text(VALUE)
    (tmp_path / "home" / "empty").write_text("")
    assert traces(tmp_path / "home", VALUE.encode()) == [("a/b/.hidden", 0)]
    assert [path.name for path in scanned_files(tmp_path / "home")] == [".hidden", "empty"]


def test_a_file_that_goes_meanwhile_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.scan.scanned_files", lambda root: [root / "gone"])
    assert find_traces(tmp_path, [VALUE.encode()]) == []


def test_each_value_is_told_once_a_file_by_its_number(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(OTHER * 3 + VALUE.encode())
    assert traces(tmp_path, VALUE.encode(), OTHER) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert not any(VALUE in repr(trace) for trace in find_traces(tmp_path, [VALUE.encode()]))


def test_a_short_value_is_refused_and_nothing_is_found_without_values(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(VALUE)
    assert find_traces(tmp_path, []) == []
    assert not stands_in(tmp_path / "a", Needles([]))
    with pytest.raises(ValueError, match="fewer than 8 bytes is found by chance"):
        find_traces(tmp_path, [b"1234567"])


@pytest.mark.parametrize("place", [0, 1, 4999, 9000])
def test_one_of_many_values_is_found_in_a_long_text(place: int) -> None:
    values = [f"person-{number:04d}@example.org".encode() for number in range(500)]
    text = bytearray(b"person-0000@example.or" * 500)
    text[place : place + len(values[77])] = values[77].upper()
    assert Needles(values).found(bytes(text)) == {77}
    assert Needles(values[:77] + values[78:]).found(bytes(text)) == set()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(min_size=8, max_size=20), min_size=1, max_size=40, unique=True), st.data())
def test_many_values_are_found_as_one_by_one(values: list[bytes], data: st.DataObject) -> None:
    planted = data.draw(st.sets(st.sampled_from(range(len(values)))))
    gap = b"\x00" * data.draw(st.integers(0, 3000))
    text = gap.join(values[number] for number in sorted(planted))
    found = Needles(values).found(text)
    assert found >= {n for n in planted if not any(values[n].lower() == v.lower() for v in values[:n])}
    assert all(values[n].lower() in text.lower() or b"\\" in text or b'""' in text for n in found)
    assert Needles(values).stand_in(text) is bool(found)
