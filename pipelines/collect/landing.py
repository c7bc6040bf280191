"""Landing: files as they were received, copied or hard-linked, named by their id, never changed."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from warehouse.errors import UsageError
from warehouse.home import Home

_PENDING = "pending"


@dataclass(frozen=True)
class LandedFile:
    """A file received: where it lies (relative to the home), what reads it, its digest."""

    file_id: str
    connector: str
    source: str
    name: str
    path: str
    sha256: str
    size_bytes: int
    mapping: str | None
    landed_at: str


def land(
    home: Home,
    path: Path,
    connector: str,
    source: str,
    mapping: str | None,
    now: datetime,
    *,
    move: bool = False,
) -> LandedFile:
    """Take `path` into the landing, hard-linked where possible, else copied, and note it as pending; `move` removes it.

    The note is written last and atomically: a file counts as landed or it does not. Raises UsageError for no file.
    """
    if not path.is_file():
        raise UsageError(f"'{path}' is not a file; give the path of a file that can be read")
    file_id = uuid.uuid4().hex
    target = home.landing / f"{file_id}{_endings(path)}"
    _take(path, target)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    landed = LandedFile(
        file_id=file_id,
        connector=connector,
        source=source,
        name=path.name.encode("utf-8", "replace").decode(),
        path=str(target.relative_to(home.root)),
        sha256=digest,
        size_bytes=target.stat().st_size,
        mapping=mapping,
        landed_at=now.isoformat(),
    )
    _note(home, landed)
    if move:  # only now: until the note is there, the file may be landed again
        path.unlink()
    return landed


def _endings(path: Path) -> str:
    """The last two endings of a file's name, such as .csv.gz, where they are plain."""
    return "".join(e.lower() for e in path.suffixes[-2:] if e.isascii() and e[1:].isalnum() and len(e) <= 10)


def _take(path: Path, target: Path) -> None:
    draft = target.with_name(target.name + ".part")
    try:
        os.link(path.resolve(), draft)  # not the link to it, if it is one
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(path, draft)
    draft.replace(target)


def _note(home: Home, landed: LandedFile) -> None:
    folder = home.landing / _PENDING
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{landed.file_id}.part"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(landed), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / f"{landed.file_id}.json")


def pending(home: Home) -> list[LandedFile]:
    """The files that are landed but not known to be loaded, in the order of their arrival."""
    notes = (home.landing / _PENDING).glob("*.json")
    found = [LandedFile(**json.loads(note.read_text(encoding="utf-8"))) for note in notes]
    return sorted(found, key=lambda landed: (landed.landed_at, landed.name, landed.file_id))


def settle(home: Home, file_ids: Iterable[str]) -> None:
    """Forget the notes of files that a commit has loaded."""
    for file_id in file_ids:
        (home.landing / _PENDING / f"{file_id}.json").unlink(missing_ok=True)


def inbox_files(home: Home, connectors: Iterable[str]) -> list[tuple[Path, str, str]]:
    """(path, connector, source) of every complete file in the inbox: inbox/<connector>/[<source>/]file.

    Names ending in .part are left alone. Raises UsageError for a folder that no connector has the name of.
    """
    known, found = set(connectors), []
    for path in sorted(home.inbox.rglob("*")):
        if not path.is_file() or path.name.endswith(".part") or path.name.startswith("."):
            continue
        parts = path.relative_to(home.inbox).parts
        if len(parts) < 2 or parts[0] not in known:
            raise UsageError(
                f"inbox file '{'/'.join(parts)}' lies under no connector's name; move it to inbox/<connector>/ "
                f"({', '.join(sorted(known))})"
            )
        found.append((path, parts[0], parts[1] if len(parts) > 2 else parts[0]))
    return found
