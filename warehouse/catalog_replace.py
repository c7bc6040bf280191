"""A lake that was made beside the live one takes its place in PostgreSQL: all of its catalog, in one transaction."""

import duckdb
import psycopg
from psycopg import sql

from schemas.table import quoted

_SCHEDULED = "ducklake_files_scheduled_for_deletion"
# The files of the lake that goes wait for their removal, so that a query which has begun may still open them.
_SCHEDULE = f"""
WITH files AS (
    SELECT data_file_id, table_id, path, path_is_relative FROM ducklake_data_file
    UNION ALL
    SELECT delete_file_id, table_id, path, path_is_relative FROM ducklake_delete_file
),
folders AS (
    SELECT DISTINCT t.table_id,
        CASE WHEN t.path_is_relative THEN s.path ELSE '' END || t.path AS path,
        t.path_is_relative AND s.path_is_relative AS is_relative
    FROM ducklake_table AS t
    JOIN ducklake_schema AS s USING (schema_id)
)
INSERT INTO {_SCHEDULED} (data_file_id, path, path_is_relative, schedule_start)
SELECT f.data_file_id,
    CASE WHEN f.path_is_relative THEN d.path ELSE '' END || f.path,
    f.path_is_relative AND d.is_relative,
    now()
FROM files AS f
JOIN folders AS d USING (table_id)
"""
# Whoever has the catalog attached keeps its tables by the version of the schema and their statistics by the next file:
# both go on counting.
_COUNTED = "SELECT MAX(schema_version) + 1, MAX(next_file_id) FROM ducklake_snapshot"
_GO_ON = (
    "UPDATE ducklake_snapshot SET schema_version = schema_version + %s, next_file_id = next_file_id + %s",
    "UPDATE ducklake_schema_versions SET schema_version = schema_version + %s",
)


def replace_catalog(con: duckdb.DuckDBPyConnection, fresh: str, session: psycopg.Connection) -> None:
    """Put the catalog that `con` has attached as database `fresh` in the place of the one behind `session`.

    Readers see the one or the other. Raises psycopg.Error if PostgreSQL refuses; then nothing has changed.
    """
    names = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND table_name <> ? ORDER BY 1",
        [fresh, _SCHEDULED],
    ).fetchall()
    with session.transaction():
        session.execute("SET LOCAL search_path TO public")
        versions, files = session.execute(_COUNTED).fetchall()[0]
        session.execute(_SCHEDULE)
        for (name,) in names:
            session.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
            _copy(con.execute(f"FROM {quoted(fresh)}.{quoted(name)}"), name, session)
        session.execute(_GO_ON[0], [versions, files])
        session.execute(_GO_ON[1], [versions])


def _copy(answer: duckdb.DuckDBPyConnection, name: str, session: psycopg.Connection) -> None:
    columns = sql.SQL(", ").join(sql.Identifier(column[0]) for column in answer.description)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(name), columns)
    with session.cursor() as cursor, cursor.copy(statement) as copy:
        while rows := answer.fetchmany(10_000):
            for row in rows:
                copy.write_row(row)
