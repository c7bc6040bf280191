"""Know: profiles, channel preferences and interests of the customers that an increment touched."""

from dataclasses import dataclass

import duckdb

from pipelines.know import changes, channels, inputs, interests, profiles
from pipelines.know.estimators import estimators
from pipelines.know.scope import scope_customers
from pipelines.know.traits import trait_columns
from schemas.tables import tables
from warehouse.artefacts import current_artefacts
from warehouse.run import Run

_TEMPORARY_TABLES = (
    "know_scope",
    *inputs.TEMPORARY_TABLES,
    *channels.TEMPORARY_TABLES,
    *interests.TEMPORARY_TABLES,
    *profiles.TEMPORARY_TABLES,
    *changes.TEMPORARY_TABLES,
)
# Columns that say when a row was written, not what is known.
_STAMPS = ("as_of", "commit_seq")


@dataclass(frozen=True)
class KnowReport:
    """Customers computed again, customers of whom something changed or went, customers with a profile now."""

    recomputed: int
    changed: int
    total: int


def know(con: duckdb.DuckDBPyConnection, run: Run, since: int | None) -> KnowReport:
    """Bring profiles, channel_preferences and interests up to `run.as_of`.

    `since` is the commit up to which profiles are current: only customers that later commits touched are
    computed again, and those for whom time has brought kept events under as_of. Values that time alone
    changes stay as of the row's own as_of until `since` is None, which recomputes everyone; so do a new trait
    and an as_of that goes back. A customer has a current identifier and an interaction before as_of; others
    lose their rows. Runs inside the caller's transaction.
    """
    is_grown = bool(profiles.add_missing_columns(con))
    recomputed = scope_customers(con, run, None if is_grown else since)
    changes.begin_changes(con)
    if recomputed:
        _prepare(con, run)
        _write(con, run)
    report = KnowReport(recomputed, changes.changed_customers(con), _total(con))
    drop_temporary_tables(con)
    return report


def drop_temporary_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Drop every temporary table of the stage."""
    _drop(con, _TEMPORARY_TABLES)


def _drop(con: duckdb.DuckDBPyConnection, names: tuple[str, ...]) -> None:
    for name in names:
        con.execute(f"DROP TABLE IF EXISTS temp.{name}")


def _prepare(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    inputs.prepare_inputs(con, run, current_artefacts(con, estimators()))
    channels.prepare_channels(con)
    interests.prepare_interests(con)
    profiles.prepare_profiles(con)
    _drop(con, inputs.TEMPORARY_TABLES)


def _write(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    wide = (*tables()["profiles"].column_names, *(column.name for column in trait_columns()))
    changes.write_changes(con, run, "profiles", "know_profiles", _telling(wide))
    for table, source in (("channel_preferences", "know_channels"), ("interests", "know_interests")):
        changes.write_changes(con, run, table, source, _telling(tables()[table].column_names))


def _telling(columns: tuple[str, ...]) -> list[str]:
    return [name for name in columns if name not in _STAMPS]


def _total(con: duckdb.DuckDBPyConnection) -> int:
    row = con.execute("SELECT COUNT(*) FROM profiles").fetchone()
    return int(row[0]) if row else 0
