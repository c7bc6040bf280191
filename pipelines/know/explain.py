"""One customer at any time: the values of the traits, and the evidence behind each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.know.channels import prepare_channels
from pipelines.know.inputs import prepare_inputs
from pipelines.know.interests import prepare_interests
from pipelines.know.know import NOTHING_ROLLED, drop_temporary_tables
from pipelines.know.profiles import prepare_profiles
from pipelines.know.rolled import RolledTable
from pipelines.know.scope import scope_one
from pipelines.know.traits import traits
from warehouse.run import Run

EVIDENCE_SCHEMA = pa.schema(
    [
        ("table_name", pa.string()),
        ("row_key", pa.string()),
        ("seen_at", pa.timestamp("us", tz="UTC")),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Explanation:
    """Values by column of the profile, and per trait the rows behind it (EVIDENCE_SCHEMA, newest first)."""

    values: dict[str, Any]
    evidence: dict[str, pa.Table]


def explain(
    con: duckdb.DuckDBPyConnection,
    run: Run,
    customer_id: str,
    limit: int = 20,
    rolled: Mapping[str, RolledTable] = NOTHING_ROLLED,
) -> Explanation | None:
    """Compute one customer's profile as of `run.as_of`, with at most `limit` rows of evidence per trait.

    None if the customer does not exist then. `rolled` is what `know` takes. Writes no table of the lake, so a
    read-only connection will do.
    """
    scope_one(con, customer_id)
    prepare_inputs(con, run, rolled, has_evidence=True)
    prepare_channels(con)
    prepare_interests(con)
    prepare_profiles(con)
    rows = con.execute("SELECT * FROM know_profiles").to_arrow_table().to_pylist()
    evidence = {name: _evidence(con, trait.evidence, limit) for name, trait in traits().items()}
    drop_temporary_tables(con)
    return Explanation(rows[0], evidence) if rows else None


def _evidence(con: duckdb.DuckDBPyConnection, sql: str, limit: int) -> pa.Table:
    newest = f"SELECT * FROM ({sql}) ORDER BY seen_at DESC NULLS LAST, row_key LIMIT ?"
    return con.execute(newest, [limit]).to_arrow_table().cast(EVIDENCE_SCHEMA)
