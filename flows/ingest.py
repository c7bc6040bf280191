"""Ingest: landed files become interactions, in bounded batches, each one commit."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from flows.progress import Counts, write_progress
from pipelines.collect.compose import Batch
from pipelines.collect.connectors import connectors
from pipelines.collect.delimited import check_names, header
from pipelines.collect.landing import LandedFile, inbox_files, land, pending, settle
from pipelines.collect.mapping import mapping_plan, parse_mapping
from pipelines.collect.stage_split import Split, SplitFile, StagedPart, plan_splits
from schemas.table import literal
from warehouse.errors import RapportError, UsageError
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.run import Run

# Reasons for which a record was not even read; a file of nothing else was not readable.
UNREADABLE = ("unreadable_file", "truncated_file", "not_utf8", "bad_json", "not_an_object", "broken_row")
if TYPE_CHECKING:
    from pipelines.keep.keep import KeepReport

Tell = Callable[[str], None]
SPLIT_BYTES = 256 * 1024 * 1024
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
        _check_fit(path, text)
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
        _check_fit(path, text)
    now = datetime.now(UTC)
    return [land(home, path, c, source, text, now, move=True) for path, c, source, text in found]


def _check_fit(path: Path, mapping: str | None) -> None:
    """Refuse a file whose columns its mapping does not fit before it is landed: landed, it would stop every run.

    Raises UsageError. A file that is no table at all is refused as one record when it is read.
    """
    if mapping is None:
        return
    parsed = parse_mapping(mapping)
    is_parquet = parsed.format == "parquet" or (not parsed.format and path.suffix == ".parquet")
    try:
        columns = pq.read_schema(path).names if is_parquet else header(path, parsed.delimiter)
        check_names(columns)
        mapping_plan(parsed, columns)
    except pa.ArrowInvalid:
        return
    except UsageError as problem:
        raise UsageError(f"'{path.name}' cannot be read with its mapping: {problem}") from problem


def waiting(lake: Lake) -> list[LandedFile]:
    """The landed files that no commit has loaded; notes of those that one has are cleared away."""
    files = pending(lake.home)
    if not files:
        return []
    listed = ", ".join(literal(file.file_id) for file in files)
    done = {
        row[0] for row in lake.con.execute(f"SELECT file_id FROM landing_files WHERE file_id IN ({listed})").fetchall()
    }
    settle(lake.home, done)
    return [file for file in files if file.file_id not in done]


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


def load(lake: Lake, run: Run, files: Sequence[LandedFile], tell: Tell, *, is_checked: bool = False) -> Counts:
    """Parse, validate, de-duplicate and keep `files` inside the caller's commit; gives the five counts.

    Raises RapportError if a file does not conserve its records: then nothing of the run is published.
    """
    from pipelines.collect.parse_interactions import noted_parts
    from pipelines.keep.keep import keep

    splits = _splits(lake, run, files)
    tell(f"parsing {len(files)} file{'s' if len(files) != 1 else ''}")
    candidates = _stage(lake, run, splits)
    parts = noted_parts(lake.staging(run))
    if is_checked:
        tell("checking the staged files against the suite")
        _check([Path(part.interactions) for part in parts if part.interactions])
    tell("de-duplicating and rolling up")
    staged = {part.number: part.interactions for part in parts if part.interactions}
    kept = keep(lake, run, staged, [part.losers for part in parts if part.losers], candidates)
    _add_rejections(lake, parts)
    counts = _count(files, parts, kept)
    _write_landing(lake, run, files, counts)
    return sum(counts.values(), Counts())


def _check(staged: Sequence[Path]) -> None:
    """Write, audit, publish: the suite judges the staged files before anything of them is published."""
    from pipelines.validate.validate import checkpoint

    result = checkpoint(staged, "interactions")
    if not result.success:
        raise result.error()


def _splits(lake: Lake, run: Run, files: Sequence[LandedFile]) -> list[Split]:
    ordered = sorted(files, key=lambda file: (file.connector, file.source, file.mapping or ""))
    rows = [
        (
            SplitFile(file.file_id, str(lake.home.root / file.path)),
            Batch(run.batch_id, run.commit_seq, run.started_at, file.source, file.connector),
            file.mapping,
            file.size_bytes,
        )
        for file in ordered
    ]
    return plan_splits(rows, SPLIT_BYTES)


def _stage(lake: Lake, run: Run, splits: Sequence[Split]) -> list[Path]:
    """Run the Beam pipeline from splits to staged files and candidates for copies."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    from pipelines.collect.parse_interactions import ParseInteractions
    from pipelines.keep.find_copies import FindCopies

    home, staging = lake.home, lake.staging(run)
    cores = lake.settings.threads or os.cpu_count() or 1
    workers = min(cores, len(splits))
    # Splits side by side with few DuckDB threads each use the cores better than one split with all of them.
    settings = replace(lake.settings, threads=max(1, cores // workers))
    options = PipelineOptions([], direct_num_workers=workers, direct_running_mode="multi_threading")
    with beam.Pipeline(runner=FnApiRunner(), options=options) as pipeline:
        (
            pipeline
            | "List the splits" >> beam.Create(list(splits), reshuffle=False)
            | "Parse the interactions" >> ParseInteractions(staging, home.temporary, settings)
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
        rejected = count.received - count.accepted
        counts[count.file_id] += Counts(received=count.received, duplicate=count.repeated, rejected=rejected)
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
    write_progress(lake, run, "collect", sum(counts.values(), Counts()))


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
    """What `ingest` did: files, the five counts, and the reasons of rejections with their numbers."""

    files: int
    counts: Counts
    reasons: dict[str, int]

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
    files = land_paths(lake.home, connector, paths, source, mapping)
    counts = Counts()
    for series in bounded(files, lake.settings.max_batch_events):
        with lake.commit() as run:
            counts += load(lake, run, series, tell)
        settle(lake.home, [file.file_id for file in series])
    return IngestReport(len(files), counts, reasons(lake, [file.file_id for file in files]))


def reasons(lake: Lake, file_ids: Sequence[str]) -> dict[str, int]:
    """How many records of `file_ids` were rejected, by reason code, most first."""
    listed = ", ".join(literal(file_id) for file_id in file_ids)
    found = lake.con.execute(
        f"SELECT reason_code, COUNT(*) FROM rejections WHERE file_id IN ({listed}) GROUP BY ALL ORDER BY 2 DESC, 1"
    ).fetchall()
    return dict(found)
