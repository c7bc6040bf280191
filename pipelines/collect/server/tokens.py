"""Tokens that count once: their digests in a small SQLite file that all collectors of a home share."""

import errno
import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_WAIT = 10.0  # seconds, for another collector
_PRUNED_EVERY = 3600.0


class UsedTokens:
    """The tokens that were used in the last `keep_seconds`; for one thread."""

    def __init__(self, path: Path, keep_seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._path, self._keep, self._clock = path, keep_seconds, clock
        self._con: sqlite3.Connection | None = None
        self._pruned_at = 0.0

    @contextmanager
    def claiming(self, tokens: Sequence[str]) -> Iterator[list[bool]]:
        """For each token whether it is fresh. They count as used if the block ends well, durably, else not.

        Raises OSError where the file cannot be written.
        """
        con = self._opened()
        try:
            con.execute("BEGIN IMMEDIATE")
            yield [self._insert(con, token) for token in tokens]
            self._prune(con)
            con.execute("COMMIT")
        except sqlite3.Error as problem:
            raise OSError(errno.ENOSPC, f"used tokens cannot be written: {problem}") from problem
        finally:
            if con.in_transaction:
                con.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        if self._con is not None:
            self._con.close()
            self._con = None

    def _opened(self) -> sqlite3.Connection:
        if self._con is None:
            try:
                con = sqlite3.connect(self._path, timeout=_WAIT, isolation_level=None)
                con.execute("PRAGMA synchronous = FULL")
                con.execute("CREATE TABLE IF NOT EXISTS tokens (digest BLOB PRIMARY KEY, used_at REAL) WITHOUT ROWID")
            except sqlite3.Error as problem:
                raise OSError(errno.EIO, f"used tokens cannot be opened: {problem}") from problem
            self._con = con
        return self._con

    def _insert(self, con: sqlite3.Connection, token: str) -> bool:
        row = (hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest(), self._clock())
        return con.execute("INSERT OR IGNORE INTO tokens VALUES (?, ?)", row).rowcount == 1

    def _prune(self, con: sqlite3.Connection) -> None:
        now = self._clock()
        if now - self._pruned_at >= _PRUNED_EVERY:
            con.execute("DELETE FROM tokens WHERE used_at < ?", (now - self._keep,))
            self._pruned_at = now
