"""A segment: a file of lines that grows by groups, each on the disk before anyone hears of it."""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from warehouse.durable import sync

OPEN = ".open"
SEALED = ".jsonl"
_BLOCK = 64 * 1024


class SegmentFile:
    """A segment that one collector writes. `size` is how many bytes are durable, in whole lines."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self.size = 0
        self.is_broken = False
        sync(path.parent)

    def append(self, lines: Sequence[bytes]) -> None:
        """Add whole lines and wait for the disk. Raises OSError: then none of them is there.

        A segment of which the disk may hold something else `is_broken`: it takes no more lines.
        """
        if self.is_broken:
            raise OSError(errno.EIO, "the segment waits to be sealed")
        data = b"".join(lines)
        try:
            _write(self._handle, data)
        except OSError:
            self._take_back()
            raise
        try:
            os.fsync(self._handle)
        except OSError:
            self.is_broken = True  # what a failed fsync has dropped, the next one would not write
            self._take_back()
            raise
        self.size += len(data)

    def seal(self) -> None:
        """End the segment: from now on it may be taken up. An empty one goes. Raises OSError: it may be tried again."""
        os.ftruncate(self._handle, self.size)
        os.fsync(self._handle)
        _settle(self._path, self.size)
        os.close(self._handle)

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._handle, self.size)
        except OSError:
            self.is_broken = True


def recover(path: Path) -> None:
    """Seal the open segment of a collector that was killed; a torn last line, which was never answered, is cut off."""
    size = whole_bytes(path)
    os.truncate(path, size)
    sync(path)
    _settle(path, size)


def whole_bytes(path: Path) -> int:
    """How many bytes at the start of the file are whole lines."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK)
            file.seek(start)
            place = file.read(end - start).rfind(b"\n")
            if place >= 0:
                return start + place + 1
            end = start
    return 0


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _settle(path: Path, size: int) -> None:
    if size:
        path.rename(path.with_suffix(SEALED))
    else:
        path.unlink()
    with suppress(OSError):  # a name that is lost with the power is found again as that of an open segment
        sync(path.parent)
