"""One measurement, in a process of its own: set-up, a warm-up ingest, then the timed one."""

import os
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measurement:
    """One timed ingest: `events` in the files, wall seconds, peak resident MiB, figures of the result."""

    contender: str
    events: int
    seconds: float
    peak_mib: float
    figures: dict[str, str]


def begin() -> None:
    """Make this child ready: what it prints is log, and settings of another home do not reach it."""
    os.dup2(2, 1)
    for name in [name for name in os.environ if name.startswith("RAPPORT_")]:
        del os.environ[name]


def measure(name: str, events: int, files: Sequence[Path], warm: Sequence[Path], folder: Path) -> Measurement:
    """Let the contender `name` ingest the `warm` files, then, timed, `files`; it writes into `folder`."""
    # Imported here: the parent names this function without loading DuckDB.
    from benchmarks.contender import contender
    from benchmarks.figures import figures

    chosen = contender(name)
    chosen.prepare(folder / "warm")
    chosen.ingest(warm, folder / "warm")
    chosen.prepare(folder / "timed")
    began = time.perf_counter()
    chosen.ingest(files, folder / "timed")
    seconds = time.perf_counter() - began
    peak = _peak_mib()
    return Measurement(name, events, seconds, peak, figures(chosen.connect(folder / "timed")))


def write_calls(folder: Path, events: int, seed: int, files: int) -> list[Path]:
    """Write `events` simulated Segment calls to `files` files in `folder`; the paths, sorted."""
    from pipelines.simulate.load import web_calls

    return sorted(web_calls(events, seed, folder, files))


def _peak_mib() -> float:
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in whose) / unit
