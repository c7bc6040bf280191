"""Dotted paths into JSON objects, as mappings name them: `customer.id`, `lines[0].sku`, `turns[*].text`."""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pipelines.collect.json_records import Structure
from schemas.table import literal, quoted
from warehouse.errors import UsageError

_STEP = re.compile(r'(?:"([^"]+)"|([^."\[\]]+))((?:\[(?:\d+|\*)\])*)')


@dataclass(frozen=True)
class JsonPath:
    """A path: names from the outside in, each with what follows it in brackets (`[0]`, `[*]`, mostly nothing)."""

    steps: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, text: str) -> "JsonPath":
        """The path of a text; a name with a dot or a bracket stands in double quotes. Raises UsageError for none."""
        steps, place = [], 0
        while match := _STEP.match(text, place):
            steps.append((match[1] or match[2], match[3]))
            place = match.end()
            if text[place : place + 1] != ".":
                break
            place += 1
        if not steps or place < len(text) or text.endswith("."):
            raise UsageError(
                f"'{text}' is no path; write names with dots between them, [0] or [*] for members of a list, and "
                'double quotes around a name with a dot, as in customer."e.mail"'
            )
        return cls(tuple(steps))

    @property
    def top(self) -> str:
        """The field of the record in which it begins."""
        return self.steps[0][0]

    @property
    def is_plain(self) -> bool:
        """Whether it names a field of the record itself."""
        return self.inner == "$"

    @property
    def is_list(self) -> bool:
        """Whether it names all members of a list."""
        return any("[*]" in brackets for _, brackets in self.steps)

    @property
    def inner(self) -> str:
        """The rest below the field of the record, as DuckDB writes paths."""
        return "$" + self.steps[0][1] + "".join(f'."{name}"{brackets}' for name, brackets in self.steps[1:])

    @property
    def names(self) -> tuple[str, ...]:
        """Its names, if it leads through objects alone; else nothing."""
        return () if any(brackets for _, brackets in self.steps) else tuple(name for name, _ in self.steps)


def known_fields(paths: Iterable[JsonPath]) -> Structure:
    """The fields of the record in which `paths` begin, as JsonFormat reads them.

    Raises UsageError for two fields whose names are equal but for case.
    """
    known: dict[str, str] = {}
    for path in paths:
        known[path.top] = "JSON" if not path.is_plain else known.get(path.top, "VARCHAR")
    seen: dict[str, str] = {}
    for name in known:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise UsageError(
                f"the mapping names the fields '{other}' and '{name}', which differ in case alone; map one"
            )
    return known


def text_sql(path: JsonPath, known: Structure) -> str:
    """VARCHAR of what stands at `path` in the record `r`; the texts of all members of a list are lines of one text."""
    field = f"r.{quoted(path.top)}"
    if path.is_plain:
        return field if known[path.top] == "VARCHAR" else f"json_extract_string({field}, '$')"
    found = f"json_extract_string({field}, {literal(path.inner)})"
    return f"nullif(array_to_string({found}, chr(10)), '')" if path.is_list else found


def value_sql(path: JsonPath) -> str:
    """JSON of what stands at `path` in `record`; of all members of a list for one that names them."""
    whole = literal(f'$."{path.top}"{path.inner[1:]}')
    found = f"json_extract(record, {whole})"
    return f"to_json(nullif({found}, []))" if path.is_list else found


def rest_sql(paths: Iterable[JsonPath]) -> str:
    """The record without what stands at `paths`, as JSON; NULL for what is no record. Members of lists stay."""
    named = {path.names for path in paths if path.names}
    # What stands within something that is taken away goes with it.
    gone = {names for names in named if not any(names[:n] in named for n in range(1, len(names)))}
    parents: dict[tuple[str, ...], list[str]] = {}
    for names in sorted(gone):
        parents.setdefault(names[:-1], []).append(names[-1])
    changes = "".join(f", {_change_sql(parent, fields)}" for parent, fields in parents.items())
    return f"CASE WHEN r IS NOT NULL THEN json_merge_patch(record, '{{}}'{changes}) END"


def _change_sql(parent: tuple[str, ...], fields: Collection[str]) -> str:
    """What takes `fields` from the object at `parent`; nothing where there is no object, as it would make one."""
    change = literal(_nested(parent, dict.fromkeys(fields)))
    if not parent:
        return change
    place = literal("$" + "".join(f'."{name}"' for name in parent))
    return f"CASE WHEN json_type(record, {place}) = 'OBJECT' THEN {change} ELSE '{{}}' END"


def _nested(parent: tuple[str, ...], fields: dict[str, None]) -> str:
    value: object = fields
    for name in reversed(parent):
        value = {name: value}
    return json.dumps(value)
