"""Conservation after a rebuild: the counts of each landed file, as they were noted and as they came out now."""

from collections.abc import Mapping
from dataclasses import fields

import duckdb
import pyarrow as pa

from flows.progress import Counts
from schemas.table import quoted
from warehouse.compare import EXAMPLES, Difference

_NAMES = tuple(f"{field.name}_count" for field in fields(Counts))
# Which copy of an event counts as loaded depends on the order of arrival; their sum does not.
_CHANGED = """
    SELECT f.file_id
    FROM landing_files AS f
    JOIN rebuild_counts AS c USING (file_id)
    WHERE f.received_count <> c.received_count
        OR f.loaded_count + f.duplicate_count <> c.loaded_count + c.duplicate_count
        OR f.rejected_count <> c.rejected_count
    ORDER BY f.file_id
"""


def correct_counts(con: duckdb.DuckDBPyConnection, counts: Mapping[str, Counts]) -> Difference:
    """Compare the counts that `landing_files` has with `counts` (by file_id); where one differs, take all of them.

    What was noted stays where persons were erased: their records count as loaded then, and are blanks now.
    """
    con.register("rebuild_counts", _table(counts))
    row = con.execute("SELECT COUNT(*) FROM erasures").fetchone()
    changed = [] if row and row[0] else [file_id for (file_id,) in con.execute(_CHANGED).fetchall()]
    if changed:
        _take(con, "landing_files", "SELECT * FROM rebuild_counts", "file_id")
        _take(con, "batches", f"SELECT batch_id, {_sums()} FROM landing_files GROUP BY batch_id", "batch_id")
    con.unregister("rebuild_counts")
    return Difference(
        left_count=len(counts),
        right_count=len(counts),
        only_left_count=0,
        only_right_count=0,
        changed_count=len(changed),
        repeated_count=0,
        columns={"counts": len(changed)} if changed else {},
        examples=tuple(changed[:EXAMPLES]),
    )


def _table(counts: Mapping[str, Counts]) -> pa.Table:
    columns = zip(*(count.values for count in counts.values()), strict=True) if counts else ((),) * len(_NAMES)
    numbers = {name: pa.array(column, pa.int64()) for name, column in zip(_NAMES, columns, strict=True)}
    return pa.table({"file_id": pa.array(counts, pa.string()), **numbers})


def _sums() -> str:
    return ", ".join(f"SUM({name})::BIGINT AS {name}" for name in _NAMES)


def _take(con: duckdb.DuckDBPyConnection, table: str, counted: str, key: str) -> None:
    """Give the rows of `table` the counts of `counted` that have their key."""
    taken = ", ".join(f"c.{name} AS {name}" for name in _NAMES)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE rebuild_taken AS
        SELECT t.* REPLACE ({taken})
        FROM {quoted(table)} AS t
        JOIN ({counted}) AS c ON c.{key} = t.{key}
    """)
    con.execute(f"DELETE FROM {quoted(table)} WHERE {key} IN (SELECT {key} FROM rebuild_taken)")
    con.execute(f"INSERT INTO {quoted(table)} BY NAME SELECT * FROM rebuild_taken")
    con.execute("DROP TABLE temp.rebuild_taken")
