"""What a Parquet file says, as text: each column of each row group, its dictionary, numbers and times as they read."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.needles import Needles

_MAGIC = b"PAR1"


def is_parquet(path: Path) -> bool:
    """Whether the file says that it is Parquet, with pages that can be read without a key."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def parquet_texts(path: Path, needles: Needles) -> Iterator[tuple[str, bytes]]:
    """(where, text) of the values among which one of `needles` may stand.

    A dictionary counts as a whole, also entries that no row refers to. A file or column that cannot be read gives
    nothing: its bytes are all that can be looked at.
    """
    file = _opened(path, [])
    if file is None:
        return
    leaves = [file.schema.column(number) for number in range(len(file.schema.names))]
    dictionaries = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    by_dictionary = _opened(path, dictionaries)
    for group in range(file.num_row_groups):
        for name in dict.fromkeys(leaf.path.partition(".")[0] for leaf in leaves):
            for reader in filter(None, (file, by_dictionary)):
                for values in _column(reader, group, name):
                    yield from ((f"column {name}", text) for text in texts(values, needles))


def _opened(path: Path, dictionaries: list[str]) -> pq.ParquetFile | None:
    try:
        return pq.ParquetFile(path, read_dictionary=dictionaries)
    except (pa.ArrowException, OSError):
        return None


def _column(file: pq.ParquetFile, group: int, name: str) -> list[pa.Array]:
    try:
        found = file.read_row_group(group, columns=[name], use_threads=False)
    except (pa.ArrowException, OSError):
        return []
    chunks: list[pa.Array] = [chunk for column in found.columns for chunk in column.chunks]
    return chunks


def texts(values: pa.Array, needles: Needles) -> Iterator[bytes]:
    """The texts of an array, of those within it, and of its dictionary, among which one of `needles` may stand."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        yield from texts(values.storage, needles)
    elif pa.types.is_dictionary(kind):
        yield from texts(values.dictionary, needles)
    elif pa.types.is_struct(kind):
        for place in range(kind.num_fields):
            yield from texts(values.field(place), needles)
    elif pa.types.is_map(kind):
        yield from texts(values.keys, needles)
        yield from texts(values.items, needles)
    elif pa.types.is_nested(kind):
        yield from texts(values.values, needles)
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        buffer = values.buffers()[2]
        if buffer is not None and needles.stand_in(buffer.to_pybytes()):  # perhaps of two neighbours
            yield _apart(values)
    else:
        yield _apart(values)


def _apart(values: pa.Array) -> bytes:
    """The distinct values as text, one a line."""
    distinct = values.unique()
    for kind in (pa.binary(), pa.string()):
        try:
            cast = pc.cast(distinct, kind).cast(pa.binary())
        except pa.ArrowException:  # the type has no such text
            continue
        return b"\n".join(text for text in cast.to_pylist() if text is not None)
    return b""
