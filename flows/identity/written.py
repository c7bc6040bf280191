"""Rows of `identity_acts`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from flows.identity.evidence import Row
from flows.identity.subjects import Subject
from flows.work import Work
from schemas.keys import key
from schemas.tables import tables
from warehouse.queries import records

_MICROSECOND = timedelta(microseconds=1)
_LAST = """
    SELECT act, valid_from, valid_to, acted_at
    FROM identity_acts
    WHERE left_identifier = ?
        AND right_identifier IS NOT DISTINCT FROM ?
    ORDER BY acted_at DESC, act_id DESC
    LIMIT 1
"""


def write_acts(work: Work, act: str, subjects: Sequence[Subject], said: Mapping[str, Any]) -> list[Row]:
    """Append an act on each subject; returns the rows, none for subjects whose last act said the same.

    `said` has valid_from, valid_to, reason and acted_by. An act is later than the last on its subject, whatever the
    clocks of their hosts say.
    """
    con = work.lake.con
    last = {subject: last_act(con, subject) for subject in subjects}
    news = [subject for subject in subjects if not _is_repeated(last[subject], act, said)]
    rows = [_row(work, act, subject, last[subject], said) for subject in news]
    if rows:
        places = ", ".join(f"({', '.join('?' * len(row))})" for row in rows)
        con.execute(f"INSERT INTO identity_acts VALUES {places}", [value for row in rows for value in row.values()])
    return rows


def last_act(con: duckdb.DuckDBPyConnection, subject: Subject) -> Row | None:
    """The act that counts on a subject: act, valid_from, valid_to, acted_at; None if there is none."""
    return next(iter(records(con.execute(_LAST, list(subject)))), None)


def _is_repeated(last: Row | None, act: str, said: Mapping[str, Any]) -> bool:
    compared = {"act": act, "valid_from": said["valid_from"], "valid_to": said["valid_to"]}
    return last is not None and compared == {name: last[name] for name in compared}


def _row(work: Work, act: str, subject: Subject, last: Row | None, said: Mapping[str, Any]) -> Row:
    """The row, in the order of the table's columns."""
    run = work.open()
    acted_at = max(run.started_at, last["acted_at"] + _MICROSECOND) if last else run.started_at
    row = {
        "act": act,
        "left_identifier": subject[0],
        "right_identifier": subject[1],
        **said,
        "acted_at": acted_at,
        "commit_seq": run.commit_seq,
    }
    row["act_id"] = key(*(_text(row[name]) for name in tables()["identity_acts"].column_names[1:-1]))
    return {name: row[name] for name in tables()["identity_acts"].column_names}


def _text(value: object) -> str:
    """A value in a key; unknown is another one than any text."""
    if value is None:
        return "0"
    return f"1{value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value}"
