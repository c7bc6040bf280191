"""Splink, on a DuckDB of its own in memory: it makes tables, and none of them belongs into the lake.

Splink is imported only here and only when it is needed (0.2 s). It neither downloads nor sends anything, and its
messages about levels that the data do not show are left out: such levels keep their shipped shares.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from pipelines.resolve.proposals.comparisons import COMPARISONS
from pipelines.resolve.proposals.model import Model, Terms
from pipelines.resolve.proposals.people import PEOPLE
from schemas.table import REAL, TEXT
from warehouse.extensions import session
from warehouse.settings import Settings

if TYPE_CHECKING:
    from splink import DuckDBAPI, Linker

IDENTIFIER = "identifier"
TERM_DIGITS = 16


@contextmanager
def bench(con: duckdb.DuckDBPyConnection, settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory with `people`, the rows of `proposal_people` in the order of their identifiers.

    It spills beside `con`, if that spills.
    """
    row = con.execute("SELECT current_setting('temp_directory')").fetchone()
    own = session(settings, Path(row[0]).parent if row and row[0] else None)
    try:
        people = con.execute(f"FROM {PEOPLE} ORDER BY identifier").to_arrow_table()
        own.register("gathered", people)
        own.execute("CREATE TABLE people AS FROM gathered ORDER BY identifier")
        own.unregister("gathered")
        yield own
    finally:
        own.close()


def linker(own: duckdb.DuckDBPyConnection, table: str, model: Model) -> tuple["Linker", "DuckDBAPI"]:
    """A Splink linker over `table` of the bench with this model, and what registers further tables with it."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(own)
    settings = {
        "link_type": "dedupe_only",
        "unique_id_column_name": IDENTIFIER,
        "comparisons": [each.settings(model.shares[each.name]) for each in COMPARISONS],
        "blocking_rules_to_generate_predictions": [],
        "probability_two_random_records_match": model.match_share,
        "retain_matching_columns": True,  # and with them the level of each comparison
        "retain_intermediate_calculation_columns": True,
    }
    made = Linker(api.register(own.table(table)), settings, log_level=None, validate_settings=False)
    for each in COMPARISONS:
        if each.term:
            frequencies = api.register(own.table(_tabulate(own, table, each.term, model.terms[each.term])))
            made.table_management.register_term_frequency_lookup(frequencies, each.term)
    return made, api


def levels(made: "Linker") -> dict[str, dict[str, dict[str, Any]]]:
    """The levels of each comparison as the linker has them now: `m_probability` and `u_probability` where known."""
    found = made.misc.save_model_to_json()["comparisons"]
    return {
        comparison["output_column_name"]: {
            level["label_for_charts"]: level
            for level in comparison["comparison_levels"]
            if not level.get("is_null_level")
        }
        for comparison in found
    }


def _tabulate(own: duckdb.DuckDBPyConnection, table: str, column: str, terms: Terms) -> str:
    """Make the table that Splink looks frequencies up in: each value of `column` in `table`; gives its name."""
    listed = pa.table(
        {"digest": pa.array(terms.frequent.keys(), TEXT), "share": pa.array(terms.frequent.values(), REAL)}
    )
    own.register("listed", listed)
    own.execute(
        f"""
        CREATE OR REPLACE TABLE terms_{column} AS
        SELECT {column}, coalesce(listed.share, ?)::DOUBLE AS tf_{column}
        FROM (SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL) AS held
        LEFT JOIN listed ON listed.digest = {term_sql(column)}
        """,
        [terms.rare],
    )
    own.unregister("listed")
    return f"terms_{column}"


def term_sql(value: str) -> str:
    """SQL for the digest under which a model knows a value."""
    return f"left(sha256({value}), {TERM_DIGITS})"
