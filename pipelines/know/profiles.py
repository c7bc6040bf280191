"""The wide profile: temporary table know_profiles, one row per customer with the columns of every trait."""

import duckdb

from pipelines.know.traits import trait_columns, traits
from schemas.table import Column, quoted, sql_type
from schemas.tables import tables

TEMPORARY_TABLES = ("know_profiles",)


def missing_columns(con: duckdb.DuckDBPyConnection, table: str = "profiles") -> tuple[Column, ...]:
    """Columns of traits that `table` does not have yet."""
    present = {column[0] for column in con.execute(f"SELECT * FROM {quoted(table)} LIMIT 0").description}
    return tuple(column for column in trait_columns() if column.name not in present)


def add_missing_columns(con: duckdb.DuckDBPyConnection) -> tuple[Column, ...]:
    """Add them to each table that grows, in the caller's transaction, and return those that one did not have."""
    missing = {name: missing_columns(con, name) for name, table in tables().items() if table.grows}
    for name, columns in missing.items():
        for column in columns:
            con.execute(f"ALTER TABLE {quoted(name)} ADD COLUMN {quoted(column.name)} {sql_type(column.type)}")
    return tuple(dict.fromkeys(column for columns in missing.values() for column in columns))


def prepare_profiles(con: duckdb.DuckDBPyConnection) -> None:
    """Make know_profiles: every trait evaluated for every customer of know_customers."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE know_profiles AS {profiles_sql()}")


def profiles_sql() -> str:
    """The SELECT of know_profiles over the relations of inputs, channels and interests."""
    found = traits()
    named = ",\n".join(f"{quoted(name)} AS (\n{trait.sql}\n)" for name, trait in found.items())
    columns = ",\n".join(
        f"CAST({quoted(name)}.{quoted(column.name)} AS {sql_type(column.type)}) AS {quoted(column.name)}"
        for name, trait in found.items()
        for column in trait.columns
    )
    joins = "\n".join(f"LEFT JOIN {quoted(name)} ON {quoted(name)}.customer_id = c.customer_id" for name in found)
    return (
        f"WITH {named}\n"
        f"SELECT c.customer_id, c.anchor, c.identifier_count, k.as_of,\n{columns}\n"
        f"FROM know_customers AS c\nCROSS JOIN know_clock AS k\n{joins}"
    )
