"""One split of landed files becomes a staged Parquet file of interactions and one of rejections, in DuckDB alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from expectations.rule import Rule
from expectations.suites.interactions import SUITE
from pipelines.collect.compose import Batch, constant_columns, interactions_sql, reason_sentences
from pipelines.collect.connector import Plan
from pipelines.collect.connectors import connectors
from pipelines.collect.erased import ERASED, is_erased_file
from pipelines.collect.file_form import file_form
from pipelines.collect.members import member_names
from pipelines.collect.parts import parts
from pipelines.collect.places import choose_places, write_found
from pipelines.collect.suppress import keep_out
from pipelines.collect.write_part import StagedPart, write_part
from schemas.table import literals, quoted
from schemas.tables import tables
from warehouse.extensions import session
from warehouse.settings import Settings
from warehouse.suppression import SuppressionList

MAX_PARTS = 100_000  # of one split: parts are numbered without gaps between workers


@dataclass(frozen=True)
class SplitFile:
    """A landed file within a split; `only` and `without` are Parquet files of places that alone, or not, are wanted.

    A place is file_id, row_number and element; without an element it is the whole row, without a row the whole file.
    """

    file_id: str
    path: str
    only: str | None = None
    without: str | None = None


@dataclass(frozen=True)
class Split:
    """Landed files that are parsed together: one connector, source and mapping."""

    number: int
    batch: Batch
    mapping: str | None
    files: tuple[SplitFile, ...]


def stage_split(
    split: Split, staging: Path, settings: Settings, temporary: Path, suppressions: SuppressionList | None = None
) -> Iterator[StagedPart]:
    """Parse, validate and stage `split`, in parts of bounded size; what cannot be read becomes rejections.

    What `suppressions` name is neither staged nor rejected.

    Raises UsageError where a mapping does not fit its file, RapportError where the session cannot be opened.
    """
    con = session(settings, temporary)
    # Lists of constants would become joins; as they are short here, that costs more to plan than it ever saves.
    con.execute("SET disabled_optimizers = 'in_clause'")
    try:
        _register_files(con, split)
        for number, plan in enumerate(_parts(con, split), start=split.number * MAX_PARTS):
            columns, sentences = _read(con, split, plan, settings, suppressions)
            choose_places(con, split.files)
            found = write_found(con, split.files, staging / f"{number:010d}.found.parquet")
            fields = () if plan is None else member_names(con)
            part = write_part(con, split.batch, number, staging, sentences, columns)
            yield replace(part, found=found, fields=fields)
    finally:
        con.close()


def _read(
    con: duckdb.DuckDBPyConnection,
    split: Split,
    plan: Plan | None,
    settings: Settings,
    suppressions: SuppressionList | None,
) -> tuple[str, dict[str, str]]:
    """Make `checked` of one part; gives the columns of interactions over it, and a sentence for each reason code."""
    if plan is None:
        return "", _all_unreadable(con, split)
    columns = _check(con, plan, split.batch, settings)
    if suppressions:
        keep_out(con, suppressions)
    return columns, reason_sentences(plan, _rules(split.batch, settings))


def _check(con: duckdb.DuckDBPyConnection, plan: Plan, batch: Batch, settings: Settings) -> str:
    """Make `checked`, the part's records without the constant columns, and `whole`, the same with them and `place`.

    Gives the columns of interactions as expressions over rows of `checked`.
    """
    if not plan.whole_records or _must_divide(con, plan, batch, settings):
        _parse(con, plan, batch, settings)
    constant = constant_columns(plan, batch)
    columns = ", ".join(
        f"{constant.get(name, quoted(name))} AS {quoted(name)}" for name in tables()["interactions"].column_names
    )
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW whole AS SELECT {columns}, spelled, reason_code, rowid AS place FROM checked"
    )
    return columns


def _must_divide(con: duckdb.DuckDBPyConnection, plan: Plan, batch: Batch, settings: Settings) -> bool:
    """Parse with the cheaper query; whether some payload turns out to hold several records, so that it will not do."""
    _parse(con, replace(plan, records=plan.whole_records, device=""), batch, settings)
    doubts = literals(plan.doubts)
    if con.execute(f"SELECT 1 FROM checked WHERE reason_code IN ({doubts}) LIMIT 1").fetchone() is None:
        return False
    return con.execute(f"SELECT 1 FROM input WHERE {plan.may_divide} LIMIT 1").fetchone() is not None


def _parse(con: duckdb.DuckDBPyConnection, plan: Plan, batch: Batch, settings: Settings) -> None:
    sql = interactions_sql(plan, batch, settings.identity, _rules(batch, settings))
    con.execute(f"CREATE OR REPLACE TEMP TABLE checked AS {sql}")


def _rules(batch: Batch, settings: Settings) -> tuple[Rule, ...]:
    """The rules for what the batch's connector and the settings know of channels."""
    return SUITE.declaring({"channel": (*connectors()[batch.connector].channels, *settings.channels)}).rules


def _register_files(con: duckdb.DuckDBPyConnection, split: Split) -> None:
    ids = [file.file_id for file in split.files]
    numbers = pa.array(range(len(ids)), pa.int32())
    con.register("files", pa.table({"file_no": numbers, "file_id": pa.array(ids, pa.string())}))


def _parts(con: duckdb.DuckDBPyConnection, split: Split) -> Iterator[Plan | None]:
    paths = [Path(file.path) for file in split.files]
    return parts(con, connectors()[split.batch.connector], split.mapping or "", paths)


def _all_unreadable(con: duckdb.DuckDBPyConnection, split: Split) -> dict[str, str]:
    """Bytes that cannot be divided count as one record, refused; or as a blank, if they are one."""
    code = ERASED if is_erased_file(Path(split.files[0].path)) else "unreadable_file"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE checked AS "
        f"SELECT file_id, 0::BIGINT AS row_number, 0 AS element, '{code}' AS reason_code FROM files"
    )
    return reason_sentences(Plan(records="", fields={}), ())


def plan_splits(files: Sequence[tuple[SplitFile, Batch, str | None, int]], limit_bytes: int) -> list[Split]:
    """Group landed files (file, batch, mapping, size) into splits of one connector, source and mapping.

    Files of lines share a split up to `limit_bytes`; files of columns stand alone, as each has a header of its own, and
    those of a mapping.
    """
    splits: list[Split] = []
    size = 0
    for file, batch, mapping, size_bytes in files:
        last = splits[-1] if splits else None
        joins = (
            last is not None
            and _may_share(batch, file)
            and (last.batch, last.mapping) == (batch, mapping)
            and size + size_bytes <= limit_bytes
        )
        if joins and last is not None:
            splits[-1] = Split(last.number, batch, mapping, (*last.files, file))
            size += size_bytes
        else:
            splits.append(Split(len(splits), batch, mapping, (file,)))
            size = size_bytes
    return splits


def _may_share(batch: Batch, file: SplitFile) -> bool:
    by = connectors()[batch.connector]
    return by.framing != "table" and file_form(by, None, Path(file.path)).kind == "lines"
