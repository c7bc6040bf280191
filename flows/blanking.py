"""The landed records of erased persons become blanks: those that rows came from, and any other that names them."""

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pyarrow.parquet as pq

from flows.collected import land_collected
from flows.progress import Counts, write_progress
from pipelines.collect.blank import Blanked, Place, draft_blanks
from pipelines.collect.compose import Batch
from pipelines.collect.landing import LandedFile, note, pending, place_draft, settle_drafts
from pipelines.collect.stage_split import Split, SplitFile, plan_splits, stage_split
from warehouse.erase_intent import Intent
from warehouse.erase_needles import held_by_others
from warehouse.lake import Lake
from warehouse.scan import find_traces
from warehouse.suppression import suppression_list

NO_PLACES: Mapping[str, Sequence[Place]] = MappingProxyType({})

_FILES = """
    SELECT file_id, connector, source, name, path, sha256, size_bytes, mapping, landed_at
    FROM landing_files
    WHERE file_id IN (SELECT UNNEST(?::VARCHAR[])) OR path IN (SELECT UNNEST(?::VARCHAR[]))
"""
# Copies that were seen before and refused records stand in no table: their files are read again.
_UNSEEN = "SELECT file_id FROM landing_files WHERE duplicate_count > 0 OR rejected_count > 0 ORDER BY file_id"
_PLACE = "(file_id, row_number, element)"


@dataclass(frozen=True)
class Blanking:
    """Records that became blanks, and how many landed files hold them."""

    records: int = 0
    files: int = 0


def blank_landing(lake: Lake, intent: Intent) -> Blanking:
    """Blank the records of the intent, their copies, and every other record in which one of its values is found.

    May be repeated: blanks stay blanks. The new digest of each file is noted before the file gets its new content.
    """
    home = lake.home
    _settle(lake)
    land_collected(home, is_sealing=True)
    copies = _kept_out(lake, intent)
    places = {id: {*intent.records.get(id, ()), *copies.get(id, ())} for id in (*intent.records, *copies)}
    known = [*_files(lake, [*places], []), *(file for file in pending(home) if file.file_id in places)]
    first = [(file, draft_blanks(home, file, sorted(places[file.file_id]))) for file in known]
    _put(lake, first, copies)
    naming = _naming(lake, intent.needles)
    further = [(file, _draft_others(lake, file, [v.encode() for v in values])) for file, values in naming.items()]
    _put(lake, further)
    done = [*first, *further]
    return Blanking(sum(now.blanked for _, now in done), len({file.file_id for file, now in done if now.blanked}))


def _kept_out(lake: Lake, intent: Intent) -> dict[str, list[Place]]:
    """The places, by file, of records that suppression would keep out now: those of the persons that no row names."""
    ids = [file_id for (file_id,) in lake.con.execute(_UNSEEN).fetchall()]
    folder = lake.home.staging / intent.erasure_id
    folder.mkdir(parents=True, exist_ok=True)
    listed = suppression_list(lake.con, lake.home, folder / "suppressions.parquet")
    found: dict[str, list[Place]] = defaultdict(list)
    for split in _splits(lake, [*_files(lake, ids, []), *_replayed(lake), *pending(lake.home)]):
        for part in stage_split(split, folder, lake.settings, lake.home.temporary, listed):
            rows = pq.read_table(part.kept_out).to_pylist() if part.kept_out else []
            for row in rows:
                found[row["file_id"]].append((row["row_number"], row["element"]))
            for path in filter(None, (part.interactions, part.losers, part.rejections)):
                Path(path).unlink()
    shutil.rmtree(folder)
    return found


def _replayed(lake: Lake) -> list[LandedFile]:
    """The files of which records were read again with another mapping, with that."""
    rows = lake.con.execute(
        "SELECT DISTINCT r.file_id, r.mapping FROM replays AS r JOIN landing_files AS f USING (file_id) "
        "WHERE r.mapping IS DISTINCT FROM f.mapping ORDER BY ALL"
    ).fetchall()
    files = {file.file_id: file for file in _files(lake, [file_id for file_id, _ in rows], [])}
    return [replace(files[file_id], mapping=mapping) for file_id, mapping in rows if file_id in files]


def _splits(lake: Lake, files: Sequence[LandedFile]) -> list[Split]:
    rows = [
        (
            SplitFile(file.file_id, str(lake.home.root / file.path)),
            Batch("", 0, datetime.fromisoformat(file.landed_at), file.source, file.connector),
            file.mapping,
            file.size_bytes,
        )
        for file in files
    ]
    return plan_splits(rows, 0)


def _settle(lake: Lake) -> None:
    """Finish what a killed process had noted."""
    drafts = [str(path.relative_to(lake.home.root)) for path in lake.home.landing.glob("*.blank")]
    files = [*_files(lake, [], [path.removesuffix(".blank") for path in drafts]), *pending(lake.home)]
    settle_drafts(lake.home, {file.path: file.sha256 for file in files})


def _draft_others(lake: Lake, file: LandedFile, needles: Sequence[bytes]) -> Blanked:
    """Blank what holds a value, unless a row of somebody else came from there: a row tells whose a record is."""
    drafted = draft_blanks(lake.home, file, [], needles)
    places = [(file.file_id, *place) for place in drafted.by_needle]
    return draft_blanks(lake.home, file, [], []) if _are_rows(lake, places) else drafted


def _are_rows(lake: Lake, places: Sequence[tuple[str, int, int]]) -> bool:
    return any(
        lake.con.execute(
            f"SELECT 1 FROM {name} WHERE {_PLACE} IN (SELECT UNNEST({_listed(places)})) LIMIT 1"
        ).fetchone()
        for name in ("interactions", "interaction_versions")
        if places
    )


def _listed(places: Sequence[tuple[str, int, int]]) -> str:
    """The places as SQL; a file's id is of hex digits."""
    return "[" + ", ".join(f"ROW('{file}', {row}::BIGINT, {element}::INTEGER)" for file, row, element in places) + "]"


def _naming(lake: Lake, needles: Sequence[str]) -> dict[LandedFile, list[str]]:
    """The landed files in which a value is found, loaded or not, with the values that are nobody else's."""
    home = lake.home
    found: dict[str, set[str]] = {}
    for trace in find_traces(home.landing, [needle.encode() for needle in needles]):
        found.setdefault(str(trace.path.relative_to(home.root)), set()).add(needles[trace.needle])
    others = held_by_others(lake.con, sorted(set().union(*found.values())))
    waiting = [file for file in pending(home) if file.path in found]
    files = [*_files(lake, [], [*found]), *waiting]
    return {file: sorted(found[file.path] - others) for file in files if found[file.path] - others}


def _files(lake: Lake, ids: Sequence[str], paths: Sequence[str]) -> list[LandedFile]:
    """The loaded files of these ids or paths that are still there."""
    rows = lake.con.execute(_FILES, [list(ids), list(paths)]).fetchall()
    files = [LandedFile(*(*row[:-1], row[-1].astimezone(UTC).isoformat())) for row in rows]
    return [file for file in files if (lake.home.root / file.path).exists()]


def _put(
    lake: Lake, done: Sequence[tuple[LandedFile, Blanked]], copies: Mapping[str, Sequence[Place]] = NO_PLACES
) -> None:
    """Note the new digests and sizes, of loaded files in the lake, of waiting ones in their notes; then the files."""
    waiting = {file.file_id for file in pending(lake.home)}
    changed = {file.file_id: (file, now) for file, now in done if file.sha256 != now.sha256}
    for file, now in changed.values():
        if file.file_id in waiting:
            note(lake.home, replace(file, sha256=now.sha256, size_bytes=now.size_bytes))
    loaded = {file_id: now for file_id, (_, now) in changed.items() if file_id not in waiting}
    refused = {file.file_id: (*now.by_needle, *copies.get(file.file_id, ())) for file, now in done}
    places = [(file_id, *place) for file_id in loaded for place in refused[file_id]]
    if loaded:
        with lake.commit() as run:
            _update(lake, loaded)
            _suppress_rejections(lake, places)
            write_progress(lake, run, "erase", Counts())
    for file, _ in changed.values():
        place_draft(lake.home, file.path)


def _update(lake: Lake, loaded: Mapping[str, Blanked]) -> None:
    for file_id, now in loaded.items():
        lake.con.execute(
            "UPDATE landing_files SET sha256 = ?, size_bytes = ? WHERE file_id = ?",
            [now.sha256, now.size_bytes, file_id],
        )


def _suppress_rejections(lake: Lake, places: Sequence[tuple[str, int, int]]) -> None:
    """Refused records that are blanks now count as suppressed ones, as they would if they were read again."""
    if not places:
        return
    gone = f"{_PLACE} IN (SELECT UNNEST({_listed(places)}))"
    for name, key in (("landing_files", "file_id"), ("batches", "batch_id")):
        counted = f"SELECT {key}, COUNT(*) AS count FROM rejections WHERE {gone} GROUP BY {key}"
        for found, count in lake.con.execute(counted).fetchall():
            lake.con.execute(
                f"UPDATE {name} SET rejected_count = rejected_count - ?, suppressed_count = suppressed_count + ? "
                f"WHERE {key} = ?",
                [count, count, found],
            )
    lake.con.execute(f"DELETE FROM rejections WHERE {gone}")
