"""Which copy of an event wins, among all copies in the run and in history; the losers are kept beside."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb

from pipelines.keep.copies import NO_DAY
from schemas.copies import content_sql, winner_order_sql
from schemas.table import literal
from warehouse.run import Run

_FEW = 1_000


def rank_copies(con: duckdb.DuckDBPyConnection, parts: Mapping[int, str], candidates: Sequence[Path]) -> None:
    """Make `keep_ranked`: every copy of each key that stands twice, with its place (part and row; NULL part: history).

    Columns: interaction_id, part, row, commit_seq, file_id, content, place (1 wins), is_known (history has the key).
    Each key is confirmed in full here: equal prefixes of different keys fall apart again.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE keep_candidates AS "
        f"SELECT DISTINCT part, row, first_day, last_day FROM read_parquet({_listed(str(path) for path in candidates)})"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE keep_parts AS {_parts_sql(parts)}")
    hit = con.execute("SELECT DISTINCT p.path FROM keep_candidates AS c JOIN keep_parts AS p USING (part)").fetchall()
    copy = "interaction_id, source, event_id, source_version, is_received_assigned, received_at, commit_seq, file_id"
    # The ids alone are read first: with them at hand, the wide columns are decoded only where an id stands.
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE keep_found AS
        SELECT s.interaction_id, p.path, p.part, s.file_row_number AS row
        FROM read_parquet({_listed(path for (path,) in hit)}, filename = TRUE, file_row_number = TRUE) AS s
        JOIN keep_parts AS p ON p.path = s.filename
        JOIN keep_candidates AS c ON c.part = p.part AND c.row = s.file_row_number
    """)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE keep_copies AS
        SELECT {copy.replace("interaction_id", "s.interaction_id")}, s.row_number, s.element,
            {content_sql().replace('"interaction_id"', 's."interaction_id"')} AS content, f.part, f.row
        FROM read_parquet({_listed(path for (path,) in hit)}, filename = TRUE, file_row_number = TRUE) AS s
        JOIN keep_found AS f ON f.path = s.filename AND f.row = s.file_row_number
        WHERE {_is_found(con)}
    """)
    con.execute(f"""
        INSERT INTO keep_copies
        SELECT {copy}, row_number, element, {content_sql()} AS content, NULL, NULL
        FROM interactions
        WHERE {_touched_days(con)}
            AND interaction_id IN (SELECT interaction_id FROM keep_copies)
    """)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE keep_ranked AS
        SELECT interaction_id, part, row, commit_seq, file_id, row_number, element, content,
            row_number() OVER (
                PARTITION BY source, event_id
                ORDER BY {winner_order_sql()}, part IS NOT NULL, file_id, row_number, element
            ) AS place,
            bool_or(part IS NULL) OVER (PARTITION BY source, event_id) AS is_known
        FROM keep_copies
    """)


def _is_found(con: duckdb.DuckDBPyConnection) -> str:
    """A predicate that the Parquet reader can use: the ids themselves while they are few."""
    ids = con.execute(f"SELECT DISTINCT interaction_id FROM keep_found LIMIT {_FEW + 1}").fetchall()
    if len(ids) > _FEW:
        return "TRUE"
    return "s.interaction_id IN (" + ", ".join(literal(found) for (found,) in ids) + ")"


def _parts_sql(parts: Mapping[int, str]) -> str:
    rows = ", ".join(f"({number}, {literal(path)})" for number, path in parts.items())
    return f"SELECT * FROM (VALUES {rows}) AS part (part, path)"


def _listed(paths: Iterable[str]) -> str:
    return "[" + ", ".join(literal(path) for path in paths) + "]"


def _touched_days(con: duckdb.DuckDBPyConnection) -> str:
    """A range of time that holds every day on which history has a candidate: files outside are not read."""
    row = con.execute(
        "SELECT MIN(first_day), MAX(last_day) FROM keep_candidates WHERE first_day <> ?", [NO_DAY]
    ).fetchone()
    if row is None or row[0] is None:
        return "FALSE"
    first, last = int(row[0]), int(row[1]) + 1
    return (
        f"occurred_at >= make_timestamptz({first} * 86400000000) "
        f"AND occurred_at < make_timestamptz({last} * 86400000000)"
    )


def retract(con: duckdb.DuckDBPyConnection, run: Run, parts: Mapping[int, str]) -> int:
    """Keep the losing copies that say something else in `interaction_versions`, and take losing rows out of history.

    Leaves the rows taken out in `keep_retracted`; gives their number.
    """
    lost = "SELECT interaction_id FROM keep_ranked WHERE part IS NULL AND place > 1"
    has_lost = con.execute(f"{lost} LIMIT 1").fetchone() is not None
    con.execute(
        "CREATE OR REPLACE TEMP TABLE keep_retracted AS "
        f"SELECT * FROM interactions WHERE {f'interaction_id IN ({lost})' if has_lost else 'FALSE'}"
    )
    con.execute("""
        CREATE OR REPLACE TEMP TABLE keep_losers AS
        SELECT l.interaction_id, l.part, l.row, l.content
        FROM keep_ranked AS l
        JOIN keep_ranked AS w ON w.interaction_id = l.interaction_id AND w.place = 1
        WHERE l.place > 1 AND l.content <> w.content
            AND NOT EXISTS (
                SELECT 1 FROM interaction_versions AS v
                WHERE v.interaction_id = l.interaction_id AND v.content_sha256 = l.content
            )
        QUALIFY row_number() OVER (PARTITION BY l.interaction_id, l.content ORDER BY l.part NULLS FIRST, l.row) = 1
    """)
    _store_losers(con, run, parts)
    if not has_lost:
        return 0
    con.execute("DELETE FROM interactions WHERE interaction_id IN (SELECT interaction_id FROM keep_retracted)")
    row = con.execute("SELECT COUNT(*) FROM keep_retracted").fetchone()
    return int(row[0]) if row else 0


def store_staged_losers(con: duckdb.DuckDBPyConnection, run: Run, losers: Sequence[str]) -> None:
    """Keep copies that lost within their part, unless an equal copy is kept already."""
    con.execute(f"""
        INSERT INTO interaction_versions BY NAME
        SELECT l.*, NULL::BIGINT AS commit_from, {run.commit_seq}::BIGINT AS commit_to
        FROM read_parquet({_listed(losers)}) AS l
        WHERE NOT EXISTS (
            SELECT 1 FROM interaction_versions AS v
            WHERE v.interaction_id = l.interaction_id AND v.content_sha256 = l.content_sha256
        )
        QUALIFY row_number() OVER (
            PARTITION BY l.interaction_id, l.content_sha256 ORDER BY l.file_id, l.row_number, l.element
        ) = 1
    """)


def _store_losers(con: duckdb.DuckDBPyConnection, run: Run, parts: Mapping[int, str]) -> None:
    stored = f"l.content AS content_sha256, {run.commit_seq}::BIGINT AS commit_to"
    con.execute(f"""
        INSERT INTO interaction_versions BY NAME
        SELECT r.* EXCLUDE (commit_seq), r.commit_seq AS commit_from, {stored}
        FROM keep_retracted AS r
        JOIN keep_losers AS l ON l.interaction_id = r.interaction_id AND l.part IS NULL
    """)
    found = con.execute("SELECT DISTINCT part FROM keep_losers WHERE part IS NOT NULL ORDER BY part").fetchall()
    for (part,) in found:
        con.execute(f"""
            INSERT INTO interaction_versions BY NAME
            SELECT s.* EXCLUDE (commit_seq, file_row_number), NULL::BIGINT AS commit_from, {stored}
            FROM read_parquet({literal(parts[part])}, file_row_number = TRUE) AS s
            JOIN keep_losers AS l ON l.part = {int(part)} AND l.row = s.file_row_number
            WHERE {_is_found(con)}
        """)
