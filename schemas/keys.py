"""Persisted keys: SHA-256 prefixes over length-prefixed fields, the same in SQL and in Python."""

import hashlib

KEY_DIGITS = 32


def key(*fields: str) -> str:
    """The first 32 hex digits of SHA-256 over `<characters>:<field>` of each field in turn."""
    text = "".join(f"{len(field)}:{field}" for field in fields)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


def key_sql(*expressions: str) -> str:
    """SQL for `key` over VARCHAR expressions; NULL if one of them is NULL."""
    parts = " || ".join(f"length({e}) || ':' || ({e})" for e in expressions)
    return f"left(sha256({parts}), {KEY_DIGITS})"
