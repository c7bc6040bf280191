"""A small simulated world, read back for tests."""

import csv
import json
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.simulate import Simulation, World, simulate

Record = dict[str, Any]


@dataclass(frozen=True)
class Written:
    """What a simulation wrote."""

    world: World
    out: Path
    simulation: Simulation

    @cached_property
    def lines(self) -> list[Record]:
        return [json.loads(line) for path in self._files("segment") for line in path.read_text().splitlines()]

    @cached_property
    def calls(self) -> list[Record]:
        return [call for line in self.lines for call in line.get("batch", [line])]

    @cached_property
    def requests(self) -> list[list[Record]]:
        return [json.loads(line) for path in self._files("sendgrid") for line in path.read_text().splitlines()]

    @cached_property
    def events(self) -> list[Record]:
        return [event for request in self.requests for event in request]

    @cached_property
    def truth(self) -> list[Record]:
        rows: list[Record] = pq.read_table(self.out / "truth.parquet").to_pylist()
        return rows

    def rows(self, source: str) -> list[dict[str, str]]:
        files = self._files(f"table/{source}")
        return [row for path in files for row in csv.DictReader(path.read_text().splitlines())]

    def mapping(self, source: str) -> Record:
        return tomllib.loads((self.out / "mappings" / f"{source}.toml").read_text())

    def _files(self, folder: str) -> list[Path]:
        return sorted((self.out / folder).iterdir())


def write(world: World, out: Path) -> Written:
    return Written(world, out, simulate(world, out))
