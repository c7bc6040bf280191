"""The rebuild: from landed files to a new lake, compared with the live one, put in its place by one rename."""

import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from flows.ingest import Tell, load_records
from flows.interrupted import finish_interrupted
from flows.landing import settle_landing
from flows.progress import COLLECT, REPLAY, Counts, write_progress
from flows.rebuild.adopt import HISTORY, IDENTITY, KNOWN, STAMPED, adopt, carry
from flows.rebuild.counts import correct_counts
from flows.rebuild.recorded import Recorded, in_series, recorded_files, replayed_places
from flows.rebuild.respell import respell
from pipelines.collect.landing import drafted, verify
from pipelines.know.premises import profiled_up_to
from pipelines.know.profiles import add_missing_columns
from schemas.tables import tables
from warehouse.beside import FRESH, LIVE, open_beside
from warehouse.compare import Difference, compare
from warehouse.erase_intent import has_intents
from warehouse.home import Home
from warehouse.lake import Lake, open_writer
from warehouse.run import Run, next_midnight

STAGE = "rebuild"
WAIT_SECONDS = 600.0


@dataclass(frozen=True)
class RebuildReport:
    """What was rebuilt from how many files and records, how each table compares, and whether it is live now.

    `commit_seq` is the commit of the rebuild, None for a trial. In `tables`, left is the live lake, right the new.
    """

    files: int
    received: int
    as_of: datetime
    commit_seq: int | None
    tables: dict[str, Difference]

    @property
    def differences(self) -> dict[str, Difference]:
        """The tables that are not the same."""
        return {name: difference for name, difference in self.tables.items() if not difference.is_equal}


def rebuild(home: Home, tell: Tell, *, is_trial: bool = False) -> RebuildReport:
    """Make the lake of `home` anew from its landed files and put it in the live one's place; a trial only compares.

    What is rebuilt holds, also where it differs; readers go on with what is published until the new lake is.
    Raises RapportError for a landed file that has changed, and for a home that cannot be rebuilt; then, as after a
    crash, the live lake is what it was.
    """
    _finish_interrupted(home, tell)
    with open_beside(home, WAIT_SECONDS, tell) as beside:
        lake = beside.lake
        files = recorded_files(lake.con)
        tell(f"checking the digests of {len(files)} landed file{'s' if len(files) != 1 else ''}")
        verify(home, [each.file for each in files])
        report = _build(lake, files, tell, is_trial=is_trial)
        if not is_trial:
            tell("putting the new lake in place")
            beside.take_over()
    tell("removing what is not needed any more")
    with open_writer(home, tell=tell) as live:  # publishes
        live.sweep()
    return report


def _finish_interrupted(home: Home, tell: Tell) -> None:
    """What a killed erasure or ingest has left to do to landed files comes first: their digests are checked."""
    if has_intents(home) or drafted(home):
        with open_writer(home, tell=tell) as lake:
            finish_interrupted(lake, tell)
            settle_landing(lake)


def _build(lake: Lake, files: Sequence[Recorded], tell: Tell, *, is_trial: bool) -> RebuildReport:
    """Fill the new lake, compare it, and give it the stamps of the live one."""
    run, made = _run(lake), _made(lake, tell)
    with _transaction(lake):
        add_missing_columns(lake.con)
        carry(lake.con, [name for name in tables() if name not in (*made, *HISTORY)])
        respell(lake.con, lake.settings.identity.phone_region)
    counts = _load(lake, files, run.as_of, tell)
    with _transaction(lake):
        _derive(lake, run, made, tell)
        tell("comparing with the live lake")
        found = {name: compare(lake.con, LIVE, FRESH, name, _found(name)) for name in made}
        found["landing_files"] = correct_counts(lake.con, counts)
        _take_stamps(lake, run, made, found)
        write_progress(lake, run, STAGE, Counts())
    received = sum(counts.values(), Counts()).received
    return RebuildReport(len(counts), received, run.as_of, None if is_trial else run.commit_seq, found)


def _run(lake: Lake) -> Run:
    """The run of the rebuild: the commit after the live lake's newest, up to where its profiles know."""
    row = lake.con.execute(f"SELECT COALESCE(MAX(commit_seq), 0) + 1 FROM {LIVE}.batches").fetchone()
    carry(lake.con, ["premises"])
    started = datetime.now(UTC)
    as_of = profiled_up_to(lake.con) or next_midnight(started)
    return Run(uuid.uuid4().hex, int(row[0]) if row else 1, started, as_of, lake.settings)


def _made(lake: Lake, tell: Tell) -> list[str]:
    """The tables that a rebuild makes anew; all others are carried over as they were recorded.

    So are identities and profiles that lag behind what is loaded: there is nothing yet to compare them with.
    """
    from pipelines.keep.rollups import rollups

    progress = f"SELECT COALESCE(MAX(commit_seq) FILTER (stage IN (?, ?)), 0) FROM {LIVE}.batches"
    collected, resolved, known = (
        lake.con.execute(progress, stages).fetchall()[0][0]
        for stages in ((COLLECT, REPLAY), ("resolve",) * 2, ("know",) * 2)
    )
    made = [*STAMPED, "interaction_versions", "machine_engagements", *rollups()]
    if resolved >= collected and known >= collected:
        return [*made, *IDENTITY, *KNOWN]
    tell(
        "identities and profiles lag behind what is loaded: they are taken over; `rapport run` first compares them too"
    )
    return made


def _load(lake: Lake, files: Sequence[Recorded], as_of: datetime, tell: Tell) -> dict[str, Counts]:
    """Interactions of all files, in bounded series; gives the counts of each file."""
    counts: dict[str, Counts] = {}
    done = 0
    for series in in_series(files, lake.settings.max_batch_events):
        run = Run(uuid.uuid4().hex, series[-1].origin.commit_seq, datetime.now(UTC), as_of, lake.settings)
        origins = {each.file.file_id: each.origin for each in series}
        with _transaction(lake):
            places = replayed_places(lake, series, lake.staging(run))
            found = load_records(lake, run, [each.file for each in series], tell, origins=origins, places=places)
            counts |= {file_id: counts.get(file_id, Counts()) + found[file_id] for file_id in found}
        shutil.rmtree(lake.home.staging / run.batch_id, ignore_errors=True)
        done += len(series)
        tell(f"{done} of {len(files)} files are read")
    return counts


def _derive(lake: Lake, run: Run, made: Sequence[str], tell: Tell) -> None:
    """Everything that follows from the interactions, each in one go."""
    from pipelines.keep.rollup import recompute
    from pipelines.keep.rollups import rollups
    from pipelines.know.know import know
    from pipelines.know.past import define_macro
    from pipelines.resolve.resolve import resolve

    tell("rolling up")
    recompute(lake.con, run)
    define_macro(lake.con, rollups())
    if set(KNOWN) <= set(made):
        tell("resolving identities")
        resolve(lake.con, run, None)
        tell("profiling customers")
        know(lake.con, run, None, rollups())


def _take_stamps(lake: Lake, run: Run, made: Sequence[str], found: Mapping[str, Difference]) -> None:
    """Rows that are equal become those of the live lake; what differs in profiles is noted in their history."""
    from pipelines.keep.rollups import rollups
    from pipelines.know.know import know

    for name in made:
        if name not in (*STAMPED, *KNOWN):
            adopt(lake.con, run, name, _found(name))
    known = [name for name in KNOWN if name in made]
    carry(lake.con, [*known, *HISTORY])
    if not all(found[name].is_equal for name in known):
        know(lake.con, run, None, rollups())


def _found(name: str) -> str:
    return f"rebuild_found_{name}"


@contextmanager
def _transaction(lake: Lake) -> Iterator[None]:
    lake.con.execute("BEGIN")
    yield
    lake.con.execute("COMMIT")
