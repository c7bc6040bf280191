"""What went wrong, as a person reads it, and the exit code: 1 the data or the run failed, 2 wrong usage."""

import errno
import re

import duckdb

from warehouse.errors import RapportError, UsageError

EXPECTED = (RapportError, OSError, duckdb.Error)
_BEAM_PLACE = re.compile(r" \[while running '[^']*'\]")
_MENDS = {
    errno.ENOSPC: "free some space and try again; nothing half-done was published",
    errno.EACCES: "give this user the right to it, or choose another place",
    errno.EROFS: "choose a place that can be written",
    errno.ENOTDIR: "a part of that path is a file; choose another place",
    errno.EISDIR: "that is a folder; put a file in its place",
    errno.EEXIST: "something else has that name; choose another place",
}


def exit_code(problem: BaseException) -> int:
    """2 for a wrong call, else 1."""
    return 2 if isinstance(problem, UsageError) else 1


def sentence(problem: BaseException) -> str:
    """What is wrong, where, and the mend; for an error of `EXPECTED`."""
    if isinstance(problem, OSError):
        return _of_system(problem)
    found = _BEAM_PLACE.sub("", str(problem))
    return _of_duckdb(problem, found) if isinstance(problem, duckdb.Error) else found


def _of_system(problem: OSError) -> str:
    where = f" ('{problem.filename}')" if problem.filename is not None else ""
    mend = _MENDS.get(problem.errno or 0, "mend that and try again")
    return f"{problem.strerror or problem}{where}; {mend}"


def _of_duckdb(problem: duckdb.Error, found: str) -> str:
    if isinstance(problem, duckdb.OutOfMemoryException):
        return f"{found}\nraise memory_limit in rapport.toml, or lower threads"
    if isinstance(problem, duckdb.IOException):
        return f"{found}\ncheck that the disk has room and the file is whole; a damaged one comes back from a backup"
    return f"{found}\nnothing half-done was published; check rapport.toml, and report this if it is as it should be"
