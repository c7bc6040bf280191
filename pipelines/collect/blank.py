"""Blanks in landed files: records of erased persons go, the numbers of all other rows and elements hold.

A landed file is never changed in place. Its new version lies beside it as a draft, on the disk and with its digest
known, before it takes the file's name: whoever notes the digest can do so first, and a process that dies in between
leaves one of the two versions under the name, and a draft from which `landing.settle_drafts` goes on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipelines.collect.blank_lines import BlankLines
from pipelines.collect.blank_parquet import BlankParquet
from pipelines.collect.blank_rows import BlankRows
from pipelines.collect.connectors import connectors
from pipelines.collect.erased import WORD
from pipelines.collect.file_form import file_form
from pipelines.collect.landing import LandedFile, digest, draft_of
from pipelines.collect.mapping import parse_mapping
from pipelines.collect.mapping_plan import json_mapping_format
from pipelines.collect.rewriting import PackedFile
from warehouse.compressed import compression
from warehouse.durable import sync
from warehouse.extensions import session
from warehouse.home import Home
from warehouse.needles import Needles
from warehouse.scan import stands_in
from warehouse.settings import Settings

Place = tuple[int, int]
# What was asked for, and what the values found besides.
Places = tuple[set[Place], set[Place]]


@dataclass(frozen=True)
class Blanked:
    """What became of a file: its digest and size now, and how many of its records are blanks by this call.

    `blanked` counts the places that were asked for, also those that were blanks before, and the places `by_needle`
    (row number, element) of others, which a value gave away: interactions or rejections from there have to go, too.
    """

    sha256: str
    size_bytes: int
    blanked: int
    by_needle: tuple[Place, ...] = ()


def draft_blanks(home: Home, file: LandedFile, records: Sequence[Place], needles: Sequence[bytes] = ()) -> Blanked:
    """Write a version of the landed `file` in which `records` (row number, element) and others with a value are blanks.

    It waits beside the file until `place_draft`; none waits if nothing changes. `needles` are values of 8 bytes or
    more; a line, row or element that holds one goes as a whole, whatever was made of it, and a batch goes with all its
    elements where its envelope holds one. May be repeated. Raises RapportError for a file that cannot be written anew,
    OSError for one that is not there.
    """
    path, draft = home.root / file.path, draft_of(home, file.path)
    draft.unlink(missing_ok=True)
    places: dict[int, set[int]] = defaultdict(set)
    for row, element in records:
        places[row].add(element)
    asked, found = _write(home, file, draft, places, Needles(needles))
    newest = draft if draft.exists() else path
    return Blanked(digest(newest), newest.stat().st_size, len(asked) + len(found), tuple(sorted(found)))


def _write(home: Home, file: LandedFile, draft: Path, places: Mapping[int, set[int]], needles: Needles) -> Places:
    """Write the draft if it is needed; gives the places that were asked for and those that were found."""
    path = home.root / file.path
    connector = connectors()[file.connector]
    form = file_form(connector, file.mapping, path)
    if form.kind == "erased":
        return {(row, element) for row in places for element in places[row]}, set()
    if form.kind == "lines":
        records = connector.records or json_mapping_format(parse_mapping(file.mapping or ""))
        return _write_text(BlankLines(path, records, places, needles), path, draft)
    try:
        if form.kind == "parquet":
            return _write_parquet(home, path, draft, places, needles)
        return _write_text(BlankRows(path, form.delimiter, places, needles), path, draft)
    except pa.ArrowInvalid:
        return _write_whole(path, draft, places, needles)


def _write_text(blanks: BlankLines | BlankRows, path: Path, draft: Path) -> Places:
    if blanks.is_needed:
        target = PackedFile(draft, compression(path))
        target.close(is_cut=blanks.rewrite(target.write))
    return blanks.asked, blanks.found


def _write_parquet(home: Home, path: Path, draft: Path, places: Mapping[int, set[int]], needles: Needles) -> Places:
    con = session(Settings(threads=1), home.temporary)
    try:
        blanks = BlankParquet(con, path, places, needles)
        if blanks.is_needed:
            blanks.rewrite(draft)
            sync(draft)
        return blanks.asked, blanks.found
    finally:
        con.close()


def _write_whole(path: Path, draft: Path, places: Mapping[int, set[int]], needles: Needles) -> Places:
    """A file that could not be divided is one record, and goes as a whole."""
    if 0 not in places and not stands_in(path, needles):
        return set(), set()
    draft.write_bytes(WORD.encode() + b"\n")
    sync(draft)
    place = {(0, 0)}
    return (place, set()) if 0 in places else (set(), place)
