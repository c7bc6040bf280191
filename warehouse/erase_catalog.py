"""A catalog without what was erased: exact statistics, and none of the pages that held the old ones."""

from schemas.table import literal, quoted
from warehouse.catalog_attach import CATALOG, METADATA
from warehouse.catalog_lease import connect
from warehouse.catalog_postgres import connection_of
from warehouse.durable import sync
from warehouse.lake import Lake

_META = quoted(METADATA)
_FRESH, _OLD = "erase_fresh", "erase_old"
# DuckLake's names of types, as DuckDB compares their values; all others compare as text.
_COMPARED = {
    "boolean": "BOOLEAN",
    "int8": "HUGEINT",
    "int16": "HUGEINT",
    "int32": "HUGEINT",
    "int64": "HUGEINT",
    "uint8": "HUGEINT",
    "uint16": "HUGEINT",
    "uint32": "HUGEINT",
    "uint64": "HUGEINT",
    "float32": "DOUBLE",
    "float64": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
}
_TEXTS = ("varchar", "json", "blob", "uuid")
_LEAST, _GREATEST = "''", "repeat(chr(1114111), 4)"


def recompute_statistics(lake: Lake) -> None:
    """Make the least and greatest value of each column those of its live files: DuckLake only ever widens them.

    NULL says that a column has no value at all, and look-ups then find nothing. So a column with values always keeps
    both bounds; where a file's own are not known (very long texts have none), they hold every text.
    """
    con = lake.con
    con.execute(f"CREATE OR REPLACE TEMP TABLE erase_bounds AS {_bounds(_types(lake))}")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE erase_statistics AS
        SELECT s.* REPLACE (
            CASE WHEN b.is_unknown THEN {_LEAST} ELSE b.least END AS min_value,
            CASE WHEN b.is_unknown THEN {_GREATEST} ELSE b.greatest END AS max_value
        )
        FROM {_META}.ducklake_table_column_stats AS s
        LEFT JOIN erase_bounds AS b USING (table_id, column_id)
    """)
    con.execute("BEGIN")
    con.execute(f"DELETE FROM {_META}.ducklake_table_column_stats")
    con.execute(f"INSERT INTO {_META}.ducklake_table_column_stats SELECT * FROM erase_statistics")
    con.execute("COMMIT")
    con.execute("DROP TABLE temp.erase_bounds")
    con.execute("DROP TABLE temp.erase_statistics")


def _types(lake: Lake) -> list[str]:
    rows = lake.con.execute(f"SELECT DISTINCT column_type FROM {_META}.ducklake_column ORDER BY ALL").fetchall()
    return [kind for (kind,) in rows]


def _bounds(kinds: list[str]) -> str:
    """SQL for the bounds of every column (table_id, column_id) over its live files, compared as its type is."""
    return "\nUNION ALL\n".join(_bounds_of(kind) for kind in kinds)


def _bounds_of(kind: str) -> str:
    compared = _COMPARED.get(kind, kind if kind.startswith("decimal") else "VARCHAR")
    unknown = "s.value_count > 0 AND (s.min_value IS NULL OR s.max_value IS NULL)" if kind in _TEXTS else "FALSE"
    return f"""
        SELECT s.table_id, s.column_id,
            arg_min(s.min_value, CAST(s.min_value AS {compared})) AS least,
            arg_max(s.max_value, CAST(s.max_value AS {compared})) AS greatest,
            COALESCE(bool_or({unknown}), FALSE) AS is_unknown
        FROM {_META}.ducklake_file_column_stats AS s
        JOIN {_META}.ducklake_data_file AS f USING (data_file_id)
        JOIN {_META}.ducklake_column AS c ON c.table_id = s.table_id AND c.column_id = s.column_id
        WHERE f.end_snapshot IS NULL AND c.end_snapshot IS NULL AND c.column_type = {literal(kind)}
        GROUP BY ALL
    """


def renew_catalog(lake: Lake) -> None:
    """Write the catalog anew, so that no page of it holds what was deleted, and put it in the old one's place at once.

    A PostgreSQL catalog rewrites its tables instead.
    """
    if lake.settings.catalog:
        _rewrite_tables(lake)
    else:
        _copy_file(lake)


def _copy_file(lake: Lake) -> None:
    con, catalog = lake.con, lake.home.catalog.resolve()
    fresh = catalog.with_suffix(".fresh")
    for left in (fresh, fresh.with_name(fresh.name + ".wal")):
        left.unlink(missing_ok=True)
    con.execute("USE memory")
    con.execute(f"DETACH {quoted(CATALOG)}")
    try:
        con.execute(f"ATTACH {literal(str(catalog))} AS {_OLD} (READ_ONLY)")
        con.execute(f"ATTACH {literal(str(fresh))} AS {_FRESH} (BLOCK_SIZE 16384)")
        con.execute(f"COPY FROM DATABASE {_OLD} TO {_FRESH}")
        con.execute(f"DETACH {_FRESH}")
        con.execute(f"DETACH {_OLD}")
        sync(fresh)
        fresh.replace(catalog)
        sync(catalog.parent)
    finally:
        lake.catalog.attach_writer(con)


def _rewrite_tables(lake: Lake) -> None:
    """Let PostgreSQL write the tables anew: it only marks as dead what was deleted or updated."""
    with connect(connection_of(lake.settings.catalog)) as session:
        names = session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        for (name,) in names:
            session.execute(f"VACUUM FULL {quoted(name)}".encode())
