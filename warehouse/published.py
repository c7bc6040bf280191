"""Published copies of the catalog: readers attach a copy under a shared lock, the writer replaces the pointer."""

import fcntl
import hashlib
import os
import time
from pathlib import Path

import duckdb

from schemas.table import literal
from warehouse.durable import sync as sync
from warehouse.errors import RapportError

POINTER = "current"
_PAUSE = 0.05

# Paths are stored relative to the table's folder, that to the schema's, and that to the data path. A table has a
# row for each time that it was renamed, always with one folder.
_FILES = """
WITH
folders AS (
    SELECT DISTINCT t.table_id, CASE WHEN t.path_is_relative THEN s.path ELSE '' END || t.path AS path
    FROM copy.ducklake_table AS t
    JOIN copy.ducklake_schema AS s USING (schema_id)
),
files AS (
    SELECT table_id, path, path_is_relative FROM copy.ducklake_data_file
    UNION
    SELECT table_id, path, path_is_relative FROM copy.ducklake_delete_file
)
SELECT CASE WHEN files.path_is_relative THEN folders.path ELSE '' END || files.path
FROM files
JOIN folders USING (table_id)
"""


def publish(catalog: Path, folder: Path, snapshot: int) -> Path:
    """Copy the checkpointed `catalog` as `<snapshot>-<digest>.ducklake`, then move the pointer to it, both durable.

    The digest is of the content, so another catalog with the same snapshot has another name; what readers see
    already is not published again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = catalog.read_bytes()
    copy = folder / f"{snapshot}-{hashlib.sha256(content).hexdigest()[:16]}.ducklake"
    if pointed(folder) != copy or not copy.exists():
        _write(copy, content)
        _write(folder / POINTER, copy.name.encode())
    drop_unused(folder)
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
                f"no lake is published in {folder.parent.parent}; "
                "run `rapport init` to make one, or give another home with --home"
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


def copies(folder: Path) -> list[Path]:
    """The copies that are there, sorted by name."""
    return sorted(folder.glob("*.ducklake"))


def drop_unused(folder: Path) -> list[Path]:
    """Delete drafts, and the copies that neither the pointer names nor a reader holds; gives the old ones that stay."""
    for draft in folder.glob("*.draft"):
        draft.unlink()
    current = pointed(folder)
    return [old for old in copies(folder) if old != current and not _drop_if_free(old)]


def break_leases(folder: Path, grace_seconds: float) -> int:
    """Delete all copies but the newest: wait up to `grace_seconds` for their readers, then delete them all the same.

    Gives how many leases' copies were taken away. Their readers fail when a file goes that their copy names;
    `LakeReader` then asks the newest publication instead.
    """
    deadline = time.monotonic() + grace_seconds
    while (held := drop_unused(folder)) and time.monotonic() < deadline:
        time.sleep(min(_PAUSE, max(0.0, deadline - time.monotonic())))
    for copy in held:
        copy.unlink(missing_ok=True)
    if held:
        sync(folder)
    return len(held)


def leased_files(folder: Path, data: Path) -> set[Path]:
    """The data and delete files under `data` that readers may still open: those that any copy names.

    A copy is only read, under no lock that a writer waits for; free copies are dropped first.
    """
    drop_unused(folder)
    found: set[Path] = set()
    with duckdb.connect() as con:
        for copy in copies(folder):
            con.execute(f"ATTACH {literal(str(copy))} AS copy (READ_ONLY)")
            found |= {data / path for (path,) in con.execute(_FILES).fetchall()}
            con.execute("DETACH copy")
    return found


def _write(path: Path, content: bytes) -> None:
    """Put `content` at `path` at once, and on the disk before anything that follows."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(content)
    sync(draft)
    draft.replace(path)
    sync(path.parent)


def _drop_if_free(path: Path) -> bool:
    """Whether the copy is gone. A reader that comes meanwhile waits, finds it gone and takes the newest."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
