"""Which data files are written anew together, and how: their rows inserted again, the old files dropped, one commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from schemas.table import literal, literals, quoted
from warehouse.catalog_attach import CATALOG, METADATA
from warehouse.errors import RapportError
from warehouse.lake import Lake
from warehouse.queries import number

MEGABYTE = 1_000_000
ROW_GROUP_ROWS = 100_000
PACKING = (  # as staged files are
    ("parquet_compression", "zstd"),
    ("parquet_compression_level", "1"),
    ("parquet_row_group_size", str(ROW_GROUP_ROWS)),
)
SMALL_BYTES = MEGABYTE
CLASSES = (SMALL_BYTES, 8 * SMALL_BYTES)
MANY = 8
WORTH_REWRITING = 0.1

_FILES = f"""
WITH deleted AS (
    SELECT data_file_id, MAX(delete_count) AS rows
    FROM {METADATA}.ducklake_delete_file
    WHERE end_snapshot IS NULL
    GROUP BY data_file_id
)
SELECT
    t.table_name,
    CASE WHEN f.path_is_relative THEN ? || CASE WHEN t.path_is_relative THEN s.path ELSE '' END || t.path ELSE '' END
        || f.path AS path,
    f.file_size_bytes,
    f.record_count,
    COALESCE(d.rows, 0)
FROM {METADATA}.ducklake_data_file AS f
JOIN {METADATA}.ducklake_table AS t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
JOIN {METADATA}.ducklake_schema AS s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
LEFT JOIN deleted AS d ON d.data_file_id = f.data_file_id
WHERE f.end_snapshot IS NULL
ORDER BY t.table_name, f.data_file_id
"""

_COUNTS = f"""
WITH held AS (
    SELECT table_id, SUM(record_count)::BIGINT AS rows, SUM(file_size_bytes)::BIGINT AS bytes
    FROM {METADATA}.ducklake_data_file
    WHERE end_snapshot IS NULL
    GROUP BY table_id
)
SELECT c.table_id, COALESCE(h.rows, 0), COALESCE(h.bytes, 0)
FROM {METADATA}.ducklake_table_stats AS c
LEFT JOIN held AS h USING (table_id)
WHERE c.record_count <> COALESCE(h.rows, 0) OR c.file_size_bytes <> COALESCE(h.bytes, 0)
"""


@dataclass(frozen=True)
class DataFile:
    """A data file of the newest snapshot: its path, bytes, rows, and how many of the rows are deleted."""

    path: str
    bytes: int
    rows: int
    deleted: int

    @property
    def live_bytes(self) -> float:
        """About how many bytes its rows that are left would take."""
        return self.bytes * (1 - self.deleted / self.rows) if self.rows else 0.0

    @property
    def is_worth_rewriting(self) -> bool:
        """Whether so many rows are deleted that writing the others anew costs little for each of them."""
        return self.deleted >= WORTH_REWRITING * self.rows and self.deleted > 0


Group = list[DataFile]


def merges(files: Sequence[DataFile], target: int, *, everything: bool) -> list[Group]:
    """The files that are to become one, in groups of at most `target` bytes.

    All below the target; or, not `everything`, those below a megabyte, and larger ones where there are eight of a
    size class: so each row is written again only a few times in its life.
    """
    bounds = [0, target] if everything else [0, *(bound for bound in CLASSES if bound < target), target]
    found: list[Group] = []
    for low, high in pairwise(bounds):
        some = [file for file in files if low <= file.bytes < high]
        if len(some) >= (MANY if low else 2):
            found += [group for group in _packed(some, target) if len(group) > 1]
    return found


def rewrites(files: Sequence[DataFile], target: int, *, everything: bool) -> list[Group]:
    """The files whose deleted rows are to be written out: all that have some, or a tenth of their rows."""
    return _packed([file for file in files if (file.deleted if everything else file.is_worth_rewriting)], target)


def _packed(files: Sequence[DataFile], target: int) -> list[Group]:
    """The files in their order, in groups that stay within the target; one that is larger is alone."""
    groups: list[Group] = []
    size = 0.0
    for file in files:
        if not groups or size + file.live_bytes > target:
            groups.append([])
            size = 0.0
        groups[-1].append(file)
        size += file.live_bytes
    return groups


def files_by_table(lake: Lake) -> dict[str, list[DataFile]]:
    """The data files of each table that has some, oldest first."""
    rows = lake.con.execute(_FILES, [f"{lake.home.data.resolve()}/"]).fetchall()
    found: dict[str, list[DataFile]] = {}
    for table, *row in rows:
        found.setdefault(table, []).append(DataFile(*row))
    return found


def write_anew(lake: Lake, table: str, group: Group) -> None:
    """Put the rows of these files into new ones, sorted as the table declares, in a commit of its own.

    Raises RapportError, and changes nothing, if not exactly the rows that the catalog counts were moved.
    """
    names = literals(file.path for file in group)
    where = f"FROM {quoted(table)} WHERE filename IN ({names})"
    expected = sum(file.rows - file.deleted for file in group)
    run = lake.begin()
    try:
        inserted = number(lake.con, f"INSERT INTO {quoted(table)} SELECT * {where}")
        deleted = number(lake.con, f"DELETE {where}")
        if not inserted == deleted == expected:
            raise RapportError(
                f"files of table {table} hold {inserted} rows where the catalog counts {expected}; nothing was "
                "changed; `rapport rebuild` makes the lake anew from what was landed"
            )
        lake.make_durable()
        with lake.catalog.committing():
            lake.con.execute("COMMIT")
    except BaseException:
        lake.abandon(run)
        raise


def count_again(lake: Lake) -> None:
    """Set the catalog's row counts, which the planner goes by, to what the files hold: deletions do not lower them."""
    rows = lake.con.execute(_COUNTS).fetchall()
    for table_id, record_count, size in rows:
        lake.con.execute(
            f"UPDATE {METADATA}.ducklake_table_stats SET record_count = ?, file_size_bytes = ? WHERE table_id = ?",
            [record_count, size, table_id],
        )


def set_options(lake: Lake) -> None:
    """Tell the catalog's writers how files are packed and how large they become; what stands is not written again."""
    stands = lake.con.execute(
        f"SELECT option_name, value, scope_entry FROM ducklake_options({literal(CATALOG)})"
    ).fetchall()
    target = str(lake.settings.maintain.target_file_mb * MEGABYTE)
    if ("target_file_size", target, None) not in stands:
        _set(lake, "target_file_size", f"{target} B")
    for option, value in PACKING:
        if (option, value, None) not in stands:
            _set(lake, option, value)
    # Lakes of an earlier release have an own size for some tables.
    for name, value, entry in stands:
        if name == "parquet_row_group_size" and entry is not None and value != str(ROW_GROUP_ROWS):
            _set(lake, name, str(ROW_GROUP_ROWS), f", schema => 'main', table_name => {literal(entry.split('.')[-1])}")


def _set(lake: Lake, option: str, value: str, where: str = "") -> None:
    lake.con.execute(f"CALL ducklake_set_option({literal(CATALOG)}, {literal(option)}, {literal(value)}{where})")
