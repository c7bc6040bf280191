"""Fit: artefacts of all stages from the data, then everyone is scored again."""

from typing import Any

from flows.interrupted import finish_interrupted
from flows.progress import Counts, write_progress
from flows.steps import fingerprint_of_knowledge
from flows.work import Tell, Work
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import Lake, open_writer
from warehouse.queries import has_rows


def fit_home(home: Home, as_of: str, tell: Tell) -> list[dict[str, Any]]:
    """Fit every estimator on `home` up to `as_of`: one entry per artefact with name, version and outcome.

    Raises RapportError where nothing is profiled yet.
    """
    with open_writer(home, tell=tell) as lake:
        return fit_lake(lake, as_of, tell)


def fit_lake(lake: Lake, as_of: str, tell: Tell) -> list[dict[str, Any]]:
    """The same on an open lake."""
    from pipelines.decide.fit import fit as fit_decide
    from pipelines.keep.rollups import rollups
    from pipelines.know.fit import fit as fit_know

    finish_interrupted(lake, tell)
    if not has_rows(lake.con, "identities"):
        raise RapportError("there are no customers to fit on; load data and type `rapport run` first")
    work = Work(lake, as_of, tell)
    with lake.commit(work.as_of) as run:
        tell("fitting")
        known = fit_know(lake.con, run, rollups())
        decided = fit_decide(lake.con, run)
        write_progress(lake, run, "fit", Counts())
        write_progress(lake, run, "know", Counts(), fingerprint_of_knowledge(work))
    outcomes = {
        **{name: ("fitted", artefact.version) for name, artefact in known.stored.items()},
        **{artefact.name: ("fitted", artefact.version) for artefact in decided},
        **dict.fromkeys(known.unchanged, ("unchanged", None)),
        **dict.fromkeys(known.insufficient, ("too little data; the one before stays", None)),
    }
    return [{"name": n, "version": v, "outcome": o} for n, (o, v) in sorted(outcomes.items())]
