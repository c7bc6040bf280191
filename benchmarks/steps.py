"""The main job under a stop-watch: wall and processor seconds of each step, and what was written."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flows.steps import PLAIN, Step, Steps, main_job
from flows.work import Work
from warehouse.lake import Lake

STEPS = ("collect", "keep", "resolve", "know", "decide", "publish")
KEEPING = "de-duplicating and rolling up"  # told by the step `collect` where keep begins


@dataclass(frozen=True)
class Increment:
    """One measured increment in the home with `history` events.

    `seconds` and `cpu_seconds` are by step, `data_bytes` the new files of the lake, `written_bytes` all that the
    process wrote and what was landed; `counts` the five of conservation.
    """

    history: int
    seconds: dict[str, float]
    cpu_seconds: dict[str, float]
    data_bytes: int
    written_bytes: int
    counts: tuple[int, ...]

    @property
    def total(self) -> float:
        """Wall seconds from the inbox to the publication."""
        return sum(self.seconds.values())

    @property
    def cpu_total(self) -> float:
        """Processor seconds of the same."""
        return sum(self.cpu_seconds.values())


class Watch:
    """Seconds by step; each step lasts until the next begins."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STEPS, 0.0)
        self.cpu_seconds = dict.fromkeys(STEPS, 0.0)
        self._step = ""
        self._began = self._now()

    def begin(self, step: str) -> None:
        """Close the step before, if there is one, and begin `step`."""
        began, self._began = self._began, self._now()
        if self._step:
            self.seconds[self._step] += self._began[0] - began[0]
            self.cpu_seconds[self._step] += self._began[1] - began[1]
        self._step = step

    def tell(self, message: str) -> None:
        """Hear from the steps where keep begins."""
        if message == KEEPING:
            self.begin("keep")

    def around(self, step: str, body: Step, work: Work) -> None:
        """Run a step of the main job."""
        self.begin(step)
        body(work)

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()


def main_job_timed(lake: Lake, history: int, as_of: str) -> Increment:
    """Run the main job on what lies in the inbox of `lake`, which has `history` events before it."""
    watch = Watch()
    steps: dict[str, Callable[[Work], None]] = {
        name: partial(watch.around, name, getattr(PLAIN, name)) for name in Steps.__dataclass_fields__
    }
    before, wrote, waiting = _files(lake.home.data), _written(), _bytes(_files(lake.home.inbox))
    report = main_job(Work(lake, as_of, watch.tell), Steps(**steps))
    watch.begin("")
    new = {path: size for path, size in _files(lake.home.data).items() if path not in before}
    written = _written() - wrote + waiting
    return Increment(history, watch.seconds, watch.cpu_seconds, _bytes(new), written, report.counts.values)


def _files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def _bytes(files: dict[Path, int]) -> int:
    return sum(files.values())


def _written() -> int:
    """Bytes that this process has written so far, wherever to; 0 where the system does not count them."""
    io = Path("/proc/self/io")
    lines = io.read_text(encoding="ascii").splitlines() if io.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("wchar")), 0)
