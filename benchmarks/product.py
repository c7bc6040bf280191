"""The product: what `rapport ingest segment` does, on a home of its own with the settings as shipped."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.contender import Contender
from flows.ingest import ingest_paths
from warehouse import open_lake
from warehouse.home import Home
from warehouse.lake import open_writer


def _prepare(folder: Path) -> None:
    with open_writer(Home(folder)):
        return


def _ingest(files: Sequence[Path], folder: Path) -> None:
    with open_writer(Home(folder)) as lake:
        ingest_paths(lake, "segment", files)


CONTENDER = Contender(_prepare, _ingest, open_lake)
