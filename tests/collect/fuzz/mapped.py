"""What is fuzzed of the mappings that are shipped: rows or objects that fit each of them."""

from collections.abc import Iterator
from typing import Any

from pipelines.collect.example_mappings import EXAMPLES
from pipelines.collect.json_path import JsonPath
from pipelines.collect.mapping import TableMapping, parse_mapping
from pipelines.collect.mapping_checks import NUMBERS, TIMES
from tests.collect.fuzz.json_mutants import written
from tests.collect.fuzz.samples import Lines, Rows

_ROWS = 6


def mapped_forms() -> Iterator[Lines | Rows]:
    """A sample for each example: some right rows under the columns that it names, and one that it does not."""
    for path in sorted(EXAMPLES.glob("*.toml")):
        text = path.read_text(encoding="utf-8")
        mapping = parse_mapping(text)
        columns = sorted(mapping.used)
        rows = [{name: _cell(mapping, name, number) for name in columns} for number in range(_ROWS)]
        if mapping.format == "json":
            documents = tuple(_document(row) for row in rows)
            yield Lines("table", tuple(written(one).encode() for one in documents), documents, text)
        else:
            right = tuple((*row.values(), "left over") for row in rows)
            yield Rows("table", (*columns, "another"), right, mapping.delimiter, text)


def _cell(mapping: TableMapping, column: str, number: int) -> str:
    """What fits the columns of interactions that the file's column becomes."""
    becomes = {name for name, names in mapping.columns.items() if column in names}
    words = [word for name in becomes for word in mapping.values.get(name, {})]
    words += [
        word for consent in mapping.consents if consent.columns.get("status") == column for word in consent.values
    ]
    stated = any(consent.columns.get("stated_at") == column for consent in mapping.consents)
    if stated or becomes & TIMES:
        return f"2024-03-0{number + 1} 10:00:00"
    if becomes & {*NUMBERS, "score"} or any(column in names for names in mapping.products.values()):
        return f"{number}.5"
    return words[number % len(words)] if words else f"{column}-{number}"


def _document(row: dict[str, str]) -> Any:
    """An object with each cell at its path; a list has one member."""
    document: dict[str, Any] = {"left": "over"}
    for name, cell in row.items():
        holder: Any = document
        steps = JsonPath.of(name).steps
        for place, (step, brackets) in enumerate(steps):
            inner: Any = cell if place == len(steps) - 1 else {}
            if brackets:
                inner = holder.get(step, [inner])[0]
                holder[step] = [inner]
            else:
                inner = holder.setdefault(step, inner)
            holder = inner
    return document
