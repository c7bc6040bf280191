"""What a rule over several events marks as a machine's, exactly as one computation over all interactions gives it.

A rule looks at events of one message that lie near one another, so of each message that an increment touches only
the hours around the touched events are read. Interactions of history whose mark changed count as retracted and added
again, so that the rollups follow.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

import duckdb

from pipelines.keep.days import ranges
from pipelines.keep.temporary import drop, make
from schemas.engagement import IS_SIGN, MOST_SECONDS, is_machine_sql, marked_sql
from schemas.table import quoted
from schemas.tables import tables
from warehouse.errors import RapportError
from warehouse.queries import has_rows, number
from warehouse.run import Run
from warehouse.settings import Settings

MACHINES = "machine_engagements"
_HOUR = 3600
_HOUR_US = 3_600_000_000
_TEMPORARY = (
    "mark_signs", "mark_messages", "marks", "mark_old", "mark_gone", "mark_added", "mark_turned", "mark_again",
)  # fmt: skip
_VIEWS = ("mark_fresh", "mark_retracted")


@dataclass(frozen=True)
class Touched:
    """Relations with the columns of `interactions`: what is `fresh`, and what was `retracted`, read if `retracts`.

    `marked_count` is how many rows of machine_engagements were written or went.
    """

    retracts: bool
    fresh: str = "keep_fresh"
    retracted: str = "keep_retracted"
    marked_count: int = 0


def all_marked_sql(rows: str, settings: Settings) -> str:
    """The query for what the rules of `settings` mark among the interactions of relation `rows`.

    Raises RapportError for settings out of range.
    """
    rules = settings.machines
    if not all(0 <= seconds <= MOST_SECONDS for seconds in (rules.delivery_seconds, rules.agent_seconds)):
        raise RapportError(f"[machines] seconds must be from 0 (never) to {MOST_SECONDS}; mend rapport.toml")
    if rules.least_links < 1:
        raise RapportError("[machines] least_links must be at least 1; mend rapport.toml")
    return marked_sql(rows, f"{rules.delivery_seconds:f}", f"{rules.agent_seconds:f}", str(rules.least_links))


def marked_relation_sql(relation: str, within: str = "TRUE") -> str:
    """`relation` of interactions with `is_machine` by both kinds of rule; its marks are those that `within` holds."""
    marks = f"(SELECT interaction_id FROM {MACHINES} WHERE {within})"
    return f"(SELECT * REPLACE ({is_machine_sql(marks)}) FROM {relation})"


def follow_machines(con: duckdb.DuckDBPyConnection, run: Run, *, retracts: bool) -> Touched:
    """Bring the marks up to date with `keep_fresh` and `keep_retracted`; gives what the rollups have to follow.

    Raises RapportError for settings out of range.
    """
    query = all_marked_sql("{rows}", run.settings)
    hours = _find_messages(con, run.settings, retracts=retracts)
    if not hours:
        return Touched(retracts)
    here, around = _within(hours, 0), _within(hours, 2 * _reach(run.settings))
    of_message = "(source, contact_id) IN (SELECT source, contact_id FROM keep_mark_messages)"
    rows = f"(SELECT * FROM interactions WHERE {around} AND {of_message})"
    make(con, "marks", f"SELECT * FROM ({query.replace('{rows}', rows)}) WHERE {here}")
    make(con, "mark_old", f"SELECT {_columns()}, rowid AS place FROM {MACHINES} WHERE {here} AND {of_message}")
    if not has_rows(con, "keep_marks") and not has_rows(con, "keep_mark_old"):
        return Touched(retracts)
    count = _write(con, run)
    return _turned(con, here, count, retracts=retracts)


def recompute_machines(con: duckdb.DuckDBPyConnection, run: Run) -> int:
    """Make all marks anew under the settings of `run`; gives how many rows were written or went.

    Raises RapportError for settings out of range.
    """
    make(con, "marks", all_marked_sql("interactions", run.settings))
    make(con, "mark_old", f"SELECT {_columns()}, rowid AS place FROM {MACHINES}")
    count = _write(con, run)
    forget_machines(con)
    return count


def forget_machines(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the temporary tables and views of this module."""
    for name in _VIEWS:
        con.execute(f"DROP VIEW IF EXISTS temp.keep_{name}")
    drop(con, _TEMPORARY)


def _find_messages(con: duckdb.DuckDBPyConnection, settings: Settings, *, retracts: bool) -> list[int]:
    """Make the table of touched messages; gives the hours (since 1970) in which marks may change, none without any."""
    sides = ["keep_fresh", *(["keep_retracted"] if retracts else [])]
    signs = (f"SELECT source, contact_id, epoch_us(occurred_at) AS moment FROM {s} WHERE {IS_SIGN}" for s in sides)
    make(con, "mark_signs", " UNION ALL ".join(signs))
    if not has_rows(con, "keep_mark_signs"):
        return []
    make(con, "mark_messages", "SELECT DISTINCT source, contact_id FROM keep_mark_signs")
    # A mark rests on events up to twice a rule's seconds away.
    reach = 2_000_000 * _reach(settings)
    hours = (f"SELECT DISTINCT (moment + {shift}) // {_HOUR_US} FROM keep_mark_signs" for shift in (-reach, 0, reach))
    found = con.execute(" UNION ".join(hours)).fetchall()
    return [int(hour) for (hour,) in found]


def _reach(settings: Settings) -> int:
    return ceil(max(settings.machines.delivery_seconds, settings.machines.agent_seconds))


def _within(hours: Iterable[int], margin: int) -> str:
    """A predicate that holds where `occurred_at` lies in one of `hours`, or within `margin` seconds of one."""
    found = ranges(hours)
    each = " OR ".join(_between(first, last, margin) for first, last in found)
    return f"({_between(found[0][0], found[-1][1], margin)} AND ({each}))"


def _between(first: int, last: int, margin: int) -> str:
    start, stop = first * _HOUR - margin, (last + 1) * _HOUR + margin
    return f"(occurred_at >= to_timestamp({start}) AND occurred_at < to_timestamp({stop}))"


def _write(con: duckdb.DuckDBPyConnection, run: Run) -> int:
    """Put `keep_marks` in the place of `keep_mark_old`, but for rows that are the same."""
    columns = _columns()
    same = f"SELECT {columns} FROM keep_mark_old INTERSECT SELECT {columns} FROM keep_marks"
    for side, source in (("mark_gone", "keep_mark_old"), ("mark_added", "keep_marks")):
        make(con, side, f"SELECT * FROM {source} WHERE interaction_id NOT IN (SELECT interaction_id FROM ({same}))")
    if has_rows(con, "keep_mark_gone"):
        con.execute(f"DELETE FROM {MACHINES} WHERE rowid IN (SELECT place FROM keep_mark_gone)")
    if has_rows(con, "keep_mark_added"):
        con.execute(
            f"INSERT INTO {MACHINES} BY NAME SELECT {columns}, {run.commit_seq}::BIGINT AS commit_seq "
            "FROM keep_mark_added"
        )
    changed = "SELECT interaction_id FROM keep_mark_gone UNION SELECT interaction_id FROM keep_mark_added"
    return number(con, f"SELECT COUNT(*) FROM ({changed})")


def _turned(con: duckdb.DuckDBPyConnection, here: str, count: int, *, retracts: bool) -> Touched:
    """What the rollups have to follow: interactions of history whose mark came or went stand on both sides."""
    came = "FROM keep_mark_added ANTI JOIN keep_mark_gone USING (interaction_id)"
    went = "FROM keep_mark_gone ANTI JOIN keep_mark_added USING (interaction_id)"
    make(con, "mark_turned", f"SELECT interaction_id {came} UNION SELECT interaction_id {went}")
    turned = "interaction_id IN (SELECT interaction_id FROM keep_mark_turned)"
    fresh = f"SELECT interaction_id FROM keep_fresh WHERE {turned}"
    make(
        con,
        "mark_again",
        f"SELECT * FROM interactions WHERE {here} AND {turned} AND interaction_id NOT IN ({fresh})",
    )
    both = "(FROM keep_fresh UNION ALL BY NAME FROM keep_mark_again)"
    _view(con, "mark_fresh", f"SELECT * REPLACE ({is_machine_sql('keep_marks')}) FROM {both}")
    before = "FROM keep_retracted UNION ALL BY NAME FROM keep_mark_again" if retracts else "FROM keep_mark_again"
    _view(con, "mark_retracted", before)
    has_again = has_rows(con, "keep_mark_again")
    return Touched(retracts or has_again, "keep_mark_fresh", "keep_mark_retracted", count)


def _columns() -> str:
    return ", ".join(quoted(column) for column in tables()[MACHINES].column_names if column != "commit_seq")


def _view(con: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    con.execute(f"CREATE OR REPLACE TEMP VIEW keep_{name} AS {query}")
