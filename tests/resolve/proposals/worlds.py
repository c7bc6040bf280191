"""People as they state themselves: rows of `statements` and `identities`, with the truth in the identifier.

An identifier is `record_id:PERSON/NUMBER`: entries of one person have the same PERSON.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa

from schemas.keys import key_sql
from schemas.table import TEXT
from tests.lakes import memory_lake
from warehouse.run import Run
from warehouse.settings import Settings

START = datetime(2024, 1, 1, tzinfo=UTC)
Entry = Mapping[str, str]
Entries = Mapping[str, Entry]


def run_of(commit_seq: int = 1, review: float = 0.9) -> Run:
    """The run that makes commit `commit_seq`, with this probability from which on a pair waits for review."""
    at = START + timedelta(days=100 + commit_seq)
    settings = replace(Settings(), identity=replace(Settings().identity, review=review))
    return Run(f"batch-{commit_seq}", commit_seq, at, at, settings)


def person(identifier: str) -> str:
    """Whose entry it is."""
    return identifier.removeprefix("record_id:").partition("/")[0]


def lake_of(entries: Entries) -> duckdb.DuckDBPyConnection:
    """A lake in memory in which each entry is a customer of its own."""
    con = memory_lake()
    state(con, entries, 1)
    own(con, entries, 1)
    return con


def state(con: duckdb.DuckDBPyConnection, entries: Entries, commit_seq: int) -> None:
    """Publish what the entries say as statements of commit `commit_seq`."""
    said = [(identifier, name, value) for identifier, entry in entries.items() for name, value in entry.items()]
    columns = zip(*said, strict=True)
    table = pa.table(
        {name: pa.array(values, TEXT) for name, values in zip(("anchor", "name", "value"), columns, strict=True)}
    )
    con.register("said", table)
    con.execute(
        f"""
        INSERT INTO statements BY NAME
        SELECT {key_sql("anchor", "name", "$commit::VARCHAR")} AS statement_id, anchor AS interaction_id, anchor, name,
            value, $at AS stated_at, $commit AS commit_seq
        FROM said
        """,
        {"commit": commit_seq, "at": START + timedelta(days=commit_seq)},
    )
    con.unregister("said")


def own(
    con: duckdb.DuckDBPyConnection, identifiers: Iterable[str], commit_seq: int, customer: str | None = None
) -> None:
    """Publish the identifiers as those of one customer, or of a customer each where none is given."""
    con.register("owned", pa.table({"identifier": pa.array(list(identifiers), TEXT)}))
    con.execute(
        f"""
        INSERT INTO identities BY NAME
        SELECT identifier, split_part(identifier, ':', 1) AS kind, split_part(identifier, ':', 2) AS value,
            coalesce($customer, {key_sql("identifier")}) AS customer_id, 'member' AS relation,
            $at AS first_seen_at, $at AS known_from, $commit AS commit_seq
        FROM owned
        """,
        {"customer": customer, "at": START, "commit": commit_seq},
    )
    con.unregister("owned")


def scored(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], float]:
    """The probability of each proposal."""
    rows = con.execute("SELECT left_identifier, right_identifier, probability FROM identity_proposals").fetchall()
    return {(left, right): probability for left, right, probability in rows}


def quality(con: duckdb.DuckDBPyConnection, entries: Entries, least: float) -> tuple[float, float, float]:
    """Pairwise precision, recall and F1 of proposals of probability `least` or more, against the truth in the ids."""
    held: dict[str, int] = {}
    for identifier in entries:
        held[person(identifier)] = held.get(person(identifier), 0) + 1
    true = sum(count * (count - 1) // 2 for count in held.values())
    proposed = [person(left) == person(right) for (left, right), p in scored(con).items() if p >= least]
    hits = sum(proposed)
    precision = hits / len(proposed) if proposed else 1.0
    return precision, hits / true, 2 * hits / (true + len(proposed))
