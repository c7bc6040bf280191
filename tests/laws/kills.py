"""`rapport` in processes that are killed at any moment, and readers in others that watch meanwhile."""

import multiprocessing
import os
import select
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

# Children are forked from a process that has imported everything and started nothing.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "tests.laws.kills",
        "flows.main",
        "flows.run",
        "apache_beam.runners.portability.fn_api_runner",
        "pipelines.collect.parse_interactions",
        "pipelines.keep.keep",
        "pipelines.keep.find_copies",
        "pipelines.resolve.resolve",
        "pipelines.know.know",
        "pipelines.decide.decide",
        "flows.rebuild",
    ]
)
PATIENCE = 300.0  # seconds after which a process counts as stuck
_REST = 0.2

# What holds in every publication: each is one query, answered from one of them; the answer must be 0.
INVARIANTS = {
    "what was loaded is there": """
        SELECT (SELECT COALESCE(SUM(loaded_count), 0) FROM landing_files)
            - (SELECT COUNT(*) FROM interactions)
            - (SELECT COALESCE(SUM(erased_interaction_count), 0) FROM erasures)
    """,
    "rollups count what is there": """
        SELECT (SELECT COALESCE(SUM(interaction_count), 0) FROM daily_activity)
            - (SELECT COUNT(*) FROM interactions WHERE anchor IS NOT NULL)
    """,
    "nothing is of a commit that is not noted": """
        SELECT COUNT(*)
        FROM (
            SELECT MAX(commit_seq) AS newest FROM profiles
            UNION ALL SELECT MAX(commit_seq) FROM identities
            UNION ALL SELECT MAX(commit_seq) FROM orders
            UNION ALL SELECT MAX(commit_seq) FROM interactions
            UNION ALL SELECT MAX(commit_seq) FROM landing_files
        )
        WHERE newest > (SELECT MAX(commit_seq) FROM batches)
    """,
    "every profile is of somebody": """
        SELECT COUNT(*)
        FROM profiles AS p
        ANTI JOIN (SELECT customer_id FROM identities WHERE known_to IS NULL) AS i ON i.customer_id = p.customer_id
    """,
}


def rapport(arguments: Sequence[str], environment: Mapping[str, str], told: Connection) -> None:
    """`rapport` with these arguments; what it says goes through `told`."""
    from flows.main import main

    os.environ.update(environment)
    sys.stdout = sys.stderr = os.fdopen(os.dup(told.fileno()), "w", buffering=1)
    sys.argv = ["rapport", *arguments]
    main()


class Call:
    """One call of `rapport` in a process of its own."""

    def __init__(self, home: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._told, child = CONTEXT.Pipe(duplex=False)
        self._step = f"{arguments[0]}: "
        given = (["--home", str(home), *arguments], dict(environment), child)
        self._process = CONTEXT.Process(target=rapport, args=given)
        self._process.start()
        child.close()
        self.text = ""

    @property
    def steps(self) -> int:
        """How many steps it has told of."""
        return sum(line.startswith(self._step) for line in self.text.splitlines())

    def wait_for(self, steps: int, seconds: float) -> None:
        """Read what it says until it has told of so many steps, ends, or the time is over."""
        until = time.monotonic() + seconds
        while self.steps < steps and (rest := until - time.monotonic()) > 0:
            ready, _, _ = select.select([self._told.fileno()], [], [], rest)
            said = os.read(self._told.fileno(), 65_536) if ready else b""
            self.text += said.decode(errors="replace")
            if ready and not said:
                return

    def kill(self) -> bool:
        """Kill it with SIGKILL; whether it was still at work."""
        self._process.kill()
        return self.end() != 0

    def end(self) -> int:
        """Its exit code, once it has ended."""
        self.wait_for(sys.maxsize, PATIENCE)
        self._process.join(PATIENCE)
        self._told.close()
        assert self._process.exitcode is not None, self.text
        return self._process.exitcode


@dataclass(frozen=True)
class Usual:
    """How many seconds a call takes that nothing disturbs, and of how many steps it tells."""

    seconds: float
    steps: int


def finished(home: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> Usual:
    """Let a call end, which must go well."""
    began, call = time.monotonic(), Call(home, arguments, environment)
    assert call.end() == 0, call.text
    return Usual(time.monotonic() - began, call.steps)


def killed(home: Path, arguments: Sequence[str], environment: Mapping[str, str], usual: Usual, random: Random) -> bool:
    """Kill a call a random while after a random one of its steps; False if it had ended by then."""
    call = Call(home, arguments, environment)
    call.wait_for(random.randint(0, usual.steps), PATIENCE)
    call.wait_for(sys.maxsize, random.uniform(0, usual.seconds / (usual.steps + 1)))
    return call.kill()


def watch(root: str, manner: str, stop: Connection, found: Connection) -> None:
    """Ask what must hold, again and again, until `stop` says so; then tell how often, and what broke."""
    asked, broken = 0, []
    try:
        while not stop.poll():
            for name, answer in MANNERS[manner](root):
                asked += 1
                if answer:
                    broken.append(f"{name}: {answer}")
    finally:  # whatever a reader meets is what the test wants to see
        problem = sys.exception()
        found.send((asked, [*broken, repr(problem)] if problem else broken))


def _moving(root: str) -> Iterator[tuple[str, Any]]:
    """One reader that moves on with the publications."""
    from warehouse import open_lake

    with open_lake(root) as lake:
        for _ in range(5):
            for name, query in INVARIANTS.items():
                yield name, lake.execute(query).fetchall()[0][0]
                time.sleep(_REST)


def _opening(root: str) -> Iterator[tuple[str, Any]]:
    """A reader for each question."""
    from warehouse import open_lake

    for name, query in INVARIANTS.items():
        with open_lake(root) as lake:
            yield name, lake.execute(query).fetchall()[0][0]
        time.sleep(_REST * 4)


def _staying(root: str) -> Iterator[tuple[str, Any]]:
    """A reader that stays on one publication, whatever is cleaned up meanwhile: its answers never change."""
    from warehouse import open_lake

    count = "SELECT COUNT(*), SUM(hash(interaction_id)) FROM interactions"
    with open_lake(root) as lake:
        lake.confine()
        before = lake.execute(count).fetchall()
        for _ in range(10):
            time.sleep(_REST)
            yield "a publication stays as it is", lake.execute(count).fetchall() != before


def _slow(root: str) -> Iterator[tuple[str, Any]]:
    """One long answer, read bit by bit: it has every row that there was when it was asked for."""
    from warehouse import open_lake

    with open_lake(root) as lake:
        con = lake.connection
        (expected,) = con.execute("SELECT COUNT(*) FROM interactions").fetchall()[0]
        batches = con.execute("SELECT interaction_id, properties::VARCHAR FROM interactions").to_arrow_reader(20)
        seen = 0
        for batch in batches:
            seen += batch.num_rows
            time.sleep(_REST)
        yield "a long answer is whole", expected - seen


MANNERS = {"moving": _moving, "opening": _opening, "staying": _staying, "slow": _slow}


@contextmanager
def watched(home: Path) -> Iterator[list[tuple[int, list[str]]]]:
    """Four readers in processes of their own; the list is filled at the end with what each asked and what broke."""
    readers = []
    for manner in MANNERS:
        (stopped, stop), (found, finding) = CONTEXT.Pipe(duplex=False), CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=watch, args=(str(home), manner, stopped, finding))
        process.start()
        readers.append((process, stop, found))
    outcome: list[tuple[int, list[str]]] = []
    try:
        yield outcome
        for process, stop, found in readers:
            stop.send("stop")
            assert found.poll(PATIENCE)
            outcome.append(found.recv())
            process.join(PATIENCE)
    finally:
        for process, _, _ in readers:
            process.kill()
