"""Landing: files as they were received, copied or moved, named by their id. They change only by an erasure."""

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from warehouse.durable import sync
from warehouse.errors import RapportError, UsageError
from warehouse.home import Home

_PENDING = "pending"
_BEGUN = ".part"
_DRAFT = ".blank"
_FICLONE = 0x40049409  # Linux: share the blocks of another file until one of the two is written


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
    file_id: str = "",
) -> LandedFile:
    """Take a copy of `path` into the landing, sharing its blocks where the file system can, and note it as pending.

    `move` takes the file itself. `file_id` is given where the file has an id already. A note is begun first and
    completed last, atomically: a file counts as landed or it does not, and what a killed process has taken is found by
    `sweep_landing`. Raises UsageError for no file.
    """
    if not path.is_file():
        raise UsageError(f"'{path}' is not a file; give the path of a file that can be read")
    file_id = file_id or uuid.uuid4().hex
    target = home.landing / f"{file_id}{_endings(path)}"
    _begin(home, target)
    if move:
        _take(path, target)
    else:
        _copy(path, target)
    landed = LandedFile(
        file_id=file_id,
        connector=connector,
        source=source,
        name=path.name.encode("utf-8", "replace").decode(),
        path=str(target.relative_to(home.root)),
        sha256=digest(target),
        size_bytes=target.stat().st_size,
        mapping=mapping,
        landed_at=now.isoformat(),
    )
    note(home, landed)
    if move:  # only now: until the note is there, the file may be landed again
        path.unlink()
    return landed


def _endings(path: Path) -> str:
    """The last two endings of a file's name, such as .csv.gz, where they are plain."""
    return "".join(e.lower() for e in path.suffixes[-2:] if e.isascii() and e[1:].isalnum() and len(e) <= 10)


def _take(path: Path, target: Path) -> None:
    try:
        os.link(path.resolve(), target)  # not the link to it, if it is one
    except OSError:  # another file system, or one without hard links
        _copy(path, target)


def _copy(path: Path, target: Path) -> None:
    """A copy that later writes to `path` do not reach, as they would reach a hard link."""
    with path.open("rb") as source, target.open("wb") as copy:
        try:
            fcntl.ioctl(copy, _FICLONE, source.fileno())
        except OSError:  # two file systems, or one that cannot share blocks
            shutil.copyfileobj(source, copy, 1024 * 1024)


def digest(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(home: Home, files: Sequence[LandedFile]) -> None:
    """Raise RapportError where a landed file is not what was noted of it: its records would be others."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for problem in filter(None, pool.map(lambda file: _problem(home, file), files)):
            raise RapportError(problem)


def _problem(home: Home, file: LandedFile) -> str | None:
    path = home.root / file.path
    if not path.is_file():
        return f"the landed file {file.path} ('{file.name}') is gone; put it back"
    if path.stat().st_size == file.size_bytes and digest(path) == file.sha256:
        return None
    return (
        f"the landed file {file.path} ('{file.name}') has changed since it was received; put back the original, "
        f"whose SHA-256 begins with {file.sha256[:12]}"
    )


def _begin(home: Home, target: Path) -> None:
    folder = home.landing / _PENDING
    folder.mkdir(parents=True, exist_ok=True)
    (folder / (target.name + _BEGUN)).touch()


def note(home: Home, landed: LandedFile) -> None:
    """Note a landed file as pending, durably and atomically; a note that it has already is replaced."""
    folder = home.landing / _PENDING
    draft = folder / (Path(landed.path).name + _BEGUN)
    draft.write_text(json.dumps(asdict(landed)), encoding="utf-8")
    sync(draft)
    draft.replace(folder / f"{landed.file_id}.json")


def sweep_landing(home: Home) -> None:
    """Remove what killed processes have taken into the landing without completing their notes; for the one writer."""
    for begun in (home.landing / _PENDING).glob(f"*{_BEGUN}"):
        landed = home.landing / begun.name.removesuffix(_BEGUN)
        if not (begun.parent / f"{landed.name.partition('.')[0]}.json").exists():  # else only its note was replaced
            landed.unlink(missing_ok=True)
        begun.unlink()


def pending(home: Home) -> list[LandedFile]:
    """The files that are landed but not known to be loaded, in the order of their arrival."""
    notes = (home.landing / _PENDING).glob("*.json")
    found = [LandedFile(**json.loads(path.read_text(encoding="utf-8"))) for path in notes]
    return sorted(found, key=lambda landed: (landed.landed_at, landed.name, landed.file_id))


def is_pending(home: Home) -> bool:
    """Whether a landed file waits to be loaded."""
    return any((home.landing / _PENDING).glob("*.json"))


def settle(home: Home, file_ids: Iterable[str]) -> None:
    """Forget the notes of files that a commit has loaded; their new versions, noted by it too, take their names."""
    for file_id in file_ids:
        noted = home.landing / _PENDING / f"{file_id}.json"
        if noted.exists():
            place_draft(home, json.loads(noted.read_text(encoding="utf-8"))["path"])
            noted.unlink()


def draft_of(home: Home, path: str) -> Path:
    """Where a new version of the landed file at `path` (relative to the home) waits."""
    return home.root / (path + _DRAFT)


def place_draft(home: Home, path: str) -> None:
    """Give the new version of the landed file at `path` its name, if one waits."""
    draft = draft_of(home, path)
    if draft.exists():
        draft.replace(home.root / path)
        sync(draft.parent)


def drafted(home: Home) -> list[Path]:
    """The landed files of which a new version waits."""
    return [path.with_name(path.name.removesuffix(_DRAFT)) for path in home.landing.glob(f"*{_DRAFT}")]


def settle_drafts(home: Home, recorded: Mapping[str, str]) -> None:
    """Finish what a killed process began: a draft of which the digest is `recorded` for its path takes the file's name.

    Others were never noted, and go.
    """
    for file in drafted(home):
        path = str(file.relative_to(home.root))
        draft = draft_of(home, path)
        if recorded.get(path) == digest(draft):
            place_draft(home, path)
        else:
            draft.unlink()


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
