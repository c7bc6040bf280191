"""Lines and whole files with their bytes damaged."""

import codecs
import gzip
from collections.abc import Callable
from random import Random

import zstandard

_BYTES = (
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\r",
    b"\t",
    b" ",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\x1a",
)


def damaged_line(line: bytes, random: Random) -> bytes:
    """A line with up to three places damaged; it stays one line."""
    for _ in range(random.choice((1, 1, 2, 3))):
        line = _damaged(line, random).replace(b"\n", b"\x0b")
    return line


def damaged(data: bytes, random: Random) -> bytes:
    """Bytes with up to eight places damaged, their newlines among them."""
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        data = _damaged(data, random)
    return data


def _damaged(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    end = min(len(data), start + random.choice((1, 1, 2, 8, 40)))
    flipped = bytes([data[start] ^ (1 << random.randrange(8))]) if start < len(data) else b""
    return random.choice(
        (
            data[:start] + flipped + data[start + 1 :],
            data[:start] + random.choice(_BYTES) + data[start:],
            data[:start] + random.choice(_BYTES) + data[start + 1 :],
            data[:start] + data[end:],
            data[:end] + data[start:end] * random.choice((1, 20)) + data[end:],
            data[:start],
            data[start:],
            data[:start] + random.randbytes(end - start) + data[end:],
            data.replace(data[start:end], random.randbytes(1), 3) if end > start else data,
        )
    )


def same_in_other_bytes(data: bytes, random: Random) -> bytes:
    """The same lines: with a byte-order mark, other line ends, no last one, or compressed."""
    changes: tuple[Callable[[bytes], bytes], ...] = (
        lambda text: codecs.BOM_UTF8 + text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.removesuffix(b"\n"),
        lambda text: text + b"\n\n \n",
        gzip.compress,
        zstandard.compress,
        lambda text: gzip.compress(text[: len(text) // 2]) + gzip.compress(text[len(text) // 2 :]),
    )
    return random.choice(changes)(data)


def broken_file(data: bytes, random: Random) -> bytes:
    """A file that is damaged, cut off, compressed and then damaged, or in another encoding."""
    changes: tuple[Callable[[bytes], bytes], ...] = (
        lambda text: damaged(text, random),
        lambda text: text[: random.randrange(len(text) + 1)],
        lambda text: damaged(gzip.compress(text), random),
        lambda text: damaged(zstandard.compress(text), random),
        lambda text: gzip.compress(gzip.compress(text)),
        lambda text: codecs.BOM_UTF8 + damaged(text, random),
        lambda text: text.decode("latin-1").encode(random.choice(("utf-16", "utf-32", "utf-7"))),
        lambda text: text.replace(b"\n", random.choice((b"\r", b"", b" ", b"\x00\n", b"\n\n", b"\x0b", b",\n"))),
        lambda text: random.choice((b"PAR1", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"#", b"\x00")) + text,
    )
    return random.choice(changes)(data)
