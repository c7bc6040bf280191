"""Acts: what a person decides about identity is written, and everything that follows from it, in one commit."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from flows.identity.evidence import Row
from flows.identity.named import customers_of, identifier_named
from flows.identity.subjects import LINK, UNLINK, subjects_of
from flows.identity.why import Why, why_of
from flows.identity.written import last_act, write_acts
from flows.steps import PLAIN, main_job, resolve, roll_up_again
from flows.work import RunReport, Tell, Work
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import open_writer

_SAID = ("valid_from", "valid_to", "reason", "acted_by")


@dataclass(frozen=True)
class Act:
    """What somebody decides: about two named identifiers, or with one name about that identifier's customer.

    `valid_from` and `valid_to` (UTC midnights) bound a link in event time. `acted_by` is None where nobody is named.
    """

    act: str
    names: tuple[str, ...]
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    reason: str | None = None
    acted_by: str | None = None


@dataclass(frozen=True)
class ActReport:
    """What an act did. `acts` are the rows written, none if the last act on the same identifiers said that already.

    `customers` are those of each named identifier now, `customers_before` those before. `why` tells of a pair what
    ties it now or keeps it apart.
    """

    acts: list[Row]
    customers_before: dict[str, list[str]]
    customers: dict[str, list[str]]
    why: Why | None
    run: RunReport


def act_on(home: Home, act: Act, tell: Tell) -> ActReport:
    """Write the act and bring identities, profiles and decisions of the touched customers to date, in one commit.

    An unlink of a pair that was last linked for some days takes that back: a link on no day is written, and events
    count again as before. Else it is a tombstone: no evidence ties the pair.

    Profiles keep their `as_of`: only what the act touches changes. Raises RapportError for an identifier that is
    unknown or ambiguous, for a link that cannot hold and for a release of what nobody holds, UsageError for a pair
    that is none; then nothing is written.
    """
    from pipelines.know.premises import profiled_up_to

    with open_writer(home, tell=tell) as lake:
        until = profiled_up_to(lake.con)
        deed = _Deed(act)
        work = Work(lake, until.isoformat() if until else None, tell)
        run = main_job(work, replace(PLAIN, collect=deed.write, resolve=deed.resolve))
    return ActReport(deed.rows, deed.before, deed.after, deed.why, run)


@dataclass
class _Deed:
    """An act under way through the steps of a run: written by the first, looked at after the second."""

    act: Act
    rows: list[Row] = field(default_factory=list)
    before: dict[str, list[str]] = field(default_factory=dict)
    after: dict[str, list[str]] = field(default_factory=dict)
    why: Why | None = None

    def write(self, work: Work) -> None:
        """Write the act, unless it says what the last one on the same identifiers said."""
        con, settings = work.lake.con, work.lake.settings.identity
        names = [identifier_named(con, name, settings) for name in self.act.names]
        bounds = self.act.valid_from, self.act.valid_to
        subjects = subjects_of(con, settings, self.act.act, names, is_bounded=bounds != (None, None))
        self.before = _customers(work, names)
        roll_up_again(work)
        act = _in_rows(self.act, last_act(con, subjects[0]))
        self.rows = write_acts(work, act.act, subjects, {name: getattr(act, name) for name in _SAID})

    def resolve(self, work: Work) -> None:
        """Let the identities follow, and look whether a link holds: else the whole commit is taken back."""
        resolve(work)
        self.after = _customers(work, list(self.before))
        if len(self.before) == 1:
            return
        self.why = why_of(work.lake.con, work.lake.settings.identity, *self.before)
        if self.act.act == LINK and self.why.customer_id is None:
            reasons = "; ".join(obstacle.sentence for obstacle in self.why.obstacles)
            raise RapportError(f"the link would not hold, and nothing was written: {reasons}")


def _in_rows(act: Act, last: Row | None) -> Act:
    """The act as it is written: an unlink after a link for some days is a link on no day."""
    if act.act != UNLINK or last is None or last["act"] != LINK:
        return act
    day = last["valid_from"] or last["valid_to"]
    if day is None or last["valid_from"] == last["valid_to"]:
        return act
    return replace(act, act=LINK, valid_from=day, valid_to=day)


def _customers(work: Work, names: Sequence[str]) -> dict[str, list[str]]:
    return {name: customers_of(work.lake.con, name) for name in names}
