"""The runner: what a worker sends is whole, however long the coder of a record takes."""

import time
from collections.abc import Iterable
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import worker_handlers

from flows.runner import pipeline


class Leisure(str):
    """A text whose coder lets other threads run in the midst of the record."""


class LeisureCoder(beam.coders.Coder):
    def encode(self, value: Leisure) -> bytes:
        time.sleep(0.02)
        return value.encode()

    def decode(self, encoded: bytes) -> Leisure:
        return Leisure(encoded.decode())

    def is_deterministic(self) -> bool:
        return True


beam.coders.registry.register_coder(Leisure, LeisureCoder)


def write_size(group: tuple[int, Iterable[Leisure]], folder: Path) -> None:
    (folder / str(group[0])).write_text(str(len(list(group[1]))))


def test_a_record_is_never_sent_in_pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(worker_handlers, "DATA_BUFFER_TIME_LIMIT_MS", 1)  # what a worker waits unless told
    with pipeline(2) as stages:
        pairs = stages | beam.Create([(number % 3, Leisure(number)) for number in range(30)])
        typed = pairs | beam.Map(lambda pair: pair).with_output_types(tuple[int, Leisure])
        _ = typed | beam.GroupByKey() | beam.Map(write_size, tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"0": "10", "1": "10", "2": "10"}
