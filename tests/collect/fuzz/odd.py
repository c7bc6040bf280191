"""Values that programs trip over: numbers and times out of range, odd texts, deep nesting; and what hypothesis adds."""

from functools import lru_cache
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st


class Raw(str):
    """JSON text that is written as it is: what no value of Python is written as."""

    __slots__ = ()


NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 0.5, -0.0, 255, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 2**70, 2**127,
    2**128, 1e10, 1e16, 1e300, -1e300, 5e-324, 99_999_999_999_999.9999, 1_513_299_569, 1_513_299_569_000,
    253_402_300_800, Raw("NaN"), Raw("Infinity"), Raw("-Infinity"), Raw("1e400"), Raw("-1e400"), Raw("1e-400"),
    Raw("-0"), Raw("00"), Raw("1."), Raw(".5"), Raw("+1"), Raw("0x10"), Raw("1E+2"), Raw("9" * 400),
    Raw("0." + "3" * 400), Raw("1_000"),
)  # fmt: skip
TIMES = (
    "2024-02-30", "2024-13-01T25:61:61Z", "2024-01-01T00:00:00+99:99", "1969-12-31T23:59:60Z", "0000-00-00",
    "0001-01-01 00:00:00", "9999-12-31T23:59:59.999999999Z", "10000-01-01", "294247-01-10T04:00:54.775807Z",
    "290309-12-22 (BC) 00:00:00", "infinity", "-infinity", "epoch", "now", "today", "24:00:00", "2024-W01-1", "2024",
    "Thu, 30 Feb 2024 25:00:00 +9999", "Mon, 1 Jan 0000 00:00:00 GMT", "2024-01-01T00:00:00 Europe/Nowhere",
    "253402300800", "-62135596801", "9223372036854775807", "1e18", "1709251200.9999999999",
    "2024-03-01T10:00:00.1234567Z",
)  # fmt: skip
TEXTS = (
    "", " ", "\t", "\n", "\r\n", "\0", "a\0b", "\x7f", "\x1b[31m", "\ud800", "\udfff\ud800", "a\udc00", "\ufeff",
    "\ufffe", "\ufdd0", "\ufdd1", "\uffff", "\u2028", "\u202e", "\U0001f600\u200d\U0001f600", "e\u0301" * 40,
    "\u1e9e\u0130\u0131\u017f", "\u0663\u0661", "null", "true", "NaN", "nan", "inf", "Infinity", "1e400", "-1e400",
    "0x10", "1,5", "1 000", "--1", "1e", "1e-16", "[", "{", "]", "[1]", "[[", '{"a":1}', '{"a":', '"', "'", "\\",
    "\\u0000", "\\ud800", "`", "''", "'; --", "$", "$.a", "*", "%", "%s", "%00", "%ff", "%zz", "{}", "{0}", ",", ";",
    "|", ":", ".", "-", "_", "/", "?", "&", "=", "#", "@", "a@", "@b", "a@b@c", "A <a@example.com>", "<a@b>",
    '"\\" <a@b>', "a@" + "x" * 300, "+", "++1", "+1 (555) 010-0000", "+" + "1" * 60, "http://[", "https://[::1",
    "http://a:99999/", "https://example.com/?a=%&b=%ff#", "//", "mailto:", "data:,", "====", "AA=A", "AA", "_-8",
    "eyJhIjoxfQ", "eyJhIjoxfQ==", "usd", "USDT", "\u20ac", "undefined", "None", "n/a", "<p>", "<" * 50, "&#x110000;",
    "&amp;lt;", "=?utf-8?B?=?=", "=?x?q?=FF?=", "rapport:erased", "x" * 300, "x" * 2000,
)  # fmt: skip
LONG_TEXTS = ("x" * 70_000, "\u00e9" * 40_000, "[" * 20_000, "a," * 20_000, '"' * 10_000, "\\" * 9_999, " " * 50_000)
KEYS = (
    "", ".", "a.b", '"', "$", "$.a", "\0", "*", "[0]", "'", "id", "ID", "type", "data", "batch", "items", "value",
    "name", "rapport:erased", "rapport_request", "body", "x" * 300, "\ud800", "\ufeff", "__proto__", "\\", "\n",
)  # fmt: skip


def nested(depth: int, kind: str) -> Raw:
    """Arrays in arrays, objects in objects, or such text without its end."""
    if kind == "array":
        return Raw("[" * depth + "]" * depth)
    return Raw('{"a":' * depth + "1" + "}" * depth) if kind == "object" else Raw("[" * depth)


STRUCTURES: tuple[Any, ...] = (
    None, True, False, [], {}, [None], [[]], [{}], {"": {}}, {"a": None}, [1, "a", None, {}, []], {"id": [1]},
    {"value": {}}, [["a", "b"]], [[1], [2]], [{"key": "a", "value": {"string_value": 1}}], {"a": {"a": {"a": []}}},
)  # fmt: skip


def odd_value(random: Random, pool: list[Any]) -> Any:
    """Some value that few programs expect, of `pool` or of those here."""
    kind = random.random()
    if kind < 0.25:
        return random.choice(pool)
    if kind < 0.45:
        return random.choice(TEXTS)
    if kind < 0.6:
        return random.choice(NUMBERS)
    if kind < 0.72:
        return random.choice(TIMES)
    if kind < 0.9:
        return random.choice(STRUCTURES)
    if kind < 0.94:
        return str(random.choice(NUMBERS))
    return _great_value(random)


def _great_value(random: Random) -> Any:
    kind = random.random()
    if kind < 0.4:
        return nested(random.choice((20, 150, 600)), random.choice(("array", "object", "open")))
    if kind < 0.45:
        return nested(random.choice((1100, 3000, 20_000)), random.choice(("array", "object", "open")))
    if kind < 0.55:
        return random.choice(LONG_TEXTS)
    if kind < 0.8:
        return [random.choice(STRUCTURES) for _ in range(random.choice((50, 300)))]
    return {f"k{number}": random.choice(TEXTS) for number in range(random.choice((50, 300)))}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@lru_cache(maxsize=4)
def hypothesis_pool(number: int) -> list[Any]:
    """JSON values that hypothesis thinks of under seed `number`; the same ones each time."""
    found: list[Any] = []

    @seed(number)
    @settings(
        max_examples=60, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(_JSON, min_size=1, max_size=10))
    def collect(values: list[Any]) -> None:
        found.extend(values)

    collect()
    return found
