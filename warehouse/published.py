"""Published copies of the catalog: readers attach a copy under a shared lock, the writer replaces the pointer."""

import fcntl
import os
import shutil
from pathlib import Path

from warehouse.errors import RapportError

POINTER = "current"


def publish(catalog: Path, folder: Path, snapshot: int) -> Path:
    """Copy the checkpointed `catalog` as `<snapshot>.ducklake`, then move the pointer to it, both durable."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{snapshot}.ducklake"
    draft = folder / f"{snapshot}.draft"
    shutil.copyfile(catalog, draft)
    _sync(draft)
    draft.replace(copy)
    pointer = folder / f"{POINTER}.draft"
    pointer.write_text(copy.name, encoding="utf-8")
    _sync(pointer)
    pointer.replace(folder / POINTER)
    _sync(folder)
    _drop_unused(folder, copy)
    return copy


def pointed(folder: Path) -> Path | None:
    """The copy that the pointer names, or None before the first publication."""
    try:
        return folder / (folder / POINTER).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def lease(folder: Path) -> tuple[Path, int]:
    """The newest copy and a handle that holds it under a shared lock until it is closed.

    Raises RapportError if nothing was published yet, or if the copy is lost.
    """
    while True:
        copy = pointed(folder)
        if copy is None:
            raise RapportError(
                f"no lake is published in {folder.parent.parent}; run `rapport init` there, or give --home"
            )
        try:
            handle = os.open(copy, os.O_RDONLY)
        except FileNotFoundError:
            if pointed(folder) == copy:
                raise RapportError(f"the published copy {copy} is missing; `rapport run` publishes it again") from None
            continue  # the pointer moved and the copy went between our two looks
        fcntl.flock(handle, fcntl.LOCK_SH)
        if copy.exists():
            return copy, handle
        os.close(handle)


def _drop_unused(folder: Path, keep: Path) -> None:
    for draft in folder.glob("*.draft"):
        draft.unlink()
    for old in folder.glob("*.ducklake"):
        if old != keep:
            _drop_if_free(old)


def _drop_if_free(path: Path) -> None:
    # Deleted under the lock: a reader that comes meanwhile waits, finds the copy gone and takes the newest.
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except BlockingIOError:
        return
    finally:
        os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
