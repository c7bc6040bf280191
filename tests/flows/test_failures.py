import errno

import duckdb
import pytest

from flows.failures import EXPECTED, exit_code, sentence
from warehouse.errors import RapportError, UsageError


@pytest.mark.parametrize(
    ("problem", "code"),
    [(UsageError("x"), 2), (RapportError("x"), 1), (OSError("x"), 1), (duckdb.IOException("x"), 1)],
)
def test_only_a_wrong_call_ends_with_2(problem: Exception, code: int) -> None:
    assert isinstance(problem, EXPECTED)
    assert exit_code(problem) == code


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "give this user the right"),
        (errno.EROFS, "choose a place that can be written"),
        (errno.ENOTDIR, "is a file"),
        (errno.EISDIR, "is a folder"),
        (errno.ELOOP, "mend that"),
    ],
)
def test_an_error_of_the_system_says_what_where_and_the_mend(number: int, mend: str) -> None:
    told = sentence(OSError(number, "It did not work", "shop/rapport.toml"))
    assert told.startswith("It did not work ('shop/rapport.toml'); ")
    assert mend in told


def test_an_error_of_the_system_may_know_no_file() -> None:
    assert sentence(OSError("the pipe is gone")) == "the pipe is gone; mend that and try again"


@pytest.mark.parametrize(
    ("problem", "mend"),
    [
        (duckdb.OutOfMemoryException("full"), "raise memory_limit"),
        (duckdb.IOException("short read"), "comes back from a backup"),
        (duckdb.ParserException("Memory must have a number"), "check rapport.toml"),
    ],
)
def test_an_error_of_duckdb_says_the_mend(problem: duckdb.Error, mend: str) -> None:
    assert mend in sentence(problem)


def test_the_place_in_the_pipeline_is_left_out() -> None:
    problem = UsageError("the mapping names column 'x' [while running 'Parse the interactions/Parse each split']")
    assert sentence(problem) == "the mapping names column 'x'"
