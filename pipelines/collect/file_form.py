"""In what form a landed file has its records: lines of text, rows of delimited text, or Parquet."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.collect.connector import Connector
from pipelines.collect.erased import is_erased_file
from pipelines.collect.mapping import TableMapping, parse_mapping
from warehouse.compressed import read_bytes

_PARQUET = b"PAR1"
_HEADER_BYTES = 64 * 1024
_DELIMITERS = ("\t", ",")


@dataclass(frozen=True)
class FileForm:
    """`delimiter` holds for rows. A file that is `erased` is a blank as a whole."""

    kind: Literal["lines", "rows", "parquet", "erased"]
    delimiter: str = ","


def file_form(connector: Connector, mapping: str | None, path: Path) -> FileForm:
    """The form of the landed file at `path`: by the framing, else by the mapping, else by its first bytes.

    Raises UsageError for a mapping that is none, OSError for a file that cannot be read.
    """
    if connector.framing == "json":
        return FileForm("lines")
    if is_erased_file(path):
        return FileForm("erased")
    if connector.framing == "table":
        return _mapped(parse_mapping(mapping or ""), path)
    return _sniffed(path, connector.header)


def _mapped(mapping: TableMapping, path: Path) -> FileForm:
    if mapping.is_parquet(path):
        return FileForm("parquet")
    return FileForm("lines") if mapping.is_json(path) else FileForm("rows", mapping.delimiter)


def _sniffed(path: Path, header: Collection[str]) -> FileForm:
    """Delimited text begins with a row of names, at least one of which is in `header`."""
    head = next(read_bytes(path), None) or b""
    if head.startswith(_PARQUET) or path.suffix == ".parquet":
        return FileForm("parquet")
    first = head[:_HEADER_BYTES].split(b"\n")[0].decode(errors="replace").rstrip("\r")
    for delimiter in _DELIMITERS:
        if not {name.strip('" ') for name in first.split(delimiter)}.isdisjoint(header):
            return FileForm("rows", delimiter)
    return FileForm("lines")
