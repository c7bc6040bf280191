"""`[group]` of a mapping: what each row says of a group of people, and of the person's membership in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipelines.collect.connector import Check
from pipelines.collect.naming import translated_sql
from schemas.table import literal
from schemas.vocabulary import JOIN_EVENTS, LEAVE_EVENTS
from warehouse.errors import UsageError

TIMES = ("member_from", "member_until")
_EVENTS = (*JOIN_EVENTS, *LEAVE_EVENTS)
_WORDS = ("yes", "no")
Sql = Callable[[str], str]


@dataclass(frozen=True)
class GroupMapping:
    """Members as constants or columns, and what the words of is_member mean; empty where rows say nothing of groups.

    group_id, group_kind, role, member_from, member_until and is_member are of the membership, all others of the group.
    """

    constants: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """What the rows say."""
        return {*self.constants, *self.columns}


def check_group(group: GroupMapping, event_name: str | None, *, has_traits: bool) -> None:
    """Raise UsageError for a section that names no group, stands on other events, or says what nobody reads.

    `event_name` is None where a column of the file gives it.
    """
    if not group.names:
        return
    if "group_id" not in group.names:
        raise UsageError("the mapping's [group] gives no group_id; set it under columns or constants")
    if event_name not in (None, *_EVENTS):
        raise UsageError(f"the mapping has [group], which only events named {', '.join(_EVENTS)} say; set event_name")
    if has_traits:
        raise UsageError("the mapping has [traits] beside [group]; read the file twice, as two sources")
    if not set(group.values.values()) <= set(_WORDS):
        raise UsageError("the mapping's [group] values say what the words of is_member mean; use yes or no")
    if set(TIMES) & set(group.constants):
        raise UsageError(f"the mapping's [group] has a constant time; map {' and '.join(TIMES)} under columns")


def told_sql(group: GroupMapping, text: Sql, value: Sql, time: Sql) -> dict[str, str]:
    """SQL for what a row says, by name; `text` and `value` read a column, `time` makes a time of a text."""
    told = {name: literal(constant) for name, constant in group.constants.items()}
    for name, column in group.columns.items():
        if name in TIMES:
            at = time(_filled(text(column)))
            told[name] = f"strftime(timezone('UTC', {at}), '%Y-%m-%dT%H:%M:%S.%fZ')"
        else:
            told[name] = translated_sql(text(column), group.values) if name == "is_member" else value(column)
    return told


def checks_of_group(group: GroupMapping, text: Sql, time: Sql) -> list[Check]:
    """A time that is none refuses the row: without it the person would belong to the group for ever."""
    times = [_filled(text(column)) for name, column in group.columns.items() if name in TIMES]
    wrong = " OR ".join(f"{at} IS NOT NULL AND ({time(at)}) IS NULL" for at in times)
    reason = "'member_from' or 'member_until' of [group] is not a time in ISO 8601; mend the export or the mapping"
    return [Check("wrong_type_membership", wrong, reason)] if times else []


def _filled(text: str) -> str:
    return f"nullif({text}, '')"
