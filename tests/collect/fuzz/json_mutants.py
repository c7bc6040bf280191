"""JSON documents that were right, with something changed in their structure or their values."""

import base64
import json
from binascii import Error as BadBase64
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.collect.fuzz.odd import KEYS, Raw, odd_value

Path = tuple[str | int, ...]
Members = list[tuple[str, Any]]
_CHARACTERS = "az09 \t\n\"'\\{}[]:,.-+@/%&=<>\0\x7f\u00e9\u0130\u2028\ud800\ufdd1\U0001f600"

# Texts that are nested deeper than this is changed within.
_DEEP = ("[" * 8, '{"a":' * 8)


class Object:
    """A JSON object in which a name may stand more than once."""

    def __init__(self, members: Members) -> None:
        self.members = members


def written(value: Any, *, is_ascii: bool = True) -> str:
    """The JSON text of a value; `Raw` and `Object` stand for what Python's values are not written as."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        value = Object(list(value.items()))
    if isinstance(value, Object):
        members = (f"{written(key, is_ascii=is_ascii)}:{written(v, is_ascii=is_ascii)}" for key, v in value.members)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(member, is_ascii=is_ascii) for member in value) + "]"
    return json.dumps(value, ensure_ascii=is_ascii)


def mutated(document: Any, others: Sequence[Any], random: Random, pool: list[Any]) -> Any:
    """`document` with one to four changes; `others` are documents that parts of are taken from."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        document = _changed_somewhere(document, others, random, pool)
    return document


def _changed_somewhere(document: Any, others: Sequence[Any], random: Random, pool: list[Any]) -> Any:
    path = random.choice(paths(document))

    def change(value: Any) -> Any:
        inner = _opened(value) if isinstance(value, str) and random.random() < 0.7 else None
        if inner is not None:
            found, close = inner
            return close(_changed_somewhere(found, others, random, pool))
        return random.choice(_CHANGES)(value, others, random, pool)

    return with_change(document, path, change)


def paths(value: Any, path: Path = ()) -> list[Path]:
    """The paths of everything within a value, itself among them."""
    members: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, member in members for place in paths(member, (*path, key)))]


def with_change(value: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """A copy of a value in which what stands at `path` is changed."""
    if not path:
        return change(value)
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_change(copy[path[0]], path[1:], change)
    return copy


def _opened(text: str) -> tuple[Any, Callable[[Any], str]] | None:
    """The JSON that stands in a text, or in its Base64, and what closes it again."""
    if any(deep in text for deep in _DEEP):
        return None
    try:
        if text.startswith(("{", "[")):
            return json.loads(text), written
        if text.startswith("ey"):
            padded = text + "=" * (-len(text) % 4)
            found = json.loads(base64.urlsafe_b64decode(padded))
            return found, lambda v: base64.urlsafe_b64encode(written(v).encode()).decode().rstrip("=")
    except (ValueError, BadBase64, RecursionError):
        return None
    return None


Change = Callable[[Any, Sequence[Any], Random, list[Any]], Any]


def _replace(_value: Any, _others: Sequence[Any], random: Random, pool: list[Any]) -> Any:
    return odd_value(random, pool)


def _lose(value: Any, _others: Sequence[Any], random: Random, _pool: list[Any]) -> Any:
    if not isinstance(value, dict | list) or not value:
        return None
    gone = random.choice(list(value) if isinstance(value, dict) else range(len(value)))
    if isinstance(value, dict):
        return {key: member for key, member in value.items() if key != gone}
    return [member for place, member in enumerate(value) if place != gone]


def _repeat_name(value: Any, _others: Sequence[Any], random: Random, pool: list[Any]) -> Any:
    if not isinstance(value, dict) or not value:
        return [value, value]
    name = random.choice(list(value))
    twice = random.choice((name, name, name.upper(), name.capitalize(), name + " ", f" {name}"))
    new = (twice, random.choice((odd_value(random, pool), value[name])))
    members = list(value.items())
    members.insert(random.choice((0, len(members), random.randrange(len(members) + 1))), new)
    return Object(members) if twice in value else dict(members)


def _wrap(value: Any, _others: Sequence[Any], random: Random, _pool: list[Any]) -> Any:
    return random.choice(
        ([value], {"a": value}, {"value": value}, [[value]], {"": value}, [value, value], [value] * 40)
    )


def _unwrap(value: Any, _others: Sequence[Any], random: Random, _pool: list[Any]) -> Any:
    members = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return random.choice(members) if members else [value]


def _swap(value: Any, _others: Sequence[Any], random: Random, _pool: list[Any]) -> Any:
    if not isinstance(value, dict | list) or len(value) < 2:
        return str(value)
    keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    one, two = random.sample(keys, 2)
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[one], copy[two] = copy[two], copy[one]
    return copy


def _convert(value: Any, _others: Sequence[Any], random: Random, _pool: list[Any]) -> Any:
    """Another type that says the same."""
    if isinstance(value, dict):
        return random.choice(
            (list(value.values()), list(value), [list(item) for item in value.items()], written(value))
        )
    if isinstance(value, list):
        return random.choice(
            ({str(n): member for n, member in enumerate(value)}, written(value), dict.fromkeys("ab", value))
        )
    if isinstance(value, bool):
        return random.choice((int(value), str(value), str(value).lower()))
    if isinstance(value, int | float):
        return random.choice(
            (str(value), f" {value} ", -value, value * 1_000_000, value + 0.5, [value], Raw(f"{value}e0"))
        )
    return random.choice((_number(value), [*str(value)][:40], bool(value), Raw(written(value)[:-1]) if value else 0))


def _number(value: Any) -> Any:
    try:
        return Raw(str(int(value)))
    except (TypeError, ValueError):
        return len(str(value))


def _splice(_value: Any, others: Sequence[Any], random: Random, _pool: list[Any]) -> Any:
    other = random.choice(others)
    for key in random.choice(paths(other)):
        other = other[key]
    return other


def _rename(value: Any, _others: Sequence[Any], random: Random, pool: list[Any]) -> Any:
    if not isinstance(value, dict) or not value:
        return {random.choice(KEYS): value}
    name = random.choice(list(value))
    if random.random() < 0.5:
        return {**value, random.choice(KEYS): odd_value(random, pool)}
    return {random.choice((*KEYS, name.swapcase())) if key == name else key: member for key, member in value.items()}


def _tweak(value: Any, _others: Sequence[Any], random: Random, pool: list[Any]) -> Any:
    """A text with some of its characters changed."""
    if not isinstance(value, str):
        return odd_value(random, pool) if not isinstance(value, dict | list) else value
    place = random.randrange(len(value) + 1)
    return random.choice(
        (
            value[:place],
            value[place:],
            value[:place] + random.choice(_CHARACTERS) + value[place:],
            value[:place] + random.choice(_CHARACTERS) + value[place + 1 :],
            value * random.choice((2, 30)),
            value.swapcase(),
            f" {value}\n",
            value.translate({ord(digit): random.choice("0123456789x") for digit in "0123456789"}),
        )
    )


_CHANGES: tuple[Change, ...] = (
    _replace, _replace, _replace, _replace, _lose, _lose, _repeat_name, _wrap, _unwrap, _swap, _convert, _convert,
    _splice, _splice, _rename, _tweak, _tweak, _tweak,
)  # fmt: skip
