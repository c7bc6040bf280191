"""Erase: a person's rows, records, files and traces. Killed at any instant, the next writer finishes the work.

First one commit deletes the rows and keeps replays out; before it, a note says which records and values are still in
files. Then the records become blanks, the lake's files are written anew, and everything under the home is searched.
The certificate gets its end, and the note goes. Messages name the erasure's id, never an identifier.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flows.blanking import Blanking, blank_landing
from flows.interrupted import finish_interrupted
from flows.progress import Counts, write_progress
from flows.steps import resolve
from flows.traces import Search, search
from flows.work import Tell, Work
from schemas.identifiers import SEPARATOR
from warehouse.erase_files import KEY_DIGITS, drop_keys, rewrite_lake
from warehouse.erase_intent import Intent, drop_intent, intents, note_intent
from warehouse.erase_needles import LEAST_BYTES, distinctive_values, plain_words
from warehouse.erase_persons import forget_persons, gather_persons, mark_shared
from warehouse.erase_record import certify, end_certificate, is_erased, is_unfinished, suppress
from warehouse.erase_rows import blank_names, count_rows, delete_events, delete_rows
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import Lake, open_writer
from warehouse.run import Run

# The groups that the persons belong to, and those that their events speak of.
_GROUPS = """
    SELECT group_id
    FROM memberships
    WHERE customer_id IN (SELECT customer_id FROM erase_customers)
    UNION
    SELECT group_id
    FROM group_statements
    WHERE interaction_id IN (SELECT interaction_id FROM erase_interactions)
"""


@dataclass(frozen=True)
class Asked:
    """Whom a call names: customers, and how many of the identifiers an earlier erasure has removed already."""

    customer_ids: tuple[str, ...]
    erased_before: tuple[str, ...]


@dataclass(frozen=True)
class ErasureReport:
    """What one call did. `erasure_id` is None if an earlier erasure had done it all; then files were searched only."""

    erasure_id: str | None
    persons: int
    erased_before: int
    deleted: dict[str, int]
    blanked_records: int
    blanked_files: int
    search: Search


def erase_home(home: Home, identifiers: Sequence[str], tell: Tell, *, is_scanned: bool = True) -> ErasureReport:
    """Erase the persons behind `identifiers` from `home`. Raises RapportError if one of them is nobody's, or several's.

    With `is_scanned`, every file under the home is searched for traces at the end.
    """
    with open_writer(home, tell=tell) as lake:
        finish_interrupted(lake, tell)
        return erase(lake, identifiers, tell, is_scanned=is_scanned)


def erase(lake: Lake, identifiers: Sequence[str], tell: Tell, *, is_scanned: bool = True) -> ErasureReport:
    """The same on an open lake."""
    work = Work(lake, None, tell)
    try:
        tell("resolving identities")
        resolve(work)
        asked = find_persons(lake, identifiers)
        if not asked.customer_ids:
            return _nothing_to_do(work, asked, is_scanned=is_scanned)
        tell(f"erasure {work.open().batch_id}: deleting rows")
        intent, deleted = _delete(work, asked, is_scanned=is_scanned)
    except BaseException:
        if work.run is not None:
            drop_intent(lake.home, work.run.batch_id)
            lake.abandon(work.run)
        raise
    lake.finish(work.open())
    blanking, searched = _complete(lake, intent, tell)
    return ErasureReport(
        intent.erasure_id,
        len(asked.customer_ids),
        len(asked.erased_before),
        deleted,
        blanking.records,
        blanking.files,
        searched,
    )


def finish_erasures(lake: Lake, tell: Tell) -> None:
    """Finish what killed erasures have left to do; files in which a trace stays are told."""
    for intent in intents(lake.home):
        if not is_unfinished(lake, intent.erasure_id):  # never committed: nothing was erased; or only the note is left
            drop_intent(lake.home, intent.erasure_id)
            continue
        tell(f"erasure {intent.erasure_id}: finishing what was interrupted")
        _, searched = _complete(lake, intent, tell)
        if searched.traces:
            tell(searched.told(intent.erasure_id))


def find_persons(lake: Lake, identifiers: Sequence[str]) -> Asked:
    """The customers behind `identifiers`. Raises RapportError for one that is nobody's or several customers'.

    The message gives the place of an identifier in the call, not the identifier.
    """
    from pipelines.resolve.lookup import find, find_earlier

    region = lake.settings.identity.phone_region
    customers, before = set(), []
    for number, text in enumerate(identifiers, start=1):
        # Where the lake was not rebuilt since a setting changed, one number may be kept in two spellings.
        owners = {*_owner(number, find(lake.con, text, region)), *_owner(number, find_earlier(lake.con, text, region))}
        if not owners and not is_erased(lake, text):
            raise RapportError(
                f"nobody is known by identifier {number}; nothing was erased. Give KIND:VALUE as in the table "
                "current_identities (landed files are known after `rapport ingest`)"
            )
        customers |= owners
        before += [] if owners else [text]
    return Asked(tuple(sorted(customers)), tuple(before))


def _owner(number: int, found: Sequence[tuple[str, str]]) -> set[str]:
    """The one customer behind what was found, or none. Raises RapportError for several."""
    owners = {customer for _, customer in found}
    if len(owners) > 1:
        kinds = ", ".join(sorted({name.partition(":")[0] for name, _ in found}))
        raise RapportError(
            f"identifier {number} belongs to {len(owners)} customers; write KIND: before it, of the kinds {kinds}"
        )
    return owners


def _nothing_to_do(work: Work, asked: Asked, *, is_scanned: bool) -> ErasureReport:
    """All were erased before: what is left to do is to look for traces of the identifiers as they were given."""
    if work.run is not None:
        work.lake.abandon(work.run)
    named = [text.strip().partition(SEPARATOR)[2] for text in asked.erased_before]
    values = [value for value in named if len(value.encode()) >= LEAST_BYTES]
    searched = search(work.lake, values) if is_scanned else Search()
    return ErasureReport(None, 0, len(asked.erased_before), {}, 0, 0, searched)


def _delete(work: Work, asked: Asked, *, is_scanned: bool) -> tuple[Intent, dict[str, int]]:
    """Delete the rows inside the run's commit, and note what is left to do in files. Gives the rows by table."""
    lake, run, con = work.lake, work.open(), work.lake.con
    gather_persons(con, asked.customer_ids)
    deleted = count_rows(con)
    groups = [group_id for (group_id,) in con.execute(_GROUPS).fetchall()]
    delete_events(con)
    _take_back(lake, run)
    if mark_shared(con):
        _resolve_others(lake, run)
    delete_rows(con)
    _know_others(lake, run, groups)
    intent = _intent(lake, run, is_scanned=is_scanned)
    blank_names(con, list(intent.needles))
    suppress(lake, run)
    certify(lake, run, len(asked.customer_ids), deleted)
    write_progress(lake, run, "erase", Counts())
    forget_persons(con)
    note_intent(lake.home, intent)
    return intent, deleted


def _take_back(lake: Lake, run: Run) -> None:
    """Bring the rollups up to date: what the persons' events made with others' is computed again."""
    from pipelines.keep.keep import take_back

    take_back(lake.con, run, "erase_interactions")


def _resolve_others(lake: Lake, run: Run) -> None:
    """Let identities follow: an identifier that others' events name too may have been tied by the persons' events."""
    from pipelines.resolve.resolve import resolve as resolve_identities

    resolve_identities(lake.con, run, run.commit_seq - 1, lost="SELECT * FROM erase_interactions WHERE ? IS NOT NULL")


def _know_others(lake: Lake, run: Run, groups: Sequence[str]) -> None:
    """Let profiles of others follow, as of the time that they are of, and what is said of the persons' `groups`."""
    from pipelines.keep.rollups import rollups
    from pipelines.know.know import know
    from pipelines.know.premises import profiled_up_to

    as_of = profiled_up_to(lake.con)
    if as_of is not None:
        know(lake.con, replace(run, as_of=as_of), run.commit_seq - 1, rollups(), groups)


def _intent(lake: Lake, run: Run, *, is_scanned: bool) -> Intent:
    events = "SELECT * FROM (FROM erase_interactions UNION ALL BY NAME FROM erase_versions)"
    rows = lake.con.execute(
        f"SELECT file_id, list(DISTINCT (row_number, element)) FROM ({events}) GROUP BY file_id ORDER BY file_id"
    ).fetchall()
    ids = lake.con.execute(f"SELECT left(interaction_id, {KEY_DIGITS}) FROM erase_interactions ORDER BY 1").fetchall()
    needles = distinctive_values(lake.con)
    return Intent(
        erasure_id=run.batch_id,
        records={file_id: sorted(tuple(place) for place in places) for file_id, places in rows},
        needles=tuple(needles),
        keys=tuple(key for (key,) in ids),
        is_scanned=is_scanned,
        words=tuple(plain_words(lake.con, needles)),
    )


def _complete(lake: Lake, intent: Intent, tell: Tell) -> tuple[Blanking, Search]:
    """All that comes after the commit of the deletion; may be repeated from the start at any time."""
    tell(f"erasure {intent.erasure_id}: blanking records")
    blanking = blank_landing(lake, intent)
    tell(f"erasure {intent.erasure_id}: writing files anew")
    drop_keys(lake, list(intent.keys))
    rewrite_lake(lake, lake.settings.erase.grace_seconds)
    searched = Search()
    if intent.is_scanned:
        tell(f"erasure {intent.erasure_id}: searching for traces")
        blanking, searched = _search(lake, intent, blanking)
    _finish(lake, intent, blanking, searched)
    drop_intent(lake.home, intent.erasure_id)
    return blanking, searched


def _search(lake: Lake, intent: Intent, blanking: Blanking) -> tuple[Blanking, Search]:
    """Search for traces; records that were received meanwhile become blanks too, and the search is repeated once."""
    searched = search(lake, intent.needles, intent.words)
    if not searched.is_landed:
        return blanking, searched
    later = blank_landing(lake, replace(intent, records={}))
    found = Blanking(blanking.records + later.records, blanking.files + later.files)
    return found, search(lake, intent.needles, intent.words)


def _finish(lake: Lake, intent: Intent, blanking: Blanking, searched: Search) -> None:
    with lake.commit() as run:
        end_certificate(
            lake,
            run,
            intent.erasure_id,
            records=blanking.records,
            files=blanking.files,
            scanned=searched.files,
            traces=len(searched.traces),
        )
        write_progress(lake, run, "erase", Counts())
