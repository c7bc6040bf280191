"""Killed at any instant of an erasure, the next writer finishes it; before its commit nothing has happened."""

import os
import signal
import subprocess
import sys
from random import Random

import pytest

from flows import erasure
from tests.erase.conftest import Erased
from tests.erase.homes import GRACE, erase, persons, traced, values
from tests.laws.states import contents, differences, held, one, rows
from tests.laws.test_crash import Crash, crash_after
from tests.laws.worlds import run
from warehouse import erase_files
from warehouse.erase_intent import Intent, has_intents, intents, note_intent
from warehouse.home import Home

STEPS = [
    (erasure, "blank_landing"),
    (erasure, "drop_keys"),
    (erase_files, "rewrite_deletes"),
    (erase_files, "expire_snapshots"),
    (erase_files, "recompute_statistics"),
    (erase_files, "renew_catalog"),
    (erase_files, "break_leases"),
    (erase_files, "remove_files"),
    (erasure, "search"),
    (erasure, "_finish"),
]


def assert_finished(home: Home, erased: Erased) -> None:
    """The home is as it is after an undisturbed erasure, and the next run has nothing to do."""
    with held(erased.home) as was, held(home) as became:
        assert differences(was, became) == {}
    assert traced(home, [value for value in values(erased.person) if len(value) >= 8]) == set()
    assert rows(home, "SELECT trace_count, finished_at IS NOT NULL FROM erasures") == [(0, True)]
    assert not has_intents(home)
    assert run(home).is_idle


def test_a_crash_before_the_commit_erases_nothing(copy: Home) -> None:
    person, before = persons(copy)[0], contents(copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(erasure, "note_intent", crash_after(note_intent))
        with pytest.raises(Crash):
            erase(copy, person[0])
    assert contents(copy) == before
    assert not has_intents(copy)


def test_the_note_of_a_killed_process_without_commit_is_forgotten(copy: Home) -> None:
    before = contents(copy)
    note_intent(copy, Intent("never", {"nowhere": [(1, 0)]}, ("a value of somebody",), ("00" * 8,), is_scanned=True))
    assert run(copy).is_idle
    assert not has_intents(copy)
    assert contents(copy) == before


def test_the_note_is_for_its_owner_alone_and_reads_as_it_was_written(copy: Home) -> None:
    intent = Intent("one", {"file": [(1, 0), (2, 3)]}, ("Grüße",), ("ab" * 8,), is_scanned=False)
    note_intent(copy, intent)
    (note,) = (copy.root / "lake" / "erasing").iterdir()
    assert note.stat().st_mode & 0o777 == 0o600
    note.with_name("half.draft").touch()
    assert list(intents(copy)) == [intent]
    assert list(note.parent.iterdir()) == [note]


def test_a_crash_after_each_step_is_finished_by_the_next_run(copy: Home, erased: Erased) -> None:
    for number, (holder, name) in enumerate(STEPS):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(holder, name, crash_after(getattr(holder, name)))
            with pytest.raises(Crash):
                run(copy) if number else erase(copy, erased.person[0])
        assert one(copy, "SELECT COUNT(*) FROM erasures") == 1
        assert has_intents(copy)
    run(copy)
    assert_finished(copy, erased)


ERASE = """
import sys
from pathlib import Path
from flows.erasure import erase_home
from warehouse.home import Home
erase_home(Home(Path(sys.argv[1])), sys.argv[2:], lambda said: print(said, flush=True))
"""


def killed(home: Home, identifier: str, told: str, delay: float) -> None:
    """Erase in another process and kill it `delay` seconds after it has told that it is at `told`."""
    command = [sys.executable, "-c", ERASE, str(home.root), identifier]
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if told in line:
                break
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)


def test_killed_processes_are_finished_by_the_next_run(copy: Home, erased: Erased) -> None:
    copy.settings_file.write_text(GRACE, encoding="utf-8")
    random = Random(3)
    for told in ("deleting", "writing"):
        killed(copy, erased.person[0], told, random.uniform(0, 0.4))
    run(copy)
    if not one(copy, "SELECT COUNT(*) FROM erasures"):  # the machine was too slow for the commit
        erase(copy, erased.person[0])
    assert_finished(copy, erased)
