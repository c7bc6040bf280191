"""Ingest: landed files become interactions, in bounded batches, each one commit."""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from flows.drift import NewField, note_fields
from flows.interrupted import finish_interrupted
from flows.landing import bounded, land_paths, settle_landing
from flows.limits import hold_beyond_limit
from flows.places import EVERYWHERE, Places
from flows.progress import COLLECT, Counts, fingerprint_of_rollups, write_progress
from flows.requests import count_requests
from flows.runner import pipeline
from pipelines.collect.blank import draft_blanks
from pipelines.collect.compose import Batch
from pipelines.collect.connectors import connectors
from pipelines.collect.landing import LandedFile, settle
from pipelines.collect.part_notes import noted_parts
from pipelines.collect.stage_split import Split, SplitFile, plan_splits
from pipelines.collect.write_part import StagedPart
from schemas.table import literal, literals
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.run import Run
from warehouse.suppression import SuppressionList, suppression_list

# Reasons for which a record was not even read; a file of nothing else was not readable.
UNREADABLE = ("unreadable_file", "truncated_file", "not_utf8", "bad_json", "not_an_object", "broken_row")
if TYPE_CHECKING:
    from pipelines.keep.keep import KeepReport

Tell = Callable[[str], None]
SPLIT_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Origin:
    """The commit that loads a file, or loaded it first: its batch, its number, when it began (known time)."""

    batch_id: str
    commit_seq: int
    started_at: datetime


def load(
    lake: Lake,
    run: Run,
    files: Sequence[LandedFile],
    tell: Tell,
    *,
    is_checked: bool = False,
    new_fields: list[NewField] | None = None,
) -> Counts:
    """Parse, validate, de-duplicate and keep `files` inside the caller's commit; gives the five counts.

    Records that an erasure keeps out become blanks of their landed files: in drafts, which take the files' names when
    the commit is settled, as it notes their digests. Fields that a source has not sent before go to `new_fields`.
    Raises RapportError if a file does not conserve its records, or a source is beyond its limit of rejections: then
    nothing of the run is published.
    """
    suppressions = suppression_list(lake.con, lake.home, lake.staging(run) / "suppressions.parquet")
    counts = load_records(lake, run, files, tell, is_checked=is_checked, suppressions=suppressions)
    hold_beyond_limit(lake, files, counts)
    parts = noted_parts(lake.staging(run))
    if suppressions:
        files = blanked(lake.home, files, parts)
    fresh = note_fields(lake, run, files, parts)
    if new_fields is not None:
        new_fields += fresh
    _write_landing(lake, run, files, counts)
    return sum(counts.values(), Counts())


def blanked(home: Home, files: Sequence[LandedFile], parts: Sequence[StagedPart]) -> list[LandedFile]:
    """The files with what they will be once the records that were kept out are blanks."""
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for path in (part.kept_out for part in parts if part.kept_out):
        for file_id, row, element in zip(*pq.read_table(path).to_pydict().values(), strict=True):
            places[file_id].append((row, element))
    drafted = {file.file_id: draft_blanks(home, file, places[file.file_id]) for file in files if file.file_id in places}
    return [
        replace(file, sha256=now.sha256, size_bytes=now.size_bytes) if (now := drafted.get(file.file_id)) else file
        for file in files
    ]


def load_records(
    lake: Lake,
    run: Run,
    files: Sequence[LandedFile],
    tell: Tell,
    *,
    is_checked: bool = False,
    origins: Mapping[str, Origin] | None = None,
    suppressions: SuppressionList | None = None,
    places: Places = EVERYWHERE,
) -> dict[str, Counts]:
    """The same without noting what was loaded; gives the five counts of each file.

    `origins` (by file_id) are the commits that loaded the files first: a rebuild gives records their stamps again,
    and makes the rollups later. It needs no `suppressions`: what they kept out, or would, is a blank already. Of the
    files of `places` not all records are read. Raises RapportError as `load` does.
    """
    tell(f"parsing {len(files)} file{'s' if len(files) != 1 else ''}")
    candidates = stage(lake, run, files, origins or {}, suppressions, places)
    parts = noted_parts(lake.staging(run))
    if is_checked:
        tell("checking the staged files against the suite")
        _check(lake, [Path(part.interactions) for part in parts if part.interactions])
    first = min(origin.commit_seq for origin in origins.values()) if origins else None
    counts = keep_parts(lake, run, files, parts, candidates, tell, first)
    _add_rejections(lake, parts)
    return counts


def keep_parts(
    lake: Lake,
    run: Run,
    files: Sequence[LandedFile],
    parts: Sequence[StagedPart],
    candidates: Sequence[Path],
    tell: Tell,
    first_commit: int | None = None,
) -> dict[str, Counts]:
    """Keep what was staged; gives the five counts of each file. Raises RapportError if they do not add up."""
    from pipelines.keep.keep import keep

    tell("de-duplicating and rolling up")
    staged = {part.number: part.interactions for part in parts if part.interactions}
    losers = [part.losers for part in parts if part.losers]
    kept = keep(lake, run, staged, losers, candidates, first_commit=first_commit)
    return _count(files, parts, kept)


def _check(lake: Lake, staged: Sequence[Path]) -> None:
    """Write, audit, publish: the suite judges the staged files before anything of them is published."""
    from pipelines.validate.validate import checkpoint

    known = {channel for connector in connectors().values() for channel in connector.channels}
    result = checkpoint(staged, "interactions", {"channel": sorted({*known, *lake.settings.channels})})
    if not result.success:
        raise result.error()


def _splits(
    lake: Lake, run: Run, files: Sequence[LandedFile], origins: Mapping[str, Origin], places: Places
) -> list[Split]:
    this = Origin(run.batch_id, run.commit_seq, run.started_at)
    ordered = sorted(files, key=lambda file: (file.connector, file.source, file.mapping or ""))
    rows = [
        (
            SplitFile(
                file.file_id,
                str(lake.home.root / file.path),
                places.only.get(file.file_id),
                places.without.get(file.file_id),
            ),
            _batch(origins.get(file.file_id, this), file),
            file.mapping,
            file.size_bytes,
        )
        for file in ordered
    ]
    return plan_splits(rows, SPLIT_BYTES)


def _batch(origin: Origin, file: LandedFile) -> Batch:
    return Batch(origin.batch_id, origin.commit_seq, origin.started_at, file.source, file.connector)


def stage(
    lake: Lake,
    run: Run,
    files: Sequence[LandedFile],
    origins: Mapping[str, Origin],
    suppressions: SuppressionList | None,
    places: Places,
) -> list[Path]:
    """Run the Beam pipeline from files to staged files and candidates for copies; parts leave their notes."""
    import apache_beam as beam

    from pipelines.collect.parse_interactions import ParseInteractions
    from pipelines.keep.find_copies import FindCopies

    splits, home, staging = _splits(lake, run, files, origins, places), lake.home, lake.staging(run)
    cores = lake.settings.threads or os.cpu_count() or 1
    workers = min(cores, len(splits))
    # Splits side by side with few DuckDB threads each use the cores better than one split with all of them.
    settings = replace(lake.settings, threads=max(1, cores // workers))
    with pipeline(workers) as stages:
        (
            stages
            | "List the splits" >> beam.Create(list(splits), reshuffle=False)
            | "Parse the interactions" >> ParseInteractions(staging, home.temporary, settings, suppressions)
            | "Find copies" >> FindCopies(home.index, staging)
        )
    return sorted(staging.glob("candidates-*.parquet"))


def _add_rejections(lake: Lake, parts: Sequence[StagedPart]) -> None:
    paths = [literal(part.rejections) for part in parts if part.rejections]
    if paths:
        lake.con.execute(f"INSERT INTO rejections BY NAME SELECT * FROM read_parquet([{', '.join(paths)}])")


def _count(files: Sequence[LandedFile], parts: Sequence[StagedPart], kept: "KeepReport") -> dict[str, Counts]:
    """The five counts of each file, each counted where it happened, so that a lost record shows."""
    counts = {file.file_id: Counts() for file in files}
    for count in (count for part in parts for count in part.counts):
        counts[count.file_id] += Counts(
            received=count.received,
            duplicate=count.repeated,
            rejected=count.received - count.accepted - count.suppressed,
            suppressed=count.suppressed,
        )
    for file_id in counts:
        loaded, duplicate = kept.loaded.get(file_id, 0), kept.duplicates.get(file_id, 0)
        counts[file_id] += Counts(loaded=loaded, duplicate=duplicate)
    for file in files:
        if not counts[file.file_id].is_conserved:
            raise RapportError(
                f"records of file '{file.name}' do not add up ({counts[file.file_id]}); nothing was published"
            )
    return counts


def _write_landing(lake: Lake, run: Run, files: Sequence[LandedFile], counts: dict[str, Counts]) -> None:
    """Write which files this commit has loaded, and the batch."""
    rows = [(*_file_values(file), run.batch_id, run.commit_seq, *counts[file.file_id].values) for file in files]
    lake.con.executemany(f"INSERT INTO landing_files VALUES ({', '.join('?' * len(rows[0]))})", rows)
    write_progress(lake, run, COLLECT, sum(counts.values(), Counts()), fingerprint_of_rollups(run.settings))


def _file_values(file: LandedFile) -> tuple[object, ...]:
    return (
        file.file_id,
        file.connector,
        file.source,
        file.name,
        file.path,
        file.sha256,
        file.size_bytes,
        file.mapping,
        datetime.fromisoformat(file.landed_at),
    )


@dataclass(frozen=True)
class IngestReport:
    """What `ingest` did: files, the five counts, reasons of rejections with their numbers, requests of persons."""

    files: int
    counts: Counts
    reasons: dict[str, int]
    new_fields: tuple[NewField, ...] = ()
    requests: int = 0

    @property
    def is_unreadable(self) -> bool:
        """Whether nothing at all could be read."""
        unread = sum(count for code, count in self.reasons.items() if code in UNREADABLE)
        return 0 < self.counts.received == unread


def ingest_paths(
    lake: Lake,
    connector: str,
    paths: Sequence[Path],
    source: str | None = None,
    mapping: Path | None = None,
    tell: Tell = lambda _: None,
) -> IngestReport:
    """Land `paths` and load them, in bounded batches, each one commit. Raises UsageError and RapportError."""
    finish_interrupted(lake, tell)
    settle_landing(lake)
    files = land_paths(lake.home, connector, paths, source, mapping)
    counts, new_fields = Counts(), list[NewField]()
    for series in bounded(files, lake.settings.max_batch_events):
        with lake.commit() as run:
            counts += load(lake, run, series, tell, new_fields=new_fields)
        settle(lake.home, [file.file_id for file in series])
    ids = [file.file_id for file in files]
    return IngestReport(len(files), counts, reasons(lake, ids), tuple(new_fields), count_requests(lake, ids))


def reasons(lake: Lake, file_ids: Sequence[str]) -> dict[str, int]:
    """How many records of `file_ids` were rejected, by reason code, most first."""
    listed = literals(file_ids)
    found = lake.con.execute(
        f"SELECT reason_code, COUNT(*) FROM rejections WHERE file_id IN ({listed}) GROUP BY ALL ORDER BY 2 DESC, 1"
    ).fetchall()
    return dict(found)
