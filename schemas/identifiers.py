"""Identifiers `KIND:VALUE`: how they are normalised, which values are blocked, which one is the anchor.

Each rule is given twice: as SQL for columns, and in Python (its twin, equal on every input) for single
values. An expression handed to an `_sql` function is repeated in the result: hand over a column, not a
computation.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from schemas.phone_numbers import international
from schemas.table import literal, literals

UNLISTED_PRIORITY = 1
SEPARATOR = ":"
# Kinds that have a rule of their own; all others are only trimmed.
PHONE = "phone"
NORMALISED_KINDS = ("email", PHONE)

# Unicode's white space, the C0 separators, and the byte-order mark: a character class of RE2 and of `re`.
_SPACE = "\t-\r\x1c-  \x85\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
_EDGES = f"^[{_SPACE}]+|[{_SPACE}]+$"
_PAUSE = ",,"
_PHONE_PUNCTUATION = f"[-{_SPACE}().,/\u2010-\u2015]"

# No person: zeros and dashes (or nothing at all), and the mailbox `test`, also with a tag, at any host.
_BLOCKED_PATTERNS = ("[0-]*", r"test(\+[^@]*)?@.*")


def identifier_sql(kind: str, value: str) -> str:
    """SQL for the text `KIND:VALUE` of two VARCHAR expressions; NULL if one of them is."""
    return f"({kind} || {literal(SEPARATOR)} || {value})"


def split_identifier(text: str) -> tuple[str, str] | None:
    """The kind and the value of `KIND:VALUE`, split at the first colon; None for a text without one."""
    kind, separator, value = text.partition(SEPARATOR)
    return (kind, value) if separator else None


def cleaned_sql(kind: str, value: str) -> str:
    """SQL for `cleaned` over two VARCHAR expressions; NULL if the value is.

    About 110 ns a value on one core; less where `kind` is a literal, as the other branches are folded away.
    """
    edges, phone = literal(_EDGES), literal(_PHONE_PUNCTUATION)
    # Nearly all values are of one byte a character and need no trimming; the test for that costs a third of it.
    trimmed = (
        f"CASE WHEN strlen({value}) = length({value}) AND ({value})[1] > ' ' AND ({value})[-1] > ' ' THEN {value} "
        f"ELSE regexp_replace({value}, {edges}, '', 'g') END"
    )
    return (
        f"CASE {kind} WHEN 'email' THEN lower({trimmed}) "
        f"WHEN {literal(PHONE)} THEN regexp_replace(replace({value}, {literal(_PAUSE)}, ';'), {phone}, '', 'g') "
        f"ELSE {trimmed} END"
    )


def cleaned(kind: str, value: str) -> str:
    """`value` without what is only in its writing: `email` trimmed and in lower case, others trimmed.

    `phone` without punctuation; `,,`, after which phones dial an extension, becomes `;`.
    """
    if kind == PHONE:
        return re.sub(_PHONE_PUNCTUATION, "", value.replace(_PAUSE, ";"))
    trimmed = re.sub(_EDGES, "", value)
    return _lower(trimmed) if kind == "email" else trimmed


def international_sql(kind: str, value: str, phone_region: str) -> str:
    """SQL for what `normalised` makes of a cleaned value; it needs the session's function `phone_number`."""
    return f"CASE {kind} WHEN {literal(PHONE)} THEN phone_number({value}, {literal(phone_region)}) ELSE {value} END"


def normalised(kind: str, value: str, phone_region: str) -> str:
    """`value` as it is kept: cleaned, and a telephone number in the form E.164 where it is one for sure.

    `phone_region` is the setting: where numbers without a country code are at home; without it they stay cleaned.
    """
    bare = cleaned(kind, value)
    return international(bare, phone_region) if kind == PHONE else bare


def spellings(kind: str, value: str, phone_region: str) -> tuple[str, ...]:
    """The values under which `value` may be kept: as it is now, and as it was without or before `phone_region`."""
    return tuple(dict.fromkeys((normalised(kind, value, phone_region), cleaned(kind, value))))


def blocked_sql(value: str, blocked: Iterable[str]) -> str:
    """SQL for `is_blocked` over a VARCHAR expression of normalised values; NULL if the value is."""
    return f"regexp_full_match(lower({value}), {literal(_blocked_pattern(blocked))})"


def is_blocked(value: str, blocked: Iterable[str]) -> bool:
    """Whether a normalised value names nobody, whatever its kind.

    Blocked are zeros and dashes alone, the empty text, the mailbox `test` (also `test+tag`) at any host, and
    the values of the configured list `blocked`; case does not matter.
    """
    return re.fullmatch(_blocked_pattern(blocked), _lower(value)) is not None


def anchor_sql(identifiers: str, priorities: Mapping[str, int]) -> str:
    """SQL for `anchor` over a list of {kind, value}; NULL for an empty or missing list.

    One step for each level of priority, the highest first; a row leaves at its first hit. Measured on one
    core: 55 ns a row with one identifier, 80 ns with three, 175 ns with two of the lowest kinds; `list_min`
    or `list_sort` over structs took 240-390 ns, `list_reduce` 500-580 ns.
    """
    levels = ", ".join(
        _best_of_level(identifiers, condition, kinds) for condition, kinds in _levels("identifier.kind", priorities)
    )
    only = identifier_sql(f"{identifiers}[1].kind", f"{identifiers}[1].value")
    return f"CASE len({identifiers}) WHEN 1 THEN {only} ELSE COALESCE({levels}) END"


def anchor(identifiers: Sequence[tuple[str, str]], priorities: Mapping[str, int]) -> str | None:
    """The identifier, of those given as (kind, value), under which an event counts; None if there is none.

    It is the one of highest kind priority (1 for a kind that `priorities` does not name); of several the
    smallest value, then the smallest kind, both by code points.
    """
    if not identifiers:
        return None
    kind, value = min(identifiers, key=lambda i: (-priorities.get(i[0], UNLISTED_PRIORITY), i[1], i[0]))
    return kind + SEPARATOR + value


def priority_sql(kind: str, priorities: Mapping[str, int]) -> str:
    """SQL for the priority of a kind expression: `UNLISTED_PRIORITY` for a kind that is not named."""
    cases = " ".join(f"WHEN {literal(name)} THEN {priority}" for name, priority in sorted(priorities.items()))
    return f"CASE {kind} {cases} ELSE {UNLISTED_PRIORITY} END" if cases else str(UNLISTED_PRIORITY)


def _blocked_pattern(blocked: Iterable[str]) -> str:
    configured = (re.escape(_lower(value)) for value in sorted(set(blocked)))
    return "(?s:" + "|".join((*_BLOCKED_PATTERNS, *configured)) + ")"


def _lower(text: str) -> str:
    # Character by character, as DuckDB does: only Python knows the final sigma and the long dotted i.
    return "".join(map(str.lower, text.replace("\u0130", "i")))


def _levels(kind: str, priorities: Mapping[str, int]) -> list[tuple[str, tuple[str, ...]]]:
    """Levels of priority, highest first: a condition on `kind`, and the kinds where they can be listed."""
    kinds: dict[int, list[str]] = {UNLISTED_PRIORITY: []}
    for name, priority in sorted(priorities.items()):
        kinds.setdefault(priority, []).append(name)
    others = [name for name in sorted(priorities) if priorities[name] != UNLISTED_PRIORITY]
    conditions: list[tuple[str, tuple[str, ...]]] = []
    for priority in sorted(kinds, reverse=True):
        if priority == UNLISTED_PRIORITY:
            conditions.append((f"NOT {kind} IN ({literals(others)})" if others else "TRUE", ()))
        else:
            conditions.append((f"{kind} IN ({literals(kinds[priority])})", tuple(kinds[priority])))
    return conditions


def _best_of_level(identifiers: str, condition: str, kinds: tuple[str, ...]) -> str:
    if len(kinds) == 1:
        return identifier_sql(literal(kinds[0]), _smallest(identifiers, condition, "identifier.value"))
    pair = "{'value': identifier.value, 'kind': identifier.kind}"
    text = identifier_sql("best.kind", "best.value")
    # The one-element list binds the pair to a name, so that it is searched for once and not once per field.
    return f"list_transform([{_smallest(identifiers, condition, pair)}], lambda best: {text})[1]"


def _smallest(identifiers: str, condition: str, expression: str) -> str:
    chosen = f"CASE WHEN {condition} THEN {expression} END"
    return f"list_min(list_transform({identifiers}, lambda identifier: {chosen}))"
