"""Replay: rejected records are read again from the landing; those that pass now are loaded, exactly those."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

from flows.ingest import blanked, keep_parts, stage
from flows.interrupted import finish_interrupted
from flows.landing import bounded, check_fit, find_mapping, settle_landing
from flows.places import Places
from flows.progress import REPLAY, Counts, fingerprint_of_rollups, write_progress
from flows.replayed import Outcome, find_outcome, forget_outcome, write_outcome
from flows.work import Tell
from pipelines.collect.landing import LandedFile, place_draft, verify
from pipelines.collect.part_notes import noted_parts
from schemas.table import literal, literals
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.run import Run
from warehouse.suppression import suppression_list

# Reasons for which a payload could not be divided: it may hold several records once it can.
UNDIVIDED = ("not_utf8", "bad_json", "record_too_large", "truncated_file", "broken_row")
_FILES = """
    SELECT f.file_id, f.connector, f.source, f.name, f.path, f.sha256, f.size_bytes, f.mapping, f.landed_at
    FROM landing_files AS f
    WHERE f.file_id IN (SELECT file_id FROM rejections AS r WHERE {chosen})
    ORDER BY f.commit_seq, f.connector, f.source, f.landed_at, f.file_id
"""
# A file that could not be read at all was one record: it is read whole.
_PLACES = """
    SELECT r.file_id,
        CASE WHEN r.row_number > 0 OR f.received_count > 1 THEN r.row_number END AS row_number,
        CASE WHEN r.reason_code NOT IN ({undivided}) AND (r.row_number > 0 OR f.received_count > 1)
            THEN r.element END AS element
    FROM rejections AS r
    JOIN landing_files AS f USING (file_id)
    WHERE {chosen} AND r.file_id IN ({ids})
"""


@dataclass(frozen=True)
class Chosen:
    """Which rejections are looked at: of one connector, source and reason, each None for all."""

    connector: str | None = None
    source: str | None = None
    reason: str | None = None

    def sql(self) -> str:
        """The predicate over rejections `r`."""
        asked = {"connector": self.connector, "source": self.source, "reason_code": self.reason}
        parts = [f"r.{name} = {literal(value)}" for name, value in asked.items() if value is not None]
        return " AND ".join(["TRUE", *parts])


@dataclass(frozen=True)
class ReplayReport:
    """What a replay did: files that it read, rejections that it looked at, and what became of their records.

    `rejected` of them still do not pass, `changed` of these for another reason than before.
    """

    files: int = 0
    looked_at: int = 0
    loaded: int = 0
    duplicate: int = 0
    suppressed: int = 0
    rejected: int = 0
    changed: int = 0

    def __add__(self, other: "ReplayReport") -> "ReplayReport":
        """Both together."""
        return ReplayReport(*(mine + vars(other)[name] for name, mine in vars(self).items()))


def replay_rejections(lake: Lake, chosen: Chosen, mapping: Path | None, tell: Tell) -> ReplayReport:
    """Read the chosen rejections again, under the mappings and settings of today, in bounded commits.

    A mapping is `mapping`, else that of the home, else the one that the file was landed with. Where nothing turns out
    otherwise, nothing is written. Raises RapportError for a landed file that has changed, UsageError for a mapping
    that does not fit.
    """
    finish_interrupted(lake, tell)
    settle_landing(lake)
    rows = lake.con.execute(_FILES.format(chosen=chosen.sql())).fetchall()
    files = [LandedFile(*(*row[:-1], row[-1].astimezone(UTC).isoformat())) for row in rows]
    report = ReplayReport()
    for series in bounded(files, lake.settings.max_batch_events):
        verify(lake.home, series)
        report += _replay(lake, chosen, [_with_mapping(lake.home, file, mapping) for file in series], tell)
    return report


def _with_mapping(home: Home, file: LandedFile, given: Path | None) -> LandedFile:
    if file.mapping is None or (given is None and not (home.mappings / f"{file.source}.toml").is_file()):
        return file
    text = find_mapping(home, file.connector, file.source, given)
    check_fit(home.root / file.path, text)
    return replace(file, mapping=text)


def _replay(lake: Lake, chosen: Chosen, files: Sequence[LandedFile], tell: Tell) -> ReplayReport:
    """One commit, or none where nothing turned out otherwise."""
    run = lake.begin()
    try:
        outcome, drafted = _read_again(lake, run, chosen, files, tell)
        if outcome.is_idle:
            lake.abandon(run)
        else:
            lake.finish(run)
            for file in drafted:
                place_draft(lake.home, file.path)
    except BaseException:
        lake.abandon(run)
        raise
    finally:
        forget_outcome(lake.con)
    total = sum(outcome.counts.values(), Counts())
    return ReplayReport(
        len(files), outcome.looked_at, total.loaded, total.duplicate, total.suppressed, total.rejected, outcome.changed
    )


def _read_again(
    lake: Lake, run: Run, chosen: Chosen, files: Sequence[LandedFile], tell: Tell
) -> tuple[Outcome, list[LandedFile]]:
    """Stage the records, and write what became of them; gives also the files in which a record became a blank."""
    staging = lake.staging(run)
    places = Places(only=dict.fromkeys((file.file_id for file in files), _write_places(lake, chosen, files, staging)))
    tell(f"reading rejected records of {len(files)} file{'s' if len(files) != 1 else ''} again")
    suppressions = suppression_list(lake.con, lake.home, staging / "suppressions.parquet")
    candidates = stage(lake, run, files, {}, suppressions, places)
    parts = noted_parts(staging)
    find_outcome(lake.con, chosen.sql(), files, parts)
    counts = keep_parts(lake, run, files, parts, candidates, tell)
    outcome = write_outcome(lake, run, counts)
    if outcome.is_idle:
        return outcome, []
    now = blanked(lake.home, files, parts) if suppressions else list(files)
    drafted = [after for before, after in zip(files, now, strict=True) if before.sha256 != after.sha256]
    for file in drafted:
        lake.con.execute(
            "UPDATE landing_files SET sha256 = ?, size_bytes = ? WHERE file_id = ?",
            [file.sha256, file.size_bytes, file.file_id],
        )
    write_progress(lake, run, REPLAY, Counts(), fingerprint_of_rollups(run.settings))
    return outcome, drafted


def _write_places(lake: Lake, chosen: Chosen, files: Sequence[LandedFile], staging: Path) -> str:
    target = str(staging / "places.parquet")
    query = _PLACES.format(
        undivided=literals(UNDIVIDED),
        chosen=chosen.sql(),
        ids=literals(file.file_id for file in files),
    )
    lake.con.execute(f"COPY ({query}) TO {literal(target)} (FORMAT parquet)")
    return target
