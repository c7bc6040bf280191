"""Know: profiles, channel preferences and interests of the customers that an increment touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import duckdb

from pipelines.know import changes, channels, history, inputs, interests, profiles, scope
from pipelines.know.accounts import accounts
from pipelines.know.past import define_macro
from pipelines.know.premises import record_premises
from pipelines.know.rolled import RolledTable
from pipelines.know.traits import trait_columns
from schemas.tables import tables
from warehouse.queries import drop_temporary, number
from warehouse.run import Run

NOTHING_ROLLED: Mapping[str, RolledTable] = MappingProxyType({})
_TEMPORARY_TABLES = (
    *scope.TEMPORARY_TABLES,
    *inputs.TEMPORARY_TABLES,
    *channels.TEMPORARY_TABLES,
    *interests.TEMPORARY_TABLES,
    *profiles.TEMPORARY_TABLES,
    *changes.TEMPORARY_TABLES,
    *history.TEMPORARY_TABLES,
    *accounts.TEMPORARY_TABLES,
)
# Columns that say when a row was written, not what is known.
_STAMPS = ("as_of", "commit_seq")


@dataclass(frozen=True)
class KnowReport:
    """Customers computed again, customers of whom something changed or went, customers with a profile now."""

    recomputed: int
    changed: int
    total: int


def know(
    con: duckdb.DuckDBPyConnection,
    run: Run,
    since: int | None,
    rolled: Mapping[str, RolledTable] = NOTHING_ROLLED,
    groups: Sequence[str] = (),
) -> KnowReport:
    """Bring profiles, channel_preferences and interests up to `run.as_of`, and note in profile_history what changed.

    `since` is the commit up to which profiles are current: only customers that later commits touched are computed
    again, and, when as_of has moved on, those for whom time changes something. `since` None recomputes everyone; so
    do a new trait and an as_of that goes back. A customer has a current identifier and an interaction before as_of;
    others lose their rows. `rolled` tells how the rollups are made, by name: with it, orders and contacts that go on
    after as_of count as they stood before it, and the lake gets its macro profiles_asof. Groups, memberships and
    account_profiles follow; `groups` are computed again whatever touches them. Runs inside the caller's transaction.
    """
    if profiles.add_missing_columns(con):
        since = None
    recomputed = scope.scope_customers(con, run, since)
    changes.begin_changes(con)
    if recomputed:
        _prepare(con, run, rolled)
        _write(con, run)
    report = KnowReport(recomputed, changes.changed_customers(con), _total(con))
    accounts.follow_accounts(con, run, since, rolled, groups)
    record_premises(con, run)
    define_macro(con, rolled)
    drop_temporary_tables(con)
    return report


def drop_temporary_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Drop every temporary table of the stage."""
    drop_temporary(con, _TEMPORARY_TABLES)


def _prepare(con: duckdb.DuckDBPyConnection, run: Run, rolled: Mapping[str, RolledTable]) -> None:
    inputs.prepare_inputs(con, run, rolled)
    channels.prepare_channels(con)
    interests.prepare_interests(con)
    profiles.prepare_profiles(con)
    drop_temporary(con, inputs.TEMPORARY_TABLES)


def _write(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    history.record_history(con, run)
    wide = (*tables()["profiles"].column_names, *(column.name for column in trait_columns()))
    changes.write_changes(con, run, "profiles", "know_profiles", _telling(wide))
    for table, source in (("channel_preferences", "know_channels"), ("interests", "know_interests")):
        changes.write_changes(con, run, table, source, _telling(tables()[table].column_names))


def _telling(columns: tuple[str, ...]) -> list[str]:
    return [name for name in columns if name not in _STAMPS]


def _total(con: duckdb.DuckDBPyConnection) -> int:
    return number(con, "SELECT COUNT(*) FROM profiles")
