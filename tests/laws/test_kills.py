"""Law 7 from outside: SIGKILL at any moment of any command, while readers in four other processes watch."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from tests.laws.kills import Usual, finished, killed, watched
from tests.laws.states import assert_conserved, differences, held, one
from tests.laws.worlds import AS_OF, Load, drop, new_home, run, small_world
from warehouse.compare import STATE
from warehouse.home import Home
from warehouse.published import leased_files

SEED = 4
# Each command, and how often in ten kills.
COMMANDS = ("run", "ingest", "rebuild", "maintain", "run", "erase", "ingest", "refresh", "run", "rebuild")
# Of the tables that the laws compare, those that are looked at after each kill; all of them at the end.
TELLING = ("interactions", "daily_activity", "orders", "identities", "profiles", "channel_preferences")
CHANGING = ("run", "ingest", "erase", "refresh")


@dataclass
class Twins:
    """Two homes with the same life: one is killed again and again, the other is never disturbed."""

    disturbed: Home
    undisturbed: Home
    parts: Iterator[Load]
    random: Random
    environment: dict[str, str]
    given: Path
    usual: dict[str, Usual] = field(default_factory=dict)

    def prepare(self, command: str) -> Sequence[str]:
        """What is to be typed for `command`; new records lie in both homes then."""
        if command == "run":
            part = next(self.parts)
            for home in (self.disturbed, self.undisturbed):
                drop(home, part)
            return ["run", "--as-of", AS_OF]
        if command == "ingest":
            calls = "".join(f"{text}\n" for text in next(self.parts).stream("segment"))
            self.given.write_text(calls, encoding="utf-8")
            return ["ingest", "segment", str(self.given)]
        if command == "erase":
            query = "SELECT MIN(identifier) FROM identities WHERE known_to IS NULL AND kind = 'user_id'"
            return ["erase", one(self.undisturbed, query)]
        return [command, *(["--as-of", AS_OF] if command == "refresh" else [])]

    def live(self, command: str, arguments: Sequence[str]) -> None:
        """The undisturbed life; what leaves everything as it is need not be lived twice."""
        if command in CHANGING or command not in self.usual:
            self.usual[command] = finished(self.undisturbed.root, arguments, self.environment)
        if command in CHANGING and command != "run":
            run(self.undisturbed)

    def kill(self, command: str, arguments: Sequence[str]) -> bool:
        """The disturbed one: killed, checked, run, and the same command again; whether it was killed in time."""
        home = self.disturbed
        was_killed = killed(home.root, arguments, self.environment, self.usual[command], self.random)
        run(home)
        assert_conserved(home)
        if command in ("ingest", "erase"):  # what was asked for may never have begun
            finished(home.root, arguments, self.environment)
            run(home)
        return was_killed

    def assert_equal(self, names: Sequence[str] = STATE) -> None:
        """Both homes hold the same."""
        with held(self.undisturbed) as left, held(self.disturbed) as right:
            assert differences(left, right, names) == {}


def parts(count: int, random: Random) -> list[Load]:
    """A world without most of its calls, and those in `count` parts."""
    load = small_world(SEED).shuffled(random)
    calls = load.stream("segment")[20:]
    others = load.of([(stream, text) for stream, text in load.records if text not in calls])
    return [others, *load.of([("segment", text) for text in calls]).dealt(count, random)]


@pytest.mark.parametrize("kills", [10, pytest.param(50, marks=pytest.mark.long)])
def test_killed_at_any_moment_the_next_run_comes_to_the_undisturbed_result(kills: int, tmp_path: Path) -> None:
    random, done = Random(SEED), 0
    first, *rest = parts(kills * 2, random)
    environment = {"RAPPORT_THREADS": "1", "RAPPORT_AS_OF": AS_OF}
    with new_home() as disturbed, new_home() as undisturbed, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
            patch.delenv(name)  # a killed process leaves half a file of it
        twins = Twins(disturbed, undisturbed, iter(rest), random, environment, tmp_path / "given.jsonl")
        for home in (disturbed, undisturbed):
            drop(home, first)
            run(home)
        with watched(disturbed.root) as readers:
            for attempt in range(kills * 2):
                command = COMMANDS[attempt % len(COMMANDS)]
                arguments = twins.prepare(command)
                twins.live(command, arguments)
                done += twins.kill(command, arguments)
                twins.assert_equal(TELLING)
                if done == kills:
                    break
        assert done == kills
        assert [broken for _, broken in readers] == [[]] * 4
        assert all(asked > 5 for asked, _ in readers)
        finished(disturbed.root, ["maintain"], environment)
        twins.assert_equal()
        assert_no_orphans(disturbed)


def assert_no_orphans(home: Home) -> None:
    """Every file of the lake is known to the catalog, and the other way round; nothing lies about elsewhere."""
    known = leased_files(home.published, home.data.resolve())
    assert set(home.data.resolve().rglob("*.parquet")) == known
    assert not list(home.staging.iterdir())
    assert not list(home.landing.rglob("*.part"))
    assert len(list(home.published.glob("*.ducklake"))) == 1
