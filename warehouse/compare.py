"""The equality of the laws: whether two lakes hold the same, table by table, and where they do not.

Equality leaves out when we received, loaded or learnt something, and where in which file it lay; floating values
agree to 1e-9 relative. Rows are joined by key on a 64-bit digest of what is compared, so wide rows are read but not
held; what differs is looked at column by column.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from schemas.copies import content_sql
from schemas.table import quoted
from schemas.tables import tables

# Every table that follows from the records alone.
STATE = (
    "interactions",
    "interaction_versions",
    "orders",
    "machine_engagements",
    "daily_activity",
    "daily_categories",
    "contacts",
    "consents",
    "outcomes",
    "statements",
    "group_statements",
    "identities",
    "identity_links",
    "profiles",
    "channel_preferences",
    "interests",
    "groups",
    "memberships",
    "account_profiles",
)
EXAMPLES = 5
_OURS = {
    "ingested_at", "batch_id", "file_id", "row_number", "element", "commit_seq", "commit_from", "commit_to",
    "known_from", "known_to", "rejected_at",
}  # fmt: skip
_LEFT_OUT = {
    "interaction_versions": {"received_at", "is_received_assigned"},  # of copies that say the same, the first is kept
    "profiles": {"as_of"},  # kept where time has not changed what it says
    "account_profiles": {"as_of"},
}
# What stands now; of the evidence for a link, which is never updated, the earliest is the same in every order.
CURRENT = {
    "identities": "known_to IS NULL",
    "identity_links": "TRUE QUALIFY row_number() OVER (PARTITION BY left_identifier, right_identifier, rule "
    "ORDER BY occurred_at, link_id) = 1",
    # A copy that won from time to time is one; what has won again is not lost.
    "interaction_versions": f"(interaction_id, content_sha256) NOT IN (SELECT interaction_id, {content_sql()} "
    "FROM {schema}.interactions WHERE interaction_id IN (SELECT interaction_id FROM {schema}.interaction_versions)) "
    "QUALIFY row_number() OVER (PARTITION BY interaction_id, content_sha256 ORDER BY commit_to) = 1",
}
_KEYS = {
    "identities": ("identifier", "valid_from"),
    "identity_links": ("left_identifier", "right_identifier", "rule"),
    "interaction_versions": ("interaction_id", "content_sha256"),
}
_PERSONAL = {"anchor", "identifier", "left_identifier", "right_identifier", "group_id"}
_TOLERANCE = "1e-9"

Columns = dict[str, str]


@dataclass(frozen=True)
class Difference:
    """How a table differs between two lakes: rows of each, on one side alone, changed, with the columns concerned.

    `repeated_count` are pairings too many: rows whose key stands twice. `examples` are a few keys, without payload;
    identifiers in them are shown as their kind and the first 12 hex digits of the SHA-256 of `KIND:VALUE`.
    """

    left_count: int
    right_count: int
    only_left_count: int
    only_right_count: int
    changed_count: int
    repeated_count: int
    columns: dict[str, int]
    examples: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.only_left_count or self.only_right_count or self.changed_count or self.repeated_count)


def differences(
    con: duckdb.DuckDBPyConnection, left: str, right: str, names: Iterable[str] = STATE
) -> dict[str, Difference]:
    """What differs between the tables of two schemas (each given as `database.schema`), by table; empty if equal."""
    found = {name: compare(con, left, right, name) for name in names}
    return {name: difference for name, difference in found.items() if not difference.is_equal}


def current_sql(name: str, schema: str) -> str:
    """The predicate of the rows of table `name` that stand now, for a query over `schema`."""
    return CURRENT.get(name, "TRUE").replace("{schema}", schema)


def key_of(name: str) -> tuple[str, ...]:
    """The columns by which rows of table `name` are compared: its key among the rows that stand now."""
    return _KEYS.get(name, tables()[name].key)


def compare(
    con: duckdb.DuckDBPyConnection, left: str, right: str, name: str, found: str = "compare_found"
) -> Difference:
    """Compare one table; leaves the keys of what differs in temporary table `found`, with `side`.

    `side` is 'left' or 'right' for a row of one side alone, 'both' for one that changed. A column that one side does
    not have counts as NULL there.
    """
    sides = (_Side(left, name, _described(con, left, name)), _Side(right, name, _described(con, right, name)))
    columns = _compared(*sides)
    joined = " AND ".join(f"l.{quoted(key)} = r.{quoted(key)}" for key in key_of(name))
    keys = ", ".join(f"COALESCE(l.{quoted(key)}, r.{quoted(key)}) AS {quoted(key)}" for key in key_of(name))
    same = " AND ".join(["l.said = r.said", *(_near(column) for column, kind in columns.items() if _is_real(kind))])
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE {quoted(found)} AS
        SELECT {keys}, CASE WHEN r.said IS NULL THEN 'left' WHEN l.said IS NULL THEN 'right' ELSE 'both' END AS side
        FROM ({sides[0].digests_sql(columns)}) AS l
        FULL JOIN ({sides[1].digests_sql(columns)}) AS r ON {joined}
        WHERE l.said IS NULL OR r.said IS NULL OR NOT ({same})
    """)
    return _difference(con, sides, columns, found)


@dataclass(frozen=True)
class _Side:
    """A table of one lake, with the columns that it has there."""

    schema: str
    name: str
    present: Columns

    def rows_sql(self, columns: Columns) -> str:
        """The rows that stand now, in the compared columns."""
        chosen = ", ".join(
            f"CAST({_value_sql(column, self.present)} AS {kind}) AS {quoted(column)}"
            for column, kind in columns.items()
        )
        return f"SELECT {chosen} FROM {self._current_sql()}"

    def digests_sql(self, columns: Columns) -> str:
        """Their keys, `said` (the digest of the rest), and floating values beside it."""
        keys = [quoted(key) for key in key_of(self.name)]
        reals = [quoted(column) for column, kind in columns.items() if _is_real(kind)]
        exact = [quoted(column) for column in columns if quoted(column) not in (*keys, *reals)]
        said = f"hash({', '.join(exact) or 'TRUE'})"
        return f"SELECT {', '.join([*keys, *reals])}, {said} AS said FROM ({self.rows_sql(columns)})"

    def counts_sql(self) -> str:
        """How many rows stand now, and how many too many: rows of one key would pair off unseen."""
        keys = ", ".join(quoted(key) for key in key_of(self.name))
        by_key = f"SELECT COUNT(*) AS rows FROM (SELECT {keys} FROM {self._current_sql()}) GROUP BY {keys}"
        return f"SELECT COALESCE(SUM(rows), 0)::BIGINT, COALESCE(SUM(rows - 1), 0)::BIGINT FROM ({by_key})"

    def _current_sql(self) -> str:
        return f"{self.schema}.{quoted(self.name)} AS t WHERE {current_sql(self.name, self.schema)}"


def _described(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> Columns:
    return {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {schema}.{quoted(name)}").fetchall()}


def _compared(left: _Side, right: _Side) -> Columns:
    """The columns that both sides are compared on, with their types: those of the right side, where it has them."""
    left_out = (_OURS | _LEFT_OUT.get(left.name, set())) - set(key_of(left.name))
    return {column: kind for column, kind in (left.present | right.present).items() if column not in left_out}


def _is_real(kind: str) -> bool:
    return kind in ("DOUBLE", "FLOAT")


def _value_sql(column: str, present: Columns) -> str:
    """A column as it is compared: a received time that we assigned is none."""
    if column not in present:
        return "NULL"
    if column == "valid_from":  # part of keys: since ever is a time like others
        return "COALESCE(t.valid_from, '-infinity')"
    if column == "received_at" and "is_received_assigned" in present:
        return "CASE WHEN NOT t.is_received_assigned THEN t.received_at END"
    return f"t.{quoted(column)}"


def _near(column: str) -> str:
    """Whether a floating column agrees: both NULL, equal (also infinite), or near."""
    left, right = f"l.{quoted(column)}", f"r.{quoted(column)}"
    near = f"abs({left} - {right}) <= {_TOLERANCE} * greatest(abs({left}), abs({right}))"
    return f"({left} IS NOT DISTINCT FROM {right} OR COALESCE({near}, FALSE))"


def _difference(con: duckdb.DuckDBPyConnection, sides: tuple[_Side, _Side], columns: Columns, found: str) -> Difference:
    counts = dict(con.execute(f"SELECT side, COUNT(*) FROM {quoted(found)} GROUP BY side").fetchall())
    (left, left_repeated), (right, right_repeated) = (con.execute(side.counts_sql()).fetchall()[0] for side in sides)
    return Difference(
        left_count=left,
        right_count=right,
        only_left_count=counts.get("left", 0),
        only_right_count=counts.get("right", 0),
        changed_count=counts.get("both", 0),
        repeated_count=left_repeated + right_repeated,
        columns=_changed_columns(con, sides, columns, found) if counts.get("both") else {},
        examples=_examples(con, sides[0].name, found) if counts else (),
    )


def _changed_columns(
    con: duckdb.DuckDBPyConnection, sides: tuple[_Side, _Side], columns: Columns, found: str
) -> dict[str, int]:
    """In how many rows each column differs, among rows that both sides have; most first."""
    keys = key_of(sides[0].name)
    listed = ", ".join(quoted(key) for key in keys)
    changed = f"({listed}) IN (SELECT ({listed}) FROM {quoted(found)} WHERE side = 'both')"
    left, right = (f"(SELECT * FROM ({side.rows_sql(columns)}) WHERE {changed})" for side in sides)
    others = [column for column in columns if column not in keys]
    counted = ", ".join(f"COUNT(*) FILTER (WHERE {_is_different(column, columns[column])})" for column in others)
    on = " AND ".join(f"l.{quoted(key)} = r.{quoted(key)}" for key in keys)
    row = con.execute(f"SELECT {counted} FROM {left} AS l JOIN {right} AS r ON {on}").fetchone()
    pairs = zip(others, row or (), strict=True)
    return dict(sorted(((c, n) for c, n in pairs if n), key=lambda pair: (-pair[1], pair[0])))


def _is_different(column: str, kind: str) -> str:
    if _is_real(kind):
        return f"NOT {_near(column)}"
    return f"l.{quoted(column)} IS DISTINCT FROM r.{quoted(column)}"


def _examples(con: duckdb.DuckDBPyConnection, name: str, found: str) -> tuple[str, ...]:
    shown = ", ".join(_shown_sql(key) for key in key_of(name))
    rows: Sequence[tuple[Any, ...]] = con.execute(
        f"SELECT concat_ws(' ', {shown}) FROM {quoted(found)} ORDER BY ALL LIMIT {EXAMPLES}"
    ).fetchall()
    return tuple(row[0] for row in rows)


def _shown_sql(key: str) -> str:
    if key in _PERSONAL:
        return f"split_part({quoted(key)}, ':', 1) || ':' || left(sha256({quoted(key)}), 12)"
    return f"{quoted(key)}::VARCHAR"
