"""Laws 2 to 8 together: whatever a home lives through, it ends where one run over the surviving records ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flows.erasure import erase_home
from flows.rebuild import rebuild
from flows.refresh import refresh_home
from tests.keep.till import row, till
from tests.laws.states import assert_conserved, differences, held
from tests.laws.worlds import AS_OF, Record, new_home, run, run_load
from warehouse.home import Home
from warehouse.lake import open_writer
from warehouse.maintain import maintain

PEOPLE = 5
GENERATED = [Phase.explicit, Phase.reuse, Phase.generate]


@dataclass(frozen=True)
class Event:
    """An event of one person in one of its versions: what the till says of it, and who is named."""

    number: int
    version: int
    person: int

    @property
    def identifiers(self) -> frozenset[str]:
        """The same in every version: a mail address, often with the user, which ties several addresses together."""
        email = f"email:p{self.person}-{self.number % 3}@shop.example"
        return frozenset({email} if self.number % 4 == 0 else {email, f"user_id:u{self.person}"})

    @property
    def record(self) -> Record:
        """The row of the till."""
        named = dict(identifier.split(":") for identifier in self.identifiers)
        random = Random(self.number * 10 + self.version)
        return row(
            f"e{self.number}",
            version=self.version,
            user=named.get("user_id", ""),
            email=named["email"],
            at=f"2025-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}T10:00:00Z",
            event=random.choice(["order_completed", "email_delivered", "email_clicked", "order_refunded"]),
            amount=random.randint(1, 99),
            category=random.choice(["tea", "coffee", ""]),
            order=f"o{self.number // 2}-{self.person}",
            contact=f"k{self.number // 3}-{self.person}",
            channel=random.choice(["email", "pos"]),
        )


@dataclass
class Journey:
    """A home, what was sent to it, what of that survives, and what erasures keep out since."""

    home: Home
    random: Random
    sent: list[Event] = field(default_factory=list)
    given: list[Event] = field(default_factory=list)
    erased: set[int] = field(default_factory=set)
    kept_out: set[str] = field(default_factory=set)

    def load(self) -> None:
        """New events and newer versions of old ones, in any order, some of them twice."""
        start = 1 + max((event.number for event in self.sent), default=0)
        fresh = [Event(start + n, 1, self.random.randrange(PEOPLE)) for n in range(self.random.randint(3, 8))]
        known = {event.number: event for event in self.given}
        corrected = [
            Event(e.number, self.random.randint(1, 5), e.person)
            for e in self.random.sample(sorted(known.values(), key=lambda e: e.number), min(3, len(known)))
        ]
        self.give(fresh + corrected + self.random.choices(fresh, k=2))

    def replay(self) -> None:
        """Events that were there before, erased ones included."""
        self.give(self.random.choices(self.sent, k=8))

    def give(self, events: list[Event]) -> None:
        """Run over these events."""
        self.random.shuffle(events)
        self.sent += events
        self.given += [event for event in events if not self.is_kept_out(event)]
        run_load(self.home, till(*(event.record for event in events)))

    def is_kept_out(self, event: Event) -> bool:
        """Whether an erasure keeps it out: the event itself, or somebody whom it names."""
        return event.number in self.erased or bool(event.identifiers & self.kept_out)

    def refresh(self) -> None:
        """Time passes, and comes back."""
        refresh_home(self.home, "2026-02-01", _silent)
        refresh_home(self.home, AS_OF, _silent)

    def maintain(self) -> None:
        """Upkeep of the files."""
        with open_writer(self.home) as lake:
            maintain(lake, lake.settings.maintain)

    def rebuild(self) -> None:
        """Everything anew, which finds no difference."""
        assert rebuild(self.home, _silent).differences == {}

    def erase(self) -> None:
        """One person goes, by everything that is known to be theirs."""
        person = self.random.randrange(PEOPLE)
        theirs = frozenset().union(*(event.identifiers for event in self.given if event.person == person))
        if not theirs:
            return
        erase_home(self.home, sorted(theirs), _silent)
        self.erased |= {event.number for event in self.given if event.person == person}
        self.kept_out |= theirs
        self.given = [event for event in self.given if event.person != person]

    def assert_is_where_one_run_ends(self) -> None:
        """The state of the home is that of a new one after one run over what survived."""
        run(self.home)
        assert_conserved(self.home)
        with new_home() as fresh:
            run_load(fresh, till(*(event.record for event in self.given)))
            with held(fresh) as left, held(self.home) as right:
                assert differences(left, right) == {}


def _silent(_: str) -> None:
    """Nobody listens."""


def live(seed: int, stages: Sequence[Callable[[Journey], None]]) -> None:
    """A journey through `stages` in any order."""
    random = Random(seed)
    with new_home() as home:
        journey = Journey(home, random)
        journey.load()
        for stage in random.sample(stages, len(stages)):
            stage(journey)
        journey.assert_is_where_one_run_ends()


STAGES = [Journey.load, Journey.replay, Journey.refresh, Journey.maintain, Journey.erase, Journey.rebuild]


@settings(max_examples=1, deadline=None, phases=GENERATED)
@given(seed=st.integers(0, 2**32))
def test_a_journey_through_every_stage_ends_where_one_run_ends(seed: int) -> None:
    live(seed, STAGES)


@pytest.mark.long
@settings(max_examples=12, deadline=None, phases=GENERATED)
@given(seed=st.integers(0, 2**32))
def test_long_journeys_end_where_one_run_ends(seed: int) -> None:
    live(seed, [*STAGES * 2, Journey.load, Journey.load])
