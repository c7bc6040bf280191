"""What the new lake takes from the live one: all that no landed file can tell, and when it was learnt.

Where a table is the same under the equality of the laws, the rows of the live lake are taken with their stamps
(commits, known times, the day of a profile): what was asked of an earlier time keeps its answer, and nothing looks
new to the next run. Only what differs carries the commit of the rebuild.
"""

from collections.abc import Iterable

import duckdb

from schemas.table import quoted
from warehouse.beside import FRESH, LIVE
from warehouse.compare import key_of
from warehouse.run import Run

# Their rows have the stamps of the file that they come from.
STAMPED = ("interactions", "rejections")
KNOWN = ("profiles", "channel_preferences", "interests", "groups", "memberships", "account_profiles")
IDENTITY = ("identities", "identity_links")
HISTORY = ("profile_history", "premises")  # what was known at earlier times, and on what it rested; `know` adds to it


def carry(con: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Make the tables `names` of the new lake those of the live one, as far as it has them."""
    for name in names:
        con.execute(f"DELETE FROM {_fresh(name)}")
        if _columns(con, LIVE, name):
            con.execute(f"INSERT INTO {_fresh(name)} BY NAME SELECT {_common(con, name)} FROM {_live(name)}")


def adopt(con: duckdb.DuckDBPyConnection, run: Run, name: str, found: str) -> None:
    """Replace the rows of table `name` that are equal in both lakes by those of the live one.

    `found` is the temporary table of differing keys that `compare` left.
    """
    if name == "identities":
        _adopt_identities(con, run, found)
        return
    keys = ", ".join(quoted(key) for key in key_of(name))
    equal = f"({keys}) NOT IN (SELECT ({keys}) FROM {quoted(found)})"
    con.execute(f"DELETE FROM {_fresh(name)} WHERE {equal}")
    con.execute(f"INSERT INTO {_fresh(name)} BY NAME SELECT {_common(con, name)} FROM {_live(name)} WHERE {equal}")


def _adopt_identities(con: duckdb.DuckDBPyConnection, run: Run, found: str) -> None:
    """The live history as it is; a current row that turned out otherwise is closed, and followed by the new one.

    A row of the same customer and days keeps when that was learnt: only when the identifier was first seen, or how it
    belongs, is corrected.
    """
    is_same = "l.customer_id IS NOT DISTINCT FROM f.customer_id AND l.valid_to IS NOT DISTINCT FROM f.valid_to"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE rebuild_corrected AS
        SELECT f.* REPLACE (
            CASE WHEN {is_same} THEN l.known_from ELSE f.known_from END AS known_from
        ), l.identifier IS NOT NULL AND {is_same} AS is_same
        FROM {_fresh("identities")} AS f
        SEMI JOIN {quoted(found)} AS d ON d.identifier = f.identifier
        LEFT JOIN {_live("identities")} AS l
            ON l.identifier = f.identifier
            AND l.valid_from IS NOT DISTINCT FROM f.valid_from
            AND l.known_to IS NULL
        WHERE f.known_to IS NULL
    """)
    carry(con, ["identities"])
    con.execute("""
        DELETE FROM identities
        WHERE known_to IS NULL
            AND (identifier, COALESCE(valid_from, '-infinity')) IN (
                SELECT (identifier, COALESCE(valid_from, '-infinity')) FROM rebuild_corrected WHERE is_same
            )
    """)
    con.execute(
        f"""
        UPDATE identities
        SET known_to = ?, commit_seq = ?
        WHERE known_to IS NULL AND identifier IN (SELECT identifier FROM {quoted(found)})
        """,
        [run.started_at, run.commit_seq],
    )
    con.execute("INSERT INTO identities BY NAME SELECT * EXCLUDE (is_same) FROM rebuild_corrected")
    con.execute("DROP TABLE temp.rebuild_corrected")


def _fresh(name: str) -> str:
    return f"{FRESH}.{quoted(name)}"


def _live(name: str) -> str:
    return f"{LIVE}.{quoted(name)}"


def _common(con: duckdb.DuckDBPyConnection, name: str) -> str:
    """The columns of a table that both lakes have; a trait that nobody computes any more is left behind."""
    live = _columns(con, LIVE, name)
    return ", ".join(quoted(column) for column in _columns(con, FRESH, name) if column in live)


def _columns(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> list[str]:
    rows = con.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name || '.' || schema_name = ? AND table_name = ? "
        "ORDER BY column_index",
        [schema, name],
    ).fetchall()
    return [column for (column,) in rows]
