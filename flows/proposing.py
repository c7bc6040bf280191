"""Proposals: a model of who may be one person is fitted, and people are scored with it; each in a commit of its own."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from flows.interrupted import finish_interrupted
from flows.progress import Counts, fingerprint, last_progress, write_progress
from flows.work import Tell, Work
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import Lake, open_writer
from warehouse.queries import number

if TYPE_CHECKING:
    from pipelines.resolve.proposals.propose import ProposeReport

STAGE = "propose"
TRAINING = "propose_train"


@dataclass(frozen=True)
class Proposed:
    """What was done: the version of the model that was fitted (None: none was), and what scoring found.

    `report` is None where nothing has changed since the last time, so that there was nothing to score.
    """

    is_trained: bool
    trained_version: int | None
    report: "ProposeReport | None"


def propose_home(home: Home, tell: Tell, *, as_of: str | None = None, is_trained: bool = False) -> Proposed:
    """Propose pairs on `home`; with `is_trained` fit the model before, on what was stated before `as_of`.

    Raises RapportError where there are no customers yet.
    """
    with open_writer(home, tell=tell) as lake:
        finish_interrupted(lake, tell)
        if number(lake.con, "SELECT COUNT(*) FROM identities") == 0:
            raise RapportError("there are no customers to compare; load data and type `rapport run` first")
        version = _train(lake, as_of, tell) if is_trained else None
        return Proposed(is_trained, version, _score(lake, tell))


def _train(lake: Lake, as_of: str | None, tell: Tell) -> int | None:
    from pipelines.resolve.proposals.propose import train_model

    with lake.commit(Work(lake, as_of, tell).as_of) as run:
        tell("fitting the model")
        artefact = train_model(lake.con, run)
        write_progress(lake, run, TRAINING, Counts())
    return artefact.version if artefact else None


def _score(lake: Lake, tell: Tell) -> "ProposeReport | None":
    from pipelines.resolve.proposals.model import current_model
    from pipelines.resolve.proposals.propose import propose

    found = fingerprint([current_model(lake.con)[0], asdict(lake.settings.identity)])
    last = last_progress(lake, STAGE)
    since = last.commit_seq if last and last.fingerprint == found else None
    if since is not None and number(lake.con, "SELECT MAX(commit_seq) FROM batches") <= since:
        return None
    with lake.commit() as run:
        tell("comparing people")
        report = propose(lake.con, run, since)
        write_progress(lake, run, STAGE, Counts(), found)
    return report
