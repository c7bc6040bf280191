"""Values that are looked for in bytes, all at once: as they are, in other ASCII case, as JSON or CSV write them."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

MIN_BYTES = 8
_SLOT_BITS = 18
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(64 - _SLOT_BITS)
_FEW = 12  # needles, up to which looking for one after the other is quicker
_SHORT = 4096  # bytes, up to which it is, too
_DEPTH = 3  # JSON within a JSON text within a JSON text

_CODE_POINT = re.compile(rb"\\u[0-9a-fA-F]{4}")
_ESCAPES = tuple(
    (written.encode(), meant.encode())
    for written, meant in (
        ("\\/", "/"), ('\\"', '"'), ("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t"), ("\\b", "\b"), ("\\f", "\f"),
        ("\\\\", "\\"),
    )
)  # fmt: skip

_ESCAPED = {byte for _, meant in _ESCAPES for byte in meant}


class Needles:
    """Values of 8 bytes or more. Raises ValueError for a shorter one, which would be found by chance.

    ASCII letters match whatever their case; others as given, in capitals and in small letters.
    """

    def __init__(self, values: Sequence[bytes]) -> None:
        if any(len(value) < MIN_BYTES for value in values):
            raise ValueError(f"a value of fewer than {MIN_BYTES} bytes is found by chance; leave it out")
        self._numbers: dict[bytes, int] = {}
        for number, value in enumerate(values):
            for form in _forms(value):
                self._numbers.setdefault(form, number)
        self.longest = max(map(len, self._numbers), default=0)
        self._by_start: dict[bytes, list[bytes]] = defaultdict(list)
        for form in self._numbers:
            self._by_start[form[:MIN_BYTES]].append(form)
        self._is_escaped = any(set(form) & _ESCAPED for form in self._numbers)
        self._slots = np.zeros(1 << _SLOT_BITS, dtype=bool)
        self._slots[_slots(b"".join(self._by_start), 0)] = True

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._numbers)

    def found(self, data: bytes) -> set[int]:
        """The numbers of the values that stand in `data`."""
        return set() if not self else {number for text in self._readings(data) for number in self._in(text)}

    def stand_in(self, data: bytes) -> bool:
        """Whether one of the values stands in `data`."""
        return bool(self) and any(True for text in self._readings(data) for _ in self._in(text))

    def _readings(self, data: bytes) -> Iterator[bytes]:
        """`data` as it is, and with its escapes resolved as far as that may show a value, in small letters."""
        yield data.lower()
        if self._is_escaped and b'""' in data:  # a quote in a quoted cell
            yield data.replace(b'""', b'"').lower()
        for _ in range(_DEPTH):
            if b"\\" not in data or not (self._is_escaped or _CODE_POINT.search(data)):
                return
            resolved = _resolved(data)
            if resolved == data:
                return
            yield resolved.lower()
            data = resolved

    def _in(self, text: bytes) -> Iterator[int]:
        if len(self._numbers) <= _FEW or len(text) <= _SHORT:
            yield from (number for form, number in self._numbers.items() if form in text)
            return
        for place in self._candidates(text):
            for form in self._by_start.get(text[place : place + MIN_BYTES], ()):
                if text.startswith(form, place):
                    yield self._numbers[form]

    def _candidates(self, text: bytes) -> Iterator[int]:
        """The places at which the first 8 bytes of a value may stand."""
        for offset in range(MIN_BYTES):
            hits = np.flatnonzero(self._slots[_slots(text, offset)])
            yield from (hits * MIN_BYTES + offset).tolist()


def _slots(text: bytes, offset: int) -> NDArray[np.uint64]:
    """A slot for each 8 bytes of `text` from `offset`."""
    words = np.frombuffer(text, "<u8", count=(len(text) - offset) // MIN_BYTES, offset=offset)
    slots: NDArray[np.uint64] = (words * _MULTIPLIER) >> _SHIFT
    return slots


def _forms(value: bytes) -> set[bytes]:
    """`value` in the cases that are looked for, ASCII letters small."""
    forms = {value.lower()}
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return forms
    return forms | {form.encode().lower() for form in (text.lower(), text.upper(), text.casefold())}


def _resolved(data: bytes) -> bytes:
    """`data` with each escape of JSON replaced by what it means; all in C, as texts may be full of them."""
    if _CODE_POINT.search(data):
        escaped = data.decode("utf-8", "surrogateescape").encode("raw_unicode_escape")
        text = escaped.decode("raw_unicode_escape", "replace")
        data = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
    for written, meant in _ESCAPES:
        data = data.replace(written, meant)
    return data
