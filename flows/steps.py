"""The steps of the main job. Each brings its tables up to date inside the run's one commit, or finds nothing to do."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from flows.ingest import bounded, land_inbox, load, waiting
from flows.progress import Counts, last_progress, newest_commit, write_progress
from flows.work import RunReport, Work
from schemas.keys import key

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
    """Land the inbox and load what is landed; a large backlog goes in bounded commits, the last with the run's."""
    land_inbox(work.lake.home)
    *backlog, last = [*bounded(waiting(work.lake), work.lake.settings.max_batch_events)] or [[]]
    for series in backlog:
        with work.lake.commit(work.as_of) as run:
            work.counts += load(work.lake, run, series, work.tell, is_checked=work.is_checked)
        work.file_ids += [file.file_id for file in series]
    if last:
        work.counts += load(work.lake, work.open(), last, work.tell, is_checked=work.is_checked)
        work.file_ids += [file.file_id for file in last]


def resolve(work: Work) -> None:
    """Identifiers of new interactions become customers."""
    lake = work.lake
    since, fingerprint = _since(work, "resolve", [asdict(lake.settings.identity)])
    if since is not None and newest_commit(lake) <= since:
        return
    from pipelines.resolve.resolve import resolve as resolve_identities

    work.tell("resolving identities")
    work.resolved = resolve_identities(lake.con, work.open(), since)
    write_progress(lake, work.open(), "resolve", Counts(), fingerprint)


def know(work: Work) -> None:
    """Customers with new interactions or identifiers, or everyone when time or artefacts moved, get their profiles."""
    lake = work.lake
    since, fingerprint = _since(work, "know", _knowledge(work))
    if since is not None and newest_commit(lake) <= since and work.resolved is None:
        return
    from pipelines.know.know import know as profile_customers

    work.tell("profiling customers")
    work.known = profile_customers(lake.con, work.open(), since)
    write_progress(lake, work.open(), "know", Counts(), fingerprint)


def decide(work: Work) -> None:
    """Every customer without a decision on this knowledge and policy gets one."""
    from pipelines.decide.catalogue import load_catalogue

    lake = work.lake
    catalogue = load_catalogue(lake.home.offers)
    rests_on = [*_knowledge(work), asdict(lake.settings.decide), catalogue.sha256]
    since, fingerprint = _since(work, "decide", rests_on)
    if since is not None and work.known is None:
        return
    from pipelines.decide.decide import decide as decide_benefits

    work.tell("deciding")
    work.decided = decide_benefits(lake.con, work.open(), catalogue)
    write_progress(lake, work.open(), "decide", Counts(), fingerprint)


def publish(work: Work) -> None:
    """Commit the run, and let readers see it."""
    from pipelines.collect.landing import settle

    if work.run is not None:
        work.tell("publishing")
        work.lake.finish(work.run)
    settle(work.lake.home, work.file_ids)


PLAIN = Steps(collect, resolve, know, decide, publish)


def _since(work: Work, stage: str, rests_on: list[object]) -> tuple[int | None, str]:
    """The commit that `stage` has seen (None: it must see everything), and the fingerprint of what it rests on."""
    fingerprint = _digest(rests_on)
    last = last_progress(work.lake, stage)
    return (last.commit_seq if last and last.fingerprint == fingerprint else None), fingerprint


def _knowledge(work: Work) -> list[object]:
    """What profiles rest on besides data: the asked time, settings, versions of the artefacts."""
    versions = work.lake.con.execute("SELECT name, MAX(version) FROM artefacts GROUP BY name ORDER BY name").fetchall()
    return [work.as_of.isoformat(), asdict(work.lake.settings.know), versions]


def fingerprint_of_knowledge(work: Work) -> str:
    """The fingerprint of the know stage as things stand."""
    return _digest(_knowledge(work))


def _digest(rests_on: list[object]) -> str:
    return key(json.dumps(rests_on, sort_keys=True, default=str))
