"""Names as sources write them: in snake_case, or translated one by one."""

from collections.abc import Mapping

from schemas.table import literal

_PLAIN = "'[A-Z]?[a-z0-9]+([ _][A-Z]?[a-z0-9]+)*'"


def snake_sql(text: str) -> str:
    """SQL for a VARCHAR expression in snake_case, whatever its script; empty where it has neither letters nor digits.

    Nearly all names are plain words, "Product Viewed" or "product_viewed": one test is cheaper than two replacements.
    """
    split = rf"regexp_replace({text}, '([\p{{Ll}}\p{{N}}])(\p{{Lu}})', '\1_\2', 'g')"
    joined = rf"trim(regexp_replace(lower({split}), '[^\p{{L}}\p{{M}}\p{{N}}]+', '_', 'g'), '_')"
    return f"CASE WHEN regexp_full_match({text}, {_PLAIN}) THEN replace(lower({text}), ' ', '_') ELSE {joined} END"


def cases_sql(expression: str, names: Mapping[str, str], other: str = "NULL") -> str:
    """SQL that translates the values of an expression; `other` is an expression for those that `names` lacks."""
    branches = " ".join(f"WHEN {literal(old)} THEN {literal(new)}" for old, new in names.items())
    return f"CASE {expression} {branches} ELSE {other} END"


def translated_sql(text: str, names: Mapping[str, str]) -> str:
    """The same, where a value that `names` lacks stays as it is; `names` may be empty."""
    return cases_sql(text, names, text) if names else text
