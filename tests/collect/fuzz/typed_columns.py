"""Parquet files whose columns have any of Arrow's types."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.collect.fuzz.samples import Pool, Rows

_ROWS = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Values = Callable[[Random, Rows, int], pa.Array]


def parquet_file(form: Rows, random: Random, pool: Pool) -> bytes:
    """Rows of `form` in columns some of which have another type, or are not there."""
    columns = {}
    for place, name in enumerate(form.header):
        if random.random() < 0.04:
            continue
        kind = (_objects if form.documents else _texts) if random.random() < 0.6 else random.choice(_KINDS)
        columns[name] = kind(random, form, place)
    if random.random() < 0.1:
        columns[str(random.choice(pool))] = pa.nulls(_ROWS)
    target = io.BytesIO()
    names = [name.encode("utf-8", "replace").decode() for name in columns]
    pq.write_table(pa.Table.from_arrays(list(columns.values()), names), target, row_group_size=random.choice((7, 100)))
    return target.getvalue()


def _texts(random: Random, form: Rows, place: int) -> pa.Array:
    return pa.array([random.choice(form.right)[place] or None for _ in range(_ROWS)], pa.string())


def _objects(random: Random, form: Rows, place: int) -> pa.Array:
    """The values as they are, in the type that fits all of them; texts where none does."""
    values = [document.get(form.header[place]) for document in random.choices(form.documents, k=_ROWS)]
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return _texts(random, form, place)


def _whole_numbers(random: Random, _form: Rows, _place: int) -> pa.Array:
    kind = random.choice((pa.int8(), pa.int32(), pa.int64()))
    top = 2 ** (kind.bit_width - 1)
    return _array([random.choice((0, 1, -1, top - 1, -top, None)) for _ in range(_ROWS)], kind)


def _unsigned(random: Random, _form: Rows, _place: int) -> pa.Array:
    return _array([random.choice((0, 1, 2**64 - 1, None)) for _ in range(_ROWS)], pa.uint64())


def _fractions(random: Random, _form: Rows, _place: int) -> pa.Array:
    odd = (0.1, -0.0, 1e300, float("nan"), float("inf"), -float("inf"), 5e-324, None)
    return _array([random.choice(odd) for _ in range(_ROWS)], random.choice((pa.float32(), pa.float64())))


def _decimals(random: Random, _form: Rows, _place: int) -> pa.Array:
    odd = (Decimal(0), Decimal("-0.01"), Decimal(10) ** 35, None)
    return _array([random.choice(odd) for _ in range(_ROWS)], pa.decimal128(38, 2))


def _instants(random: Random, _form: Rows, _place: int) -> pa.Array:
    unit, zone = random.choice(("ms", "us", "ns")), random.choice((None, "UTC", "Europe/Vienna"))
    odd = (0, 1, -1, 1_709_251_200, 2**40, 2**62, -(2**62), None)
    return _array([random.choice(odd) for _ in range(_ROWS)], pa.int64()).cast(pa.timestamp(unit, tz=zone))


def _days(random: Random, _form: Rows, _place: int) -> pa.Array:
    return _array([random.choice((0, -1, 20_000, 2**30, -(2**30), None)) for _ in range(_ROWS)], pa.int32()).cast(
        pa.date32()
    )


def _times_of_day(random: Random, _form: Rows, _place: int) -> pa.Array:
    return _array([random.choice((0, 1, 86_399_999_999, None)) for _ in range(_ROWS)], pa.int64()).cast(pa.time64("us"))


def _durations(random: Random, _form: Rows, _place: int) -> pa.Array:
    return _array([random.choice((timedelta(0), timedelta(days=9999), None)) for _ in range(_ROWS)], pa.duration("us"))


def _truths(random: Random, _form: Rows, _place: int) -> pa.Array:
    return _array([random.choice((True, False, None)) for _ in range(_ROWS)], pa.bool_())


def _bytes(random: Random, _form: Rows, _place: int) -> pa.Array:
    return _array([random.choice((b"", b"\xff", b"a\0b", b"text", None)) for _ in range(_ROWS)], pa.binary())


def _lists(random: Random, form: Rows, place: int) -> pa.Array:
    cells = _texts(random, form, place).to_pylist()
    return _array([random.choice(([], [cell], [cell, None], None)) for cell in cells], pa.list_(pa.string()))


def _structures(random: Random, form: Rows, place: int) -> pa.Array:
    kind = pa.struct([("key", pa.string()), ("value", pa.list_(pa.struct([("int_value", pa.int64())])))])
    cells = _texts(random, form, place).to_pylist()
    inner: tuple[Any, ...] = ([], [None], [{"int_value": 1}], None)
    return _array([random.choice((None, {"key": cell, "value": random.choice(inner)})) for cell in cells], kind)


def _maps(random: Random, form: Rows, place: int) -> pa.Array:
    cells = _texts(random, form, place).to_pylist()
    return _array([random.choice(([], [("a", cell)], None)) for cell in cells], pa.map_(pa.string(), pa.string()))


def _words(random: Random, form: Rows, place: int) -> pa.Array:
    return _texts(random, form, place).dictionary_encode()


def _nothing(_random: Random, _form: Rows, _place: int) -> pa.Array:
    return pa.nulls(_ROWS)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind)


_KINDS: tuple[Values, ...] = (
    _whole_numbers, _unsigned, _fractions, _decimals, _instants, _days, _times_of_day, _durations, _truths, _bytes,
    _lists,     _structures, _maps, _words, _nothing,
)  # fmt: skip
