"""Files that may be compressed, as plain bytes; what stands before a place where a stream breaks off is not lost."""

import codecs
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import zstandard

BLOCK_BYTES = 1024 * 1024
# A stream that breaks off is read again in smaller and smaller steps: a step that fails gives nothing.
_STEPS = (BLOCK_BYTES, 4096, 1)
_STEP = 4096  # packed bytes at a time: they may become a thousand times as many
_COMPRESSION = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


def compression(path: Path) -> str | None:
    """What the file's first bytes say: gzip, zstd, or None for plain bytes. Raises OSError for an unreadable file."""
    with path.open("rb") as file:
        return named_compression(file.read(4))


def named_compression(head: bytes) -> str | None:
    """What the first bytes of a file say."""
    return next((name for magic, name in _COMPRESSION.items() if head.startswith(magic)), None)


def open_bytes(path: Path, compressed: str | None) -> pa.NativeFile:
    """The file's bytes, decompressed where they are `compressed`."""
    file = pa.OSFile(str(path))
    return pa.CompressedInputStream(file, compressed) if compressed else file


def read_bytes(path: Path) -> Iterator[bytes | None]:
    """The file in blocks without a byte-order mark, and None at the place where a compressed stream breaks off.

    Nothing before the break is lost. Raises OSError for a plain file that cannot be read.
    """
    compressed = compression(path)
    consumed = _mark_length(path, compressed)
    for size in _STEPS:
        try:
            with open_bytes(path, compressed) as file:
                _skip(file, consumed)
                while block := file.read(size):
                    consumed += len(block)
                    yield block
        except OSError:
            if compressed is None:
                raise
            continue
        return
    yield None


def _mark_length(path: Path, compressed: str | None) -> int:
    try:
        with open_bytes(path, compressed) as file:
            is_marked = file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    except OSError:  # it breaks off before the mark ends
        return 0
    return len(codecs.BOM_UTF8) if is_marked else 0


def _skip(file: pa.NativeFile, count: int) -> None:
    while count > 0:
        count -= len(file.read(min(count, BLOCK_BYTES)))


def unpacked(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of `blocks`, decompressed as often as their first bytes say; up to where a stream breaks off."""
    first = next(blocks, b"")
    packed = named_compression(first)
    whole = chain([first], blocks)
    return unpacked(_decompressed(whole, packed)) if packed else whole


def _decompressed(blocks: Iterator[bytes], packed: str) -> Iterator[bytes]:
    """The streams of `blocks`, one after the other."""
    stream = _stream(packed)
    for block in blocks:
        for start in range(0, len(block), _STEP):
            rest = block[start : start + _STEP]
            while rest:
                try:
                    yield stream.decompress(rest)
                except (zlib.error, zstandard.ZstdError):
                    return
                rest = stream.unused_data if stream.eof else b""
                stream = _stream(packed) if stream.eof else stream


def _stream(packed: str) -> Any:
    return zlib.decompressobj(31) if packed == "gzip" else zstandard.ZstdDecompressor().decompressobj()
