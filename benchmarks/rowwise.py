"""The plain peer: a Beam pipeline with one Python dict per event, on FnApiRunner in this process."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from benchmarks.contender import Contender, parquet_tables
from benchmarks.rows import SCALE, RejectedError, Row, interaction
from schemas.keys import key
from schemas.tables import tables
from schemas.vocabulary import ORDER_EVENTS
from warehouse.settings import Settings

REJECTED = "rejected"
CURRENCY = Settings().currency
REJECTIONS = pa.schema([("reason_code", pa.string()), ("record", pa.string())])

# Sums of interactions, order lines, amount and quantity; first and last time.
Totals = tuple[int, int, int, int, int, int]
Keyed = tuple[tuple[str | int, ...], Totals]
DAY = 86_400_000_000  # microseconds


def ingest(files: Sequence[Path], folder: Path) -> None:
    """Read the lines of `files`, write the tables into `folder` as Parquet."""
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(flags=[])) as pipeline:
        lines = [pipeline | f"Read {file.name}" >> beam.io.ReadFromText(str(file)) for file in files]
        parsed = (
            lines
            | "Put the files together" >> beam.Flatten()
            | "Parse and validate" >> beam.FlatMap(_parsed).with_outputs(REJECTED, main="valid")
        )
        winners = (
            parsed.valid
            | "Group the copies of a message" >> beam.GroupByKey()
            | "Choose the winner" >> beam.Map(_winner)
        )
        _ = parsed[REJECTED] | "Write rejections" >> _written(folder, "rejections", REJECTIONS)
        _ = (
            winners
            | "Make rows of interactions" >> beam.Map(partial(_record, schema=_schema("interactions")))
            | "Write interactions" >> _written(folder, "interactions", _schema("interactions"))
        )
        _ = (
            winners
            | "Find statements" >> beam.FlatMap(_statements)
            | "Write statements" >> _written(folder, "statements", _schema("statements"))
        )
        for table, keyed in _ROLLUPS.items():
            _ = (
                winners
                | f"Key by {table}" >> beam.FlatMap(keyed)
                | f"Sum {table}" >> beam.CombinePerKey(_summed)
                | f"Make rows of {table}"
                >> beam.Map(partial(_rollup, names=tables()[table].key, schema=_schema(table)))
                | f"Write {table}" >> _written(folder, table, _schema(table))
            )


def _parsed(line: str) -> Iterator[Any]:
    """Yield the line's interaction under its key, or the line with its reason."""
    try:
        row = interaction(line)
    except RejectedError as problem:
        yield beam.pvalue.TaggedOutput(REJECTED, {"reason_code": problem.reason_code, "record": line})
    else:
        yield row["interaction_id"], row


def _winner(copies: tuple[str, Iterable[Row]]) -> Row:
    """Choose the copy that was received first; of several, the one with the smallest content."""
    return min(copies[1], key=lambda row: (row["received_at"], repr(row["properties"])))


def _statements(row: Row) -> Iterator[Row]:
    if row["event_name"] == "identify" and row["anchor"] is not None:
        for name, value in (json.loads(row["properties"]).get("traits") or {}).items():
            if value is not None:
                yield {
                    "statement_id": key(row["interaction_id"], name),
                    "interaction_id": row["interaction_id"],
                    "anchor": row["anchor"],
                    "name": name,
                    "value": value if isinstance(value, str) else json.dumps(value),
                    "stated_at": row["occurred_at"],
                    "commit_seq": 1,
                }


def _activity(row: Row) -> Iterator[Keyed]:
    if row["anchor"] is not None:
        cell = (row["anchor"], row["occurred_at"] // DAY, row["channel"], row["event_name"])
        yield cell, _totals(row, row)


def _categories(row: Row) -> Iterator[Keyed]:
    if row["anchor"] is not None:
        for line in row["items"] or [row]:
            if line["category"] is not None:
                day = row["occurred_at"] // DAY
                yield (row["anchor"], day, line["category"], row["event_name"]), _totals(row, line)


def _orders(row: Row) -> Iterator[Keyed]:
    if row["event_name"] in ORDER_EVENTS:
        yield (row["source"], row["order_id"] or f"event:{row['event_id']}"), _totals(row, row)


def _totals(row: Row, line: Row) -> Totals:
    lines = line.get("items") or [line]
    amount = line["amount"] if row["currency"] in (None, CURRENCY) else None
    quantity = sum(each["quantity"] or 0 for each in lines)
    return 1, len(lines), amount or 0, quantity, row["occurred_at"], row["occurred_at"]


def _summed(parts: Iterable[Totals]) -> Totals:
    counts, lines, amounts, quantities, firsts, lasts = zip(*parts, strict=True)
    return sum(counts), sum(lines), sum(amounts), sum(quantities), min(firsts), max(lasts)


def _rollup(group: Keyed, names: tuple[str, ...], schema: pa.Schema) -> Row:
    cell, totals = group
    count, lines, amount, quantity, first, last = totals
    row: Row = {"interaction_count": count, "line_count": lines, "amount": amount, "quantity": quantity}
    row |= {"first_at": first, "last_at": last, "ordered_at": first, "completed_at": last}
    return _record(row | dict(zip(names, cell, strict=True)), schema)


def _record(row: Row, schema: pa.Schema) -> Row:
    """Keep the columns of `schema`, ten-thousandths as decimals."""
    record = {name: row.get(name) for name in schema.names}
    _set_decimals(record)
    record["items"] = row.get("items") and [_set_decimals(dict(item)) for item in row["items"]]
    return record


def _set_decimals(record: Row) -> Row:
    for name in ("amount", "quantity"):
        if record[name] is not None:
            record[name] = Decimal(record[name]).scaleb(-SCALE)
    return record


def _schema(table: str) -> pa.Schema:
    """Give the table's columns; JSON as text, since Beam's writer makes no extension arrays."""
    fields = tables()[table].schema
    return pa.schema([pa.field(f.name, pa.string() if f.type == pa.json_() else f.type) for f in fields])


def _written(folder: Path, table: str, schema: pa.Schema) -> beam.io.WriteToParquet:
    return beam.io.WriteToParquet(str(folder / table), schema, file_name_suffix=".parquet")


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True)


_ROLLUPS: dict[str, Callable[[Row], Iterator[Keyed]]] = {
    "daily_activity": _activity,
    "daily_categories": _categories,
    "orders": _orders,
}

CONTENDER = Contender(_prepare, ingest, parquet_tables)
