"""What an erasure still has to do, kept until it is done: the only file that may name an erased person meanwhile."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from warehouse.durable import sync
from warehouse.home import Home

Records = Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True)
class Intent:
    """The records (row number, element) by landing file, the values of which no trace may stay, the keys of the index.

    `is_scanned` says whether all files are searched for the values at the end; `words` are those of the values that
    may be anybody's words in what the company or Prefect writes.
    """

    erasure_id: str
    records: Records
    needles: tuple[str, ...]
    keys: tuple[str, ...]
    is_scanned: bool
    words: tuple[str, ...] = ()


def note_intent(home: Home, intent: Intent) -> None:
    """Write the intent, readable by the owner alone, whole or not at all, on the disk before anything that follows."""
    folder = _folder(home)
    folder.mkdir(mode=0o700, exist_ok=True)
    path = _path(home, intent.erasure_id)
    draft = path.with_suffix(".draft")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(intent), file)
    sync(draft)
    draft.replace(path)
    sync(folder)


def intents(home: Home) -> Iterator[Intent]:
    """The intents that are noted, the oldest first; drafts of a process that died are deleted."""
    folder = _folder(home)
    for draft in folder.glob("*.draft"):
        draft.unlink()
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns):
        raw = json.loads(path.read_text(encoding="utf-8"))
        records = {file: [(row, element) for row, element in found] for file, found in raw["records"].items()}
        lists = {name: tuple(raw.get(name, ())) for name in ("needles", "keys", "words")}
        yield Intent(raw["erasure_id"], records, is_scanned=raw["is_scanned"], **lists)


def has_intents(home: Home) -> bool:
    """Whether an erasure is still under way."""
    return any(_folder(home).glob("*"))


def is_intent(home: Home, path: Path) -> bool:
    """Whether `path` is the note of an intent."""
    return path.parent == _folder(home)


def drop_intent(home: Home, erasure_id: str) -> None:
    """Forget the intent: what it asked for is done."""
    path = _path(home, erasure_id)
    if path.exists():
        path.unlink()
        sync(path.parent)


def _folder(home: Home) -> Path:
    return home.root / "lake" / "erasing"


def _path(home: Home, erasure_id: str) -> Path:
    return _folder(home) / f"{erasure_id}.json"
