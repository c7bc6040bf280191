"""Answers that outlive their publication: asked again on the newest one when a file has gone before the first row."""

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pyarrow as pa

from warehouse.errors import RapportError

Problem = (duckdb.Error, OSError)
_ATTEMPTS = 5
_PARTS = ("fetchone", "fetchmany", "fetch_df_chunk")
_GONE = ("IO Error", "does not exist", "No such file")


def looks_gone(problem: BaseException) -> bool:
    """Whether the error is one that a removed file or a detached publication causes."""
    return any(words in str(problem) for words in _GONE)


def ask_again(problem: BaseException) -> RapportError:
    """The error for an answer of which a part was given already."""
    return RapportError(
        f"the lake moved on while this answer was read, and a file that it still needed is gone; ask again ({problem})"
    )


def retried(ask: Callable[[], Any], moves_on: Callable[[], bool]) -> Any:
    """What `ask` gives; asked again while it fails for a file that has gone and `moves_on` finds a newer publication.

    Raises the error of DuckDB otherwise.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return ask()
        except Problem as problem:
            if not (looks_gone(problem) and moves_on()):
                raise
    return ask()


class Answer:
    """A result or a relation of DuckDB, with all that it has; what it gives further relations for are Answers too.

    `ask` gives the result anew, on the newest publication. Until a first row was given that happens by itself;
    after it, a file that has gone is a RapportError that says to ask again.
    """

    def __init__(self, ask: Callable[[], Any], moves_on: Callable[[], bool]) -> None:
        self._ask = ask
        self._moves_on = moves_on
        self._is_begun = False
        self._found = retried(ask, moves_on)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        member = getattr(self._found, name)
        if not callable(member):
            return member
        return lambda *given, **named: self._call(name, given, named)

    def __repr__(self) -> str:
        return str(self._call("__str__", (), {}))

    def __len__(self) -> int:
        return int(self._call("__len__", (), {}))

    def _call(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if self._is_begun:
            return self._later(name, given, named)
        found = retried(lambda: self._first(name, given, named), self._renewed)
        if isinstance(found, duckdb.DuckDBPyRelation):
            return Answer(lambda: getattr(self._ask(), name)(*_plain(given), **named), self._moves_on)
        self._is_begun = name in _PARTS
        return self._guarded(found)

    def _first(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return getattr(self._found, name)(*_plain(given), **named)

    def _later(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        try:
            return self._guarded(self._first(name, given, named))
        except Problem as problem:
            raise (ask_again(problem) if looks_gone(problem) and self._moves_on() else problem) from problem

    def _renewed(self) -> bool:
        if not self._moves_on():
            return False
        self._found = self._ask()
        return True

    def _guarded(self, found: Any) -> Any:
        """A reader of batches whose later batches fail clearly; anything else as it is."""
        if not isinstance(found, pa.RecordBatchReader):
            return found
        return pa.RecordBatchReader.from_batches(found.schema, self._batches(found))

    def _batches(self, found: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        try:
            yield from found
        except Problem as problem:
            raise (ask_again(problem) if looks_gone(problem) and self._moves_on() else problem) from problem


def _plain(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments as DuckDB knows them: of an Answer (the other side of a join) its relation, asked anew."""
    return tuple(one._ask() if isinstance(one, Answer) else one for one in given)
