"""Landing: files from paths and from the inbox, those that wait to be loaded, in bounded series."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.collect.connectors import connectors
from pipelines.collect.delimited import check_names, header
from pipelines.collect.erased import is_erased_file
from pipelines.collect.landing import (
    LandedFile,
    drafted,
    inbox_files,
    land,
    pending,
    settle,
    settle_drafts,
    sweep_landing,
    verify,
)
from pipelines.collect.mapping import parse_mapping
from pipelines.collect.mapping_plan import json_mapping_plan, mapping_plan
from schemas.table import literals
from warehouse.errors import UsageError
from warehouse.home import Home
from warehouse.lake import Lake

_BYTES_PER_EVENT = 500


def known_connector(name: str) -> str:
    """`name`, if it is a connector. Raises UsageError with the nearest name."""
    if name in connectors():
        return name
    near = get_close_matches(name, connectors(), n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise UsageError(f"connector '{name}' is unknown; {hint}`rapport connectors` lists them")


def find_mapping(home: Home, connector: str, source: str, given: Path | None) -> str | None:
    """The text of the mapping that `connector` needs: `given`, else mappings/<source>.toml. Raises UsageError."""
    if connectors()[connector].framing != "table":
        if given is not None:
            raise UsageError(f"connector '{connector}' takes no mapping; leave --mapping out")
        return None
    path = given or home.mappings / f"{source}.toml"
    if not path.is_file():
        raise UsageError(
            f"source '{source}' has no mapping at {path}; write one (docs/mappings.md) or give --mapping FILE"
        )
    text = path.read_text(encoding="utf-8")
    parse_mapping(text)
    return text


def land_paths(
    home: Home, connector: str, paths: Sequence[Path], source: str | None = None, mapping: Path | None = None
) -> list[LandedFile]:
    """Land `paths` for `connector`; nothing is landed unless all of them can be."""
    source = source or known_connector(connector)
    text = find_mapping(home, known_connector(connector), source, mapping)
    for path in paths:
        if not path.is_file():
            raise UsageError(f"'{path}' is not a file; give the paths of files that can be read")
        check_fit(path, text)
    now = datetime.now(UTC)
    # Digests are computed outside Python's lock, so files are landed side by side.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda path: land(home, path, connector, source, text, now), paths))


def land_inbox(home: Home) -> list[LandedFile]:
    """Take up every complete file of the inbox."""
    found = [
        (path, connector, source, find_mapping(home, connector, source, None))
        for path, connector, source in inbox_files(home, connectors())
    ]
    for path, _, _, text in found:
        check_fit(path, text)
    now = datetime.now(UTC)
    return [land(home, path, c, source, text, now, move=True) for path, c, source, text in found]


def check_fit(path: Path, mapping: str | None) -> None:
    """Refuse a file whose columns its mapping does not fit before it is landed: landed, it would stop every run.

    Raises UsageError. A file that is no table at all is refused as one record when it is read.
    """
    if mapping is None or is_erased_file(path):
        return
    parsed = parse_mapping(mapping)
    try:
        if parsed.is_json(path):
            json_mapping_plan(parsed)
            return
        columns = pq.read_schema(path).names if parsed.is_parquet(path) else header(path, parsed.delimiter)
        check_names(columns)
        mapping_plan(parsed, columns)
    except pa.ArrowInvalid:
        return
    except UsageError as problem:
        raise UsageError(f"'{path.name}' cannot be read with its mapping: {problem}") from problem


def settle_landing(lake: Lake) -> None:
    """Finish or take back what a killed process has left in the landing: files half taken, blanks not in place.

    Call it before landed files are read or landed; one look into a folder if there is nothing to do.
    """
    home = lake.home
    sweep_landing(home)
    if waits := [str(path.relative_to(home.root)) for path in drafted(home)]:
        rows = lake.con.execute("SELECT path, sha256 FROM landing_files WHERE path IN (SELECT unnest(?))", [waits])
        settle_drafts(home, dict(rows.fetchall()))


def waiting(lake: Lake) -> list[LandedFile]:
    """The landed files that no commit has loaded; notes of those that one has are cleared away.

    Raises RapportError for one that has changed since it was received.
    """
    settle_landing(lake)
    files = pending(lake.home)
    if not files:
        return []
    listed = literals(file.file_id for file in files)
    done = {
        row[0] for row in lake.con.execute(f"SELECT file_id FROM landing_files WHERE file_id IN ({listed})").fetchall()
    }
    settle(lake.home, done)
    files = [file for file in files if file.file_id not in done]
    verify(lake.home, files)
    return files


def bounded(files: Sequence[LandedFile], max_events: int) -> Iterator[list[LandedFile]]:
    """The files in series of about `max_events`, judged by size, so that memory does not grow with the backlog."""
    series: list[LandedFile] = []
    size = 0
    for file in files:
        if series and size + file.size_bytes > max_events * _BYTES_PER_EVENT:
            yield series
            series, size = [], 0
        series.append(file)
        size += file.size_bytes
    if series:
        yield series
