import shutil
import sys
from pathlib import Path

import duckdb
import pytest

from expectations.masks import failing_sql
from expectations.suites import suites
from pipelines.validate.validate import CheckpointResult, ExpectationResult, checkpoint
from tests.expectations.samples import VALID
from tests.lakes import memory_lake
from warehouse.errors import RapportError

PERSONAL = "ann@example.org"
LIMIT = 10**12


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Valid interactions and a few that no mask would have let pass; the second file lacks a column."""
    con, folder = memory_lake(), tmp_path_factory.mktemp("staged")
    row = {name: value for name, value in VALID["interactions"].items() if name != "commit_seq"}
    con.execute("CREATE TABLE staged AS SELECT * EXCLUDE (commit_seq) FROM interactions")
    names, marks = ", ".join(row), ", ".join("?" for _ in row)
    con.execute(f"INSERT INTO staged ({names}) VALUES ({marks})", list(row.values()))
    con.execute("INSERT INTO staged SELECT s.* FROM staged AS s, range(99)")
    con.execute("CREATE TABLE broken AS SELECT * FROM staged LIMIT 10")
    con.execute(
        f"""
        UPDATE broken
        SET source = NULL, direction = 'sideways', event_name = '{PERSONAL}', amount = {LIMIT} + 1,
            currency = 'euro'
        """
    )
    paths = [folder / "first.parquet", folder / "second.parquet"]
    con.execute(f"COPY staged TO '{paths[0]}' (FORMAT parquet)")
    con.execute(f"COPY broken TO '{paths[1]}' (FORMAT parquet)")
    return paths


@pytest.fixture(scope="session")
def result(staged: list[Path]) -> CheckpointResult:
    return checkpoint(staged, "interactions")


def test_the_checkpoint_counts_what_the_masks_count(staged: list[Path], result: CheckpointResult) -> None:
    rules = [rule for rule in suites()["interactions"].checkpoint_rules if "commit_seq" not in rule.columns]
    counts = ", ".join(f"count_if({failing_sql(rule)})" for rule in rules)
    paths = [str(path) for path in staged]
    found = duckdb.connect().execute(f"SELECT {counts} FROM read_parquet(?)", [paths]).fetchone()
    assert found is not None
    answered = [answer for answer in result.expectations if answer.code != "missing_commit_seq"]
    assert [(answer.code, answer.unexpected_count) for answer in answered] == [
        (rule.code, count) for rule, count in zip(rules, found, strict=True)
    ]


def test_the_checkpoint_names_exactly_the_rules_that_failed(result: CheckpointResult) -> None:
    assert not result.success
    assert result.failures == (
        ExpectationResult("unknown_direction", success=False, checked_count=110, unexpected_count=10),
        ExpectationResult("event_name_not_snake_case", success=False, checked_count=110, unexpected_count=10),
        ExpectationResult("amount_out_of_range", success=False, checked_count=110, unexpected_count=10),
        ExpectationResult("currency_not_iso_4217", success=False, checked_count=10, unexpected_count=10),
        ExpectationResult("missing_source", success=False, checked_count=110, unexpected_count=10),
        ExpectationResult("missing_commit_seq", success=False, checked_count=None, unexpected_count=None),
    )


def test_the_error_of_a_failed_checkpoint_names_rules_and_rows_but_no_values(
    result: CheckpointResult,
) -> None:
    message = str(result.error())
    assert "unknown_direction (10 of 110 rows)" in message
    assert "missing_commit_seq (could not be asked" in message
    assert "nothing was published" in message
    assert PERSONAL not in message


def test_no_files_are_a_passed_checkpoint_without_answers() -> None:
    assert checkpoint([], "interactions") == CheckpointResult("interactions", ())
    assert checkpoint([], "interactions").success


def test_a_table_without_a_suite_is_refused() -> None:
    with pytest.raises(RapportError, match=r"table 'interaction' has no suite"):
        checkpoint([], "interaction")


def test_a_process_that_fails_is_an_error_and_not_a_passed_checkpoint(
    staged: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(RapportError, match="process ended with code 1"):
        checkpoint(staged, "interactions")
