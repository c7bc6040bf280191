"""Where collectors write: landing/open/<collector>/<connector>/<source>/<segment>, a lock for each that lives.

A collector writes to its own folder alone, so it needs no lock against the writer of the lake, nor against others.
"""

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.collect.server.segment_file import OPEN, SEALED, recover
from warehouse.durable import sync
from warehouse.home import Home

_LOCK = ".lock"
_REQUEST = "seal"
_PAUSE = 0.05


class CollectorFolder:
    """The folder of one collector, which holds its lock while it lives."""

    def __init__(self, home: Home) -> None:
        home.collected.mkdir(parents=True, exist_ok=True)
        self.root = home.collected / uuid.uuid4().hex
        self._lock_path = self.root.with_suffix(_LOCK)
        self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.root.mkdir()  # only now: a folder without a lock that is held belongs to a dead collector
        sync(home.collected)

    def new_segment(self, connector: str, source: str) -> Path:
        """A name for a new segment."""
        return self.root / connector / source / f"{uuid.uuid4().hex}{OPEN}"

    def is_seal_requested(self) -> bool:
        """Whether somebody waits for all segments to be sealed."""
        return (self.root / _REQUEST).exists()

    def answer_seal(self) -> None:
        """Tell whoever waits that all is sealed."""
        (self.root / _REQUEST).unlink(missing_ok=True)

    def close(self) -> None:
        """Give the lock back; what lies in the folder is taken up by the next run."""
        os.close(self._lock)


@dataclass(frozen=True)
class SealedSegment:
    """A segment that nobody writes any more."""

    path: Path
    connector: str
    source: str

    @property
    def segment_id(self) -> str:
        """Its id, unique for ever."""
        return self.path.stem


def sealed_segments(home: Home) -> list[SealedSegment]:
    """All segments that can be taken up, in the order in which they were last written; those of dead collectors too.

    For the one writer of the lake.
    """
    for folder in _folders(home):
        if _is_dead(folder):
            for path in sorted(folder.glob(f"*/*/*{OPEN}")):
                recover(path)
    paths = [path for folder in _folders(home) for path in folder.glob(f"*/*/*{SEALED}")]
    paths.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
    return [SealedSegment(path, path.parts[-3], path.parts[-2]) for path in paths]


def is_any_sealed(home: Home) -> bool:
    """Whether a segment can be taken up; a cheap look that changes nothing."""
    return any(
        any(folder.glob(f"*/*/*{SEALED}")) or (any(folder.glob(f"*/*/*{OPEN}")) and _is_dead(folder))
        for folder in _folders(home)
    )


def remove_dead(home: Home) -> None:
    """Remove the folders of dead collectors from which everything is taken up."""
    for folder in _folders(home):
        is_left = any(path.is_file() and path.name != _REQUEST for path in folder.rglob("*"))
        if not is_left and _is_dead(folder):
            shutil.rmtree(folder)
            folder.with_suffix(_LOCK).unlink(missing_ok=True)


def request_seal(home: Home, wait_seconds: float) -> bool:
    """Have all collectors seal what they have; gives whether all that live did so in time."""
    living = [folder for folder in _folders(home) if not _is_dead(folder)]
    for folder in living:
        with suppress(FileNotFoundError):  # it ended in between
            (folder / _REQUEST).touch()
    deadline = time.monotonic() + wait_seconds
    while waiting := [folder for folder in living if (folder / _REQUEST).exists() and not _is_dead(folder)]:
        if time.monotonic() >= deadline:
            return False
        living = waiting
        time.sleep(_PAUSE)
    return True


def _folders(home: Home) -> Iterator[Path]:
    if home.collected.is_dir():
        yield from sorted(path for path in home.collected.iterdir() if path.is_dir())


def _is_dead(folder: Path) -> bool:
    """Whether nobody holds the lock of a collector's folder."""
    try:
        handle = os.open(folder.with_suffix(_LOCK), os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
