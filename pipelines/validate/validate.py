"""The checkpoint: Great Expectations over the staged files, in its own process, before they are published."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import expectations
from expectations.suite import Declared
from expectations.suites import suites
from warehouse.errors import RapportError

# `python -m` looks in the working directory first: this one, not whatever the caller stands in.
NOTHING: Declared = MappingProxyType({})
_ROOT = Path(expectations.__file__).parent.parent


@dataclass(frozen=True)
class ExpectationResult:
    """What one rule found: rows that were asked, rows that failed; both None where it could not be asked."""

    code: str
    success: bool
    checked_count: int | None
    unexpected_count: int | None


@dataclass(frozen=True)
class CheckpointResult:
    """What the rules of `table` found in the staged files, in the rules' order."""

    table: str
    expectations: tuple[ExpectationResult, ...]

    @property
    def failures(self) -> tuple[ExpectationResult, ...]:
        """The rules that did not hold."""
        return tuple(result for result in self.expectations if not result.success)

    @property
    def success(self) -> bool:
        """Every rule held."""
        return not self.failures

    def error(self) -> RapportError:
        """Error that a caller raises for a failed checkpoint: the rules, their rows, the mend."""
        found = ", ".join(f"{result.code} ({_extent(result)})" for result in self.failures)
        return RapportError(
            f"the checkpoint of {self.table} failed, so nothing was published: {found}; "
            f"these rows passed the masks, so look at the step that wrote the staged files"
        )


def _extent(result: ExpectationResult) -> str:
    if result.unexpected_count is None:
        return "could not be asked; is its column in the file?"
    return f"{result.unexpected_count:,} of {result.checked_count:,} rows"


def checkpoint(staged: Sequence[Path], table: str, declared: Declared = NOTHING) -> CheckpointResult:
    """Ask every rule of the suite of `table` of all rows of the Parquet files `staged`.

    `declared` is what the settings declare beyond the suite, by column, as the masks had it. The process takes about
    three seconds, a million rows one more; without files none is started. A rule that fails is a result, for the
    caller to raise. Raises RapportError if `table` has no suite or the process fails.
    """
    suite = next((name for name, suite in suites().items() if suite.table == table), None)
    if suite is None:
        raise RapportError(f"table '{table}' has no suite; write expectations/suites/{table}.py")
    if not staged:
        return CheckpointResult(table, ())
    paths, beyond = [str(path.resolve()) for path in staged], {name: list(v) for name, v in declared.items()}
    answers = _asked({"suite": suite, "paths": paths, "declared": beyond})
    return CheckpointResult(table, tuple(ExpectationResult(**answer) for answer in answers))


def _asked(request: dict[str, Any]) -> list[dict[str, Any]]:
    # What the process writes to stderr may quote values, which are personal data: it goes nowhere.
    done = subprocess.run(
        [sys.executable, "-m", "expectations"],
        input=json.dumps(request),
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RapportError(
            f"the checkpoint's process ended with code {done.returncode}, so nothing was published; "
            "try again, or run without the checkpoint: the masks have judged the rows by the same rules"
        )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers
