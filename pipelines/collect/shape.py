"""The shape of a landed record: names of fields and kinds of values, never a value, so that rejections can be shown."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.collect.connectors import connectors
from pipelines.collect.delimited import PLACE, read_delimited
from pipelines.collect.file_form import FileForm, file_form
from pipelines.collect.members import is_plain_name
from pipelines.collect.text_lines import read_lines
from warehouse.errors import UsageError

_MOST_FIELDS = 40
_DEPTH = 2
_UNREADABLE = "a file that cannot be read"
_PLACES = tuple(name for name, _ in PLACE)
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


def shapes(path: Path, connector: str, mapping: str | None, places: Sequence[tuple[int, int]]) -> list[str]:
    """The shape of the record at each of `places` (row_number, element) of a landed file; a file is read to the last.

    Row 0 is the file as a whole. Gives a sentence where there is no such record.
    """
    wanted = {row for row, _ in places if row > 0}
    try:
        found = _rows(path, connector, mapping, wanted) if wanted else {}
    except (pa.ArrowException, OSError, UsageError):
        return [_UNREADABLE for _ in places]
    return [_UNREADABLE if row == 0 else _shape(found.get(row), element) for row, element in places]


def _rows(path: Path, connector: str, mapping: str | None, wanted: set[int]) -> dict[int, Any]:
    """What stands in the wanted rows: the text of a line, or the cells of a row."""
    found: dict[int, Any] = {}
    form = file_form(connectors()[connector], mapping or "", path)
    is_text = form.kind == "lines"
    for batch in _batches(path, form):
        hits = pc.is_in(batch["row_number"], pa.array(sorted(wanted), pa.int64()))
        for row in batch.filter(hits).to_pylist():
            cells = {name: value for name, value in row.items() if name not in _PLACES}
            found[row["row_number"]] = cells["payload"] if is_text else cells
        if wanted <= found.keys():
            break
    return found


def _batches(path: Path, form: FileForm) -> Iterator[pa.RecordBatch]:
    if form.kind == "lines":
        yield from read_lines([path])
        return
    if form.kind == "rows":
        yield from read_delimited(path, form.delimiter)
        return
    first = 1
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            numbers = pa.array(range(first, first + batch.num_rows), pa.int64())
            yield batch.append_column("row_number", numbers)
            first += batch.num_rows


def _shape(found: Any, element: int) -> str:
    if found is None:
        return "bytes that are no text"
    if not isinstance(found, str):
        return describe(found)
    try:
        value = json.loads(found)
    except (ValueError, RecursionError):
        return f"{len(found):,} characters that are no JSON"
    return describe(_element(value, element))


def _element(value: Any, element: int) -> Any:
    """The element of an array, or of the one array in an envelope; the whole where it does not divide so."""
    listed = value
    if isinstance(value, dict):
        body = value.get("body", value) if "rapport_request" in value else value
        arrays = [one for one in body.values() if isinstance(one, list)] if isinstance(body, dict) else [body]
        listed = arrays[0] if len(arrays) == 1 and isinstance(arrays[0], list) and element else body
    return listed[element] if isinstance(listed, list) and element < len(listed) else listed


def describe(value: Any, depth: int = _DEPTH) -> str:
    """The kind of a value of JSON or of a cell; of an object its members down to `depth`, a name only if it is one."""
    if isinstance(value, dict):
        return _members(value, depth)
    if isinstance(value, list):
        return f"list of {len(value):,}"
    if isinstance(value, str):
        return "empty text" if not value else f"{'digits' if _NUMBER.fullmatch(value) else 'text'} of {len(value):,}"
    return {type(None): "nothing", bool: "true or false", int: "number", float: "number"}.get(type(value), "value")


def _members(value: dict[str, Any], depth: int) -> str:
    if not depth:
        return f"object of {len(value):,}"
    listed = [
        f"{name if is_plain_name(name) else '?'}: {describe(one, depth - 1)}"
        for name, one in list(value.items())[:_MOST_FIELDS]
    ]
    return "{" + ", ".join([*listed, *(["..."] if len(value) > _MOST_FIELDS else [])]) + "}"
