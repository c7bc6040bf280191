"""A search for traces: every file under a folder, byte by byte, also inside of what is compressed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from warehouse.compressed import BLOCK_BYTES, compression, read_bytes, unpacked
from warehouse.needles import Needles
from warehouse.parquet_texts import is_parquet, parquet_texts

_ESCAPED = 12  # bytes, to which an escape in an escaped text may blow up one byte of a value


@dataclass(frozen=True)
class Trace:
    """A file that holds a value: its absolute path, where in it, and the value's number, never the value itself."""

    path: Path
    where: str
    needle: int


def scanned_files(root: Path) -> list[Path]:
    """Every regular file under `root`, sorted; links are not followed."""
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def find_traces(root: Path, needles: Sequence[bytes]) -> list[Trace]:
    """Where the values `needles` (8 bytes or more) stand in the files under `root`, by path and number.

    Looked through are the bytes of each file, the content of gzip and zstd (also one in the other), and of Parquet
    every column as text, dictionaries included; pages of encrypted files only as they lie there. ASCII case does
    not matter, escapes of JSON are resolved. A file that goes meanwhile is left out. Raises ValueError for a value
    that is too short, OSError for a file that cannot be read.
    """
    wanted = Needles(needles)
    if not wanted:
        return []
    return [trace for path in scanned_files(root.resolve()) for trace in _traces(path, wanted)]


def stands_in(path: Path, needles: Needles) -> bool:
    """Whether one of `needles` stands in the file at `path`, looked through as `find_traces` does."""
    return bool(needles) and any(needles.stand_in(data) for _, data in _contents(path, needles))


def _traces(path: Path, needles: Needles) -> list[Trace]:
    found: dict[int, str] = {}
    try:
        for where, data in _contents(path, needles):
            for number in needles.found(data):
                found.setdefault(number, where)
    except FileNotFoundError:
        return []
    return [Trace(path, where, number) for number, where in sorted(found.items())]


def _contents(path: Path, needles: Needles) -> Iterator[tuple[str, bytes]]:
    yield from (("bytes", block) for block in _overlapping(_raw_blocks(path), needles))
    packed = compression(path)
    if packed:
        blocks = (block for block in read_bytes(path) if block is not None)
        yield from ((packed, block) for block in _overlapping(unpacked(blocks), needles))
    elif is_parquet(path):
        yield from parquet_texts(path, needles)


def _raw_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _overlapping(blocks: Iterator[bytes], needles: Needles) -> Iterator[bytes]:
    """The blocks, each with the end of the one before it: long enough for a value of which every byte is escaped."""
    tail = b""
    for block in blocks:
        data = tail + block
        yield data
        tail = data[-_ESCAPED * needles.longest :]
