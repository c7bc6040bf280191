"""Processes that the tests of the warehouse start: a holder of the lock, writers that die, a reader that watches."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from tests.warehouse.homes import add_profiles, note, write_profiles
from warehouse import published
from warehouse.errors import RapportError
from warehouse.home import Home
from warehouse.lake import open_writer
from warehouse.lock import writer_lock
from warehouse.maintain import maintain
from warehouse.reader import open_lake
from warehouse.settings import MaintainSettings


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def say(value: object) -> None:
    sys.stdout.write(f"{value}\n")
    sys.stdout.flush()


def hold_lock(path: str) -> None:
    """Hold the lock until a line comes in."""
    with writer_lock(Path(path), 0, say):
        say("held")
        sys.stdin.readline()


def die_before_commit(root: str) -> None:
    """Die when files were moved into the lake and rows inserted, but before the COMMIT."""
    with open_writer(Home(Path(root))) as lake:
        run = lake.begin()
        write_profiles(lake, run)
        add_profiles(lake, run)
        (lake.staging(run) / "rest.parquet").write_bytes(b"rest")
        note(lake, run)
        die()


def stop_before_commit(root: str, lease_seconds: str) -> None:
    """Write all of a commit, wait for a line, and print why it could not be made."""
    os.environ["RAPPORT_LEASE_SECONDS"] = lease_seconds
    try:
        with open_writer(Home(Path(root))) as lake, lake.commit() as run:
            write_profiles(lake, run)
            add_profiles(lake, run)
            note(lake, run)
            say("ready")
            sys.stdin.readline()
    except RapportError as problem:
        say(problem)


def die_before_publication(root: str) -> None:
    """Die after the COMMIT, before the publication."""
    with open_writer(Home(Path(root))) as lake:
        run = lake.begin()
        add_profiles(lake, run)
        note(lake, run)
        lake.con.execute("COMMIT")
        die()


def die_while_publishing(root: str, step: str) -> None:
    """Die in the publication, instead of its `step`-th synchronisation with the disk."""
    real, steps = published.sync, iter(range(int(step)))
    with open_writer(Home(Path(root))) as lake:
        published.sync = lambda path: real(path) if next(steps, None) is not None else die()
        with lake.commit() as run:
            write_profiles(lake, run)
            note(lake, run)


def watch(root: str) -> None:
    """Read until the 20th commit is seen; print how many commits were seen, and each answer that was a mixture."""
    seen: set[int] = set()
    mixtures: list[list[int]] = []
    query = "SELECT MAX(commit_seq), MIN(commit_seq), COUNT(*), (SELECT MAX(commit_seq) FROM batches) FROM profiles"
    with open_lake(root) as lake:
        while 20 not in seen:
            newest, oldest, count, batch = lake.execute(query).fetchall()[0]
            if not newest == oldest == count == batch:
                mixtures.append([newest, oldest, count, batch])
            if not seen:
                say("ready")
            seen.add(newest)
    say(json.dumps({"seen": len(seen), "mixtures": mixtures}))


def stay(root: str) -> None:
    """Hold the newest publication until a line comes in, then count profiles on it."""
    with open_lake(root) as lake:
        lake.confine()
        say("ready")
        sys.stdin.readline()
        say(lake.execute("SELECT COUNT(customer_id) FROM profiles").fetchall()[0][0])


def watch_profiles(root: str, last: str) -> None:
    """The same where each commit replaces all profiles by N that say so, until N is `last`."""
    seen: set[int] = set()
    mixtures: list[list[int]] = []
    with open_lake(root) as lake:
        while int(last) not in seen:
            rows = lake.execute("SELECT identifier_count, commit_seq FROM profiles").fetchall()
            if len({commit for _, commit in rows}) != 1 or rows[0][0] != len(rows):
                mixtures.append([len(rows), *rows[0]])
            if not seen:
                say("ready")
            seen.add(rows[0][0])
    say(json.dumps({"seen": len(seen), "mixtures": mixtures}))


def read_slowly(root: str) -> None:
    """Read the first of many batches, and the rest when a line comes in; print how many there were."""
    with open_lake(root) as lake:
        lake.execute("SET threads = 1")
        lake.execute("SET streaming_buffer_size = '1KB'")
        found = lake.execute("SELECT * FROM batches WHERE stage = 'test'")
        count = len(found.fetchmany(10))
        say("ready")
        sys.stdin.readline()
        while rows := found.fetchmany(10_000):
            count += len(rows)
        say(count)


def die_in_upkeep(root: str, place: str, number: str) -> None:
    """Die in an upkeep, instead of the call `number` (from 0) of the function at `place`."""
    module, _, name = place.rpartition(".")
    holder = resolve_name(module)
    real, calls = getattr(holder, name), iter(range(int(number)))

    def broken(*given: Any, **named: Any) -> Any:
        if next(calls, None) is None:
            die()
        return real(*given, **named)

    with open_writer(Home(Path(root))) as lake:
        setattr(holder, name, broken)
        maintain(lake, MaintainSettings(keep_snapshots_days=0.0))


PROCESSES: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        hold_lock,
        die_before_commit,
        stop_before_commit,
        die_before_publication,
        die_while_publishing,
        watch,
        stay,
        watch_profiles,
        read_slowly,
        die_in_upkeep,
    )
}

if __name__ == "__main__":
    PROCESSES[sys.argv[1]](*sys.argv[2:])
