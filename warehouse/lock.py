"""One writer a home: an advisory lock that the operating system frees when its holder dies."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.errors import RapportError


@contextmanager
def writer_lock(path: Path, wait_seconds: float, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock at `path`; wait up to `wait_seconds` for another holder. Raises RapportError after that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(handle, path, wait_seconds, tell)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path, wait_seconds: float, tell: Callable[[str], None]) -> None:
    deadline, told = time.monotonic() + wait_seconds, False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = os.pread(handle, 32, 0).decode(errors="replace") or "unknown"
        if time.monotonic() >= deadline:
            raise RapportError(
                f"process {holder} is writing to this home ({path.parent.parent}); wait until it is done and try again"
            )
        if not told:
            tell(f"process {holder} is writing to this home; waiting")
            told = True
        time.sleep(0.1)
