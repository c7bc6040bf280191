"""The Beam transform that finds copies: only arrays of keys cross the shuffle, never rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.keep.copies import by_range, candidates, part_keys, save_keys
from warehouse.key_index import segments


class ArrowBatchCoder(beam.coders.Coder):
    """Record batches as Arrow IPC streams: a slice travels as small as it is."""

    def encode(self, value: pa.RecordBatch) -> bytes:
        """The batch as one IPC stream."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write_batch(value)
        return bytes(sink.getvalue())

    def decode(self, encoded: bytes) -> pa.RecordBatch:
        """The batch of one IPC stream."""
        with pa.ipc.open_stream(encoded) as reader:
            return reader.read_next_batch()

    def is_deterministic(self) -> bool:
        """Whether equal batches have equal bytes: not promised by IPC."""
        return False


beam.coders.registry.register_coder(pa.RecordBatch, ArrowBatchCoder)


class _KeysOf(beam.DoFn):
    def __init__(self, staging: Path) -> None:
        super().__init__()
        self._staging = staging

    def process(self, part: tuple[int, str]) -> Iterator[tuple[int, pa.RecordBatch]]:
        number, path = part
        keys, days = part_keys(Path(path))
        save_keys(self._staging, number, keys, days)
        yield from by_range(number, keys)


class _WriteCandidates(beam.DoFn):
    def __init__(self, index: Path, staging: Path) -> None:
        super().__init__()
        self._index, self._staging = index, staging

    def process(self, group: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[str]:
        number, batches = group
        found = candidates(batches, segments(self._index))
        if found.num_rows:
            target = self._staging / f"candidates-{number:02d}.parquet"
            pq.write_table(pa.Table.from_batches([found]), target)
            yield str(target)


@dataclass
class FindCopies(beam.PTransform):
    """(part number, path of its staged file) -> files of candidates: rows whose key may have been seen before."""

    index: Path
    staging: Path

    def expand(self, parts: Any) -> Any:
        """Wire the keys of all parts, range by range, to the search for copies."""
        keys_of = beam.ParDo(_KeysOf(self.staging))
        return (
            parts
            | "Take the keys of each part" >> keys_of.with_output_types(tuple[int, pa.RecordBatch])
            | "Bring the keys of a range together" >> beam.GroupByKey()
            | "Write the rows that may be copies" >> beam.ParDo(_WriteCandidates(self.index, self.staging))
        )
