"""The steps of the main job. Each brings its tables up to date inside the run's one commit, or finds nothing to do."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from flows.collected import land_collected
from flows.ingest import load
from flows.interrupted import finish_interrupted
from flows.landing import bounded, land_inbox, waiting
from flows.progress import (
    ROLLUPS,
    fingerprint,
    fingerprint_of_rollups,
    is_rolled_up,
    last_progress,
    newest_commit,
    write_notes,
)
from flows.upkeep import keep_up
from flows.work import RunReport, Work

Step = Callable[[Work], None]


@dataclass(frozen=True)
class Steps:
    """The steps in their order; an orchestrator puts its own wrappers here."""

    collect: Step
    resolve: Step
    know: Step
    decide: Step
    publish: Step


def main_job(work: Work, do: Steps) -> RunReport:
    """Everything landed becomes interactions, identities, profiles and decisions, published together."""
    finish_interrupted(work.lake, work.tell)
    try:
        do.collect(work)
        do.resolve(work)
        do.know(work)
        do.decide(work)
        do.publish(work)
    except BaseException:
        if work.run is not None:
            work.lake.abandon(work.run)
        raise
    return work.report()


def collect(work: Work) -> None:
    """Land the inbox and what was collected, and load what is landed.

    A large backlog goes in bounded commits, the last with the run's.
    """
    land_inbox(work.lake.home)
    land_collected(work.lake.home)
    *backlog, last = [*bounded(waiting(work.lake), work.lake.settings.max_batch_events)] or [[]]
    for series in backlog:
        with work.lake.commit(work.as_of) as run:
            work.counts += load(
                work.lake, run, series, work.tell, is_checked=work.is_checked, new_fields=work.new_fields
            )
        work.file_ids += [file.file_id for file in series]
    if last:
        work.counts += load(
            work.lake, work.open(), last, work.tell, is_checked=work.is_checked, new_fields=work.new_fields
        )
        work.file_ids += [file.file_id for file in last]
    roll_up_again(work)


def roll_up_again(work: Work) -> None:
    """Make the rollups anew if what they rest on has changed: a new rate counts for what was there before."""
    found = fingerprint_of_rollups(work.lake.settings)
    if is_rolled_up(work.lake, found):
        return
    from pipelines.keep.rollup import recompute

    work.tell("rolling up again, as settings have changed")
    recompute(work.lake.con, work.open())
    work.is_rolled_up_anew = True
    work.note(ROLLUPS, found)


def resolve(work: Work) -> None:
    """Identifiers of new interactions become customers."""
    lake = work.lake
    since, found = _since(work, "resolve", [asdict(lake.settings.identity)])
    if since is not None and newest_commit(lake) <= since:
        return
    from pipelines.resolve.resolve import resolve as resolve_identities

    work.tell("resolving identities")
    work.resolved = resolve_identities(lake.con, work.open(), since)
    work.note("resolve", found)


def know(work: Work) -> None:
    """Customers whom new interactions, identifiers or passing time touch get their profiles; or everyone anew."""
    from pipelines.know.premises import profiled_up_to

    lake = work.lake
    since, found = _since(work, "know", _knowledge(work))
    if work.is_rolled_up_anew:  # rows may have gone, and nothing says whose they were
        since = None
    is_touched = since is None or newest_commit(lake) > since or work.resolved is not None
    if not is_touched and profiled_up_to(lake.con) == work.as_of:
        return
    from pipelines.keep.rollups import rollups
    from pipelines.know.know import know as profile_customers

    work.tell("profiling customers")
    work.known = profile_customers(lake.con, work.open(), since, rollups())
    work.note("know", found)


def decide(work: Work) -> None:
    """Every customer without a decision on this knowledge and policy gets one."""
    from pipelines.decide.catalogue import load_catalogue

    lake = work.lake
    catalogue = load_catalogue(lake.home.offers)
    rests_on = [work.as_of.isoformat(), *_knowledge(work), asdict(lake.settings.decide), catalogue.sha256]
    since, found = _since(work, "decide", rests_on)
    if since is not None and work.known is None:
        return
    from pipelines.decide.decide import decide as decide_benefits

    work.tell("deciding")
    work.decided = decide_benefits(lake.con, work.open(), catalogue)
    work.note("decide", found)


def publish(work: Work) -> None:
    """Commit the run, and let readers see it."""
    from pipelines.collect.landing import settle

    if work.run is not None:
        work.tell("publishing")
        write_notes(work.lake, work.run, work.notes)
        work.lake.finish(work.run)
    settle(work.lake.home, work.file_ids)
    if work.run is not None:
        keep_up(work.lake, work.tell)


PLAIN = Steps(collect, resolve, know, decide, publish)


def _since(work: Work, stage: str, rests_on: list[object]) -> tuple[int | None, str]:
    """The commit that `stage` has seen (None: it must see everything), and the fingerprint of what it rests on."""
    found = fingerprint(rests_on)
    last = last_progress(work.lake, stage)
    return (last.commit_seq if last and last.fingerprint == found else None), found


def _knowledge(work: Work) -> list[object]:
    """What profiles rest on besides data and the asked time: settings, versions of the artefacts."""
    versions = work.lake.con.execute(
        "SELECT name, MAX(version) FROM artefacts WHERE name <> 'identity_model' GROUP BY name ORDER BY name"
    ).fetchall()
    settings = work.lake.settings
    own = [asdict(each) for each in (settings.identity, settings.know, settings.groups)]
    return [settings.currency, settings.rates, *own, versions]


def fingerprint_of_knowledge(work: Work) -> str:
    """The fingerprint of the know stage as things stand."""
    return fingerprint(_knowledge(work))
