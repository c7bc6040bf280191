"""What the lake's files are like: by table, and around the tables."""

from dataclasses import dataclass

from warehouse.key_index import segments
from warehouse.lake import METADATA, Lake
from warehouse.published import copies
from warehouse.queries import number
from warehouse.rewrite import SMALL_BYTES


@dataclass(frozen=True)
class TableFiles:
    """One table: its data files with their bytes and live rows, files of deleted rows, files below a megabyte."""

    name: str
    files: int
    bytes: int
    rows: int
    delete_files: int
    small_files: int


@dataclass(frozen=True)
class Statistics:
    """All tables, and: snapshots, files that wait for their removal, published copies, segments of the key index."""

    tables: tuple[TableFiles, ...]
    snapshots: int
    waiting_files: int
    published_copies: int
    index_segments: int
    catalog_bytes: int

    @property
    def files(self) -> int:
        """Data files of all tables."""
        return sum(table.files for table in self.tables)


def statistics(lake: Lake) -> Statistics:
    """The statistics as of the last commit; tables by name."""
    home = lake.home
    return Statistics(
        tables=tuple(TableFiles(name, *map(int, counts)) for name, *counts in lake.con.execute(_TABLES).fetchall()),
        snapshots=_count(lake, "ducklake_snapshot"),
        waiting_files=_count(lake, "ducklake_files_scheduled_for_deletion"),
        published_copies=len(copies(home.published)),
        index_segments=len(segments(home.index)),
        catalog_bytes=home.catalog.stat().st_size if home.catalog.exists() else 0,
    )


_TABLES = f"""
WITH
data_files AS (
    SELECT table_id, data_file_id, file_size_bytes, record_count
    FROM {METADATA}.ducklake_data_file
    WHERE end_snapshot IS NULL
),
delete_files AS (
    SELECT data_file_id, delete_count
    FROM {METADATA}.ducklake_delete_file
    WHERE end_snapshot IS NULL
)
SELECT
    t.table_name,
    COUNT(f.data_file_id),
    COALESCE(SUM(f.file_size_bytes), 0),
    COALESCE(SUM(f.record_count), 0) - COALESCE(SUM(d.delete_count), 0),
    COUNT(d.data_file_id),
    COUNT(*) FILTER (f.file_size_bytes < {SMALL_BYTES})
FROM {METADATA}.ducklake_table AS t
LEFT JOIN data_files AS f USING (table_id)
LEFT JOIN delete_files AS d USING (data_file_id)
WHERE t.end_snapshot IS NULL
GROUP BY t.table_name
ORDER BY t.table_name
"""


def _count(lake: Lake, table: str) -> int:
    return number(lake.con, f"SELECT COUNT(*) FROM {METADATA}.{table}")
