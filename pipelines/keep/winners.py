"""Which copy of an event wins, among all copies in the run and in history; the losers are kept beside.

A copy is kept under what it says (`content`): copies that say the same are one. What an event said at commit c is
the row of `interaction_versions` with commit_from <= c < commit_to, else the row of `interactions` with
commit_seq <= c, else nothing: the event was not known then.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb

from pipelines.keep.copies import NO_DAY
from pipelines.keep.days import days_between, within_sql
from schemas.copies import content_sql, winner_order_sql
from schemas.table import literal, literals
from warehouse.queries import has_rows, number

_FEW = 1_000
_COPY = (
    "interaction_id, source, event_id, source_version, is_received_assigned, received_at, occurred_at, commit_seq, "
    "file_id, row_number, element"
)


def rank_copies(con: duckdb.DuckDBPyConnection, parts: Mapping[int, str], candidates: Sequence[Path]) -> None:
    """Make `keep_ranked`: every copy of each key that stands twice, by part and row (NULL: in history).

    `place` 1 has the copy that wins in the end, `is_new` the first copy of a key that history lacks. Also makes
    `keep_spans`: what won, from one commit to another (NULL: until now). `is_kept` has the copy with which the last
    span began: it is the row of `interactions`. Each key is confirmed in full here: equal prefixes of different keys
    fall apart again.
    """
    _find_copies(con, parts, candidates)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE keep_placed AS
        SELECT *,
            row_number() OVER (
                PARTITION BY source, event_id
                ORDER BY {winner_order_sql()}, part IS NOT NULL, commit_seq, file_id, row_number, element
            ) AS place,
            bool_or(part IS NULL) OVER (PARTITION BY source, event_id) AS is_known
        FROM keep_copies
    """)
    con.execute("""
        CREATE OR REPLACE TEMP TABLE keep_spans AS
        WITH led AS (
            SELECT *
            FROM keep_placed
            QUALIFY place = MIN(place) OVER (
                PARTITION BY source, event_id ORDER BY commit_seq RANGE UNBOUNDED PRECEDING
            )
        ),
        begun AS (
            SELECT *
            FROM led
            QUALIFY content IS DISTINCT FROM lag(content) OVER (PARTITION BY source, event_id ORDER BY commit_seq)
        )
        SELECT interaction_id, part, row, content, place, commit_seq AS commit_from,
            lead(commit_seq) OVER (PARTITION BY source, event_id ORDER BY commit_seq) AS commit_to
        FROM begun
    """)
    con.execute("""
        CREATE OR REPLACE TEMP TABLE keep_ranked AS
        SELECT p.*, s.place IS NOT NULL AS is_kept,
            NOT is_known
                AND row_number() OVER (PARTITION BY p.source, p.event_id ORDER BY p.commit_seq, p.place) = 1 AS is_new
        FROM keep_placed AS p
        LEFT JOIN keep_spans AS s
            ON s.interaction_id = p.interaction_id AND s.place = p.place AND s.commit_to IS NULL
    """)


def _find_copies(con: duckdb.DuckDBPyConnection, parts: Mapping[int, str], candidates: Sequence[Path]) -> None:
    """Make `keep_copies`: the candidates of the parts, and what history has under their ids."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE keep_candidates AS "
        f"SELECT DISTINCT part, row, first_day, last_day FROM read_parquet({_listed(str(path) for path in candidates)})"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE keep_parts AS {_parts_sql(parts)}")
    hit = con.execute("SELECT DISTINCT p.path FROM keep_candidates AS c JOIN keep_parts AS p USING (part)").fetchall()
    # The ids alone are read first: with them at hand, the wide columns are decoded only where an id stands.
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE keep_found AS
        SELECT s.interaction_id, p.path, p.part, s.file_row_number AS row
        FROM read_parquet({_listed(path for (path,) in hit)}, filename = TRUE, file_row_number = TRUE) AS s
        JOIN keep_parts AS p ON p.path = s.filename
        JOIN keep_candidates AS c ON c.part = p.part AND c.row = s.file_row_number
    """)
    is_found = _among(con, "interaction_id", "keep_found")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE keep_copies AS
        SELECT s.* EXCLUDE (filename, file_row_number), f.part, f.row
        FROM (
            SELECT {_COPY}, {content_sql()} AS content, filename, file_row_number
            FROM read_parquet({_listed(path for (path,) in hit)}, filename = TRUE, file_row_number = TRUE)
            WHERE {is_found}
        ) AS s
        JOIN keep_found AS f ON f.path = s.filename AND f.row = s.file_row_number
    """)
    con.execute(f"""
        INSERT INTO keep_copies
        SELECT {_COPY}, {content_sql()} AS content, NULL, NULL
        FROM interactions
        WHERE {_touched_days(con)} AND {is_found}
    """)


def _among(con: duckdb.DuckDBPyConnection, column: str, relation: str) -> str:
    """A predicate that `column` is one of its values in `relation`: the values themselves while they are few.

    A reader of files uses those, and decodes the other columns only where one stands.
    """
    found = con.execute(f"SELECT DISTINCT {column} FROM {relation} LIMIT {_FEW + 1}").fetchall()
    if len(found) > _FEW:
        return f"{column} IN (SELECT {column} FROM {relation})"
    return f"{column} IN ({literals(value for (value,) in found)})" if found else "FALSE"


def _parts_sql(parts: Mapping[int, str]) -> str:
    rows = ", ".join(f"({number}, {literal(path)})" for number, path in parts.items())
    return f"SELECT * FROM (VALUES {rows}) AS part (part, path)"


def _listed(paths: Iterable[str]) -> str:
    return f"[{literals(paths)}]"


def _touched_days(con: duckdb.DuckDBPyConnection) -> str:
    """Ranges of time that hold every day on which history has a candidate: files outside are not read."""
    epoch = "DATE '1970-01-01'"
    known = (
        f"(SELECT {epoch} + first_day AS first, {epoch} + last_day AS last "
        f"FROM keep_candidates WHERE first_day <> {NO_DAY})"
    )
    days = days_between(con, known, "first", "last")
    return within_sql("occurred_at", days or ())


def retract(con: duckdb.DuckDBPyConnection, parts: Mapping[int, str]) -> int:
    """Take the rows of history that lost out of `interactions`, and keep in `interaction_versions` what lost.

    Leaves the rows taken out in `keep_retracted`; gives their number.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE keep_lost AS SELECT * FROM keep_ranked WHERE part IS NULL AND NOT is_kept"
    )
    here = f"{_days_of(con, 'keep_lost')} AND {_among(con, 'interaction_id', 'keep_lost')}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE keep_retracted AS SELECT * FROM interactions WHERE {here}")
    _store_losers(con, parts)
    count = number(con, "SELECT COUNT(*) FROM keep_retracted")
    if count:
        con.execute(f"DELETE FROM interactions WHERE {here}")
    return count


def amend(con: duckdb.DuckDBPyConnection) -> None:
    """Give a kept row the earliest received time of the copies that say the same.

    Such a copy wins over the row but changes nothing of what is known, so the row stays, with its commit.
    """
    con.execute("""
        CREATE OR REPLACE TEMP TABLE keep_amended AS
        SELECT k.interaction_id, k.occurred_at, w.received_at, w.is_received_assigned
        FROM keep_ranked AS k
        JOIN keep_ranked AS w ON w.interaction_id = k.interaction_id AND w.place = 1
        WHERE k.is_kept AND k.place > 1
    """)
    if not has_rows(con, "keep_amended"):
        return
    here = f"{_days_of(con, 'keep_amended')} AND {_among(con, 'interaction_id', 'keep_amended')}"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE keep_amending AS
        SELECT i.* REPLACE (a.received_at AS received_at, a.is_received_assigned AS is_received_assigned)
        FROM (SELECT * FROM interactions WHERE {here}) AS i
        JOIN keep_amended AS a USING (interaction_id)
    """)
    con.execute(f"DELETE FROM interactions WHERE {here}")
    con.execute("INSERT INTO interactions BY NAME SELECT * FROM keep_amending")


def _days_of(con: duckdb.DuckDBPyConnection, relation: str) -> str:
    return within_sql("occurred_at", days_between(con, relation, "occurred_at", "occurred_at") or ())


def store_staged_losers(con: duckdb.DuckDBPyConnection, losers: Sequence[str], *, is_ranked: bool) -> None:
    """Keep copies that lost within their part, unless an equal copy is kept already."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE keep_staged AS SELECT * FROM read_parquet({_listed(losers)})")
    _find_versions(con, "keep_staged")
    won = (
        "SELECT interaction_id, content FROM keep_ranked WHERE place = 1" if is_ranked else "SELECT '', '' WHERE FALSE"
    )
    con.execute(f"""
        INSERT INTO interaction_versions BY NAME
        SELECT l.* EXCLUDE (commit_seq), NULL::BIGINT AS commit_from, l.commit_seq AS commit_to
        FROM keep_staged AS l
        WHERE NOT EXISTS (
                FROM keep_versions AS v
                WHERE v.interaction_id = l.interaction_id AND v.content_sha256 = l.content_sha256
            )
            AND (l.interaction_id, l.content_sha256) NOT IN ({won})
        QUALIFY row_number() OVER (
            PARTITION BY l.interaction_id, l.content_sha256 ORDER BY l.commit_seq, l.file_id, l.row_number, l.element
        ) = 1
    """)


def _store_losers(con: duckdb.DuckDBPyConnection, parts: Mapping[int, str]) -> None:
    """Keep every span in which a copy won, and each content that never won once."""
    _find_versions(con, "keep_ranked")
    con.execute("""
        CREATE OR REPLACE TEMP TABLE keep_losers AS
        SELECT interaction_id, part, row, content, commit_from, commit_to
        FROM keep_spans
        WHERE commit_to IS NOT NULL
        UNION ALL
        SELECT r.interaction_id, r.part, r.row, r.content, NULL, r.commit_seq
        FROM keep_ranked AS r
        WHERE (r.interaction_id, r.content) NOT IN (SELECT interaction_id, content FROM keep_spans)
            AND (r.interaction_id, r.content) NOT IN (SELECT interaction_id, content_sha256 FROM keep_versions)
        QUALIFY row_number() OVER (PARTITION BY r.interaction_id, r.content ORDER BY r.commit_seq, r.part, r.row) = 1
    """)
    _forget_beaten(con)
    con.execute("""
        INSERT INTO interaction_versions BY NAME
        SELECT r.* EXCLUDE (commit_seq), l.content AS content_sha256, l.commit_from, l.commit_to
        FROM keep_retracted AS r
        JOIN keep_losers AS l ON l.interaction_id = r.interaction_id AND l.part IS NULL
    """)
    found = con.execute("SELECT DISTINCT part FROM keep_losers WHERE part IS NOT NULL ORDER BY part").fetchall()
    if found:
        con.execute(f"""
            INSERT INTO interaction_versions BY NAME
            SELECT s.* EXCLUDE (commit_seq, filename, file_row_number), l.content AS content_sha256,
                l.commit_from, l.commit_to
            FROM (
                SELECT *
                FROM read_parquet(
                    {_listed(parts[part] for (part,) in found)}, filename = TRUE, file_row_number = TRUE
                )
                WHERE {_among(con, "interaction_id", "keep_losers")}
            ) AS s
            JOIN keep_parts AS p ON p.path = s.filename
            JOIN keep_losers AS l ON l.part = p.part AND l.row = s.file_row_number
        """)


def _find_versions(con: duckdb.DuckDBPyConnection, relation: str) -> None:
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE keep_versions AS
        SELECT interaction_id, content_sha256, commit_from
        FROM interaction_versions
        WHERE {_among(con, "interaction_id", relation)}
    """)


def _forget_beaten(con: duckdb.DuckDBPyConnection) -> None:
    """What has won now is no longer a copy that never won."""
    con.execute("""
        CREATE OR REPLACE TEMP TABLE keep_risen AS
        SELECT v.interaction_id, v.content_sha256
        FROM keep_versions AS v
        JOIN keep_spans AS s ON s.interaction_id = v.interaction_id AND s.content = v.content_sha256
        WHERE v.commit_from IS NULL
    """)
    if has_rows(con, "keep_risen"):
        con.execute(f"""
            DELETE FROM interaction_versions
            WHERE commit_from IS NULL AND {_among(con, "interaction_id", "keep_risen")}
                AND (interaction_id, content_sha256) IN (SELECT interaction_id, content_sha256 FROM keep_risen)
        """)
