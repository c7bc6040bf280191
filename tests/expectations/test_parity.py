import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from expectations.masks import failing_sql
from tests.expectations.parity import RULES, table

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The edge cases in two files, one with a name that needs quoting."""
    folder, rows = tmp_path_factory.mktemp("staged"), table()
    paths = [folder / "first.parquet", folder / "it's :second ${x} %s.parquet"]
    pq.write_table(rows.slice(0, 12_000), paths[0])
    pq.write_table(rows.slice(12_000), paths[1])
    return [str(path) for path in paths]


@pytest.fixture(scope="session")
def great(staged: list[str]) -> dict[str, dict[str, Any]]:
    """What Great Expectations finds, in a process whose clock stands in another zone."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.expectations.parity", *staged],
        cwd=ROOT,
        env={**os.environ, "TZ": "Pacific/Auckland"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {answer["code"]: answer for answer in json.loads(done.stdout)}


def test_masks_and_great_expectations_fail_the_same_rows(staged: list[str], great: dict[str, dict[str, Any]]) -> None:
    counts = ", ".join(f"count_if({failing_sql(rule)})" for rule in RULES)
    found = duckdb.connect().execute(f"SELECT {counts} FROM read_parquet(?)", [staged]).fetchone()
    assert found is not None
    masks = {rule.code: count for rule, count in zip(RULES, found, strict=True)}
    assert masks == {code: answer["unexpected_count"] for code, answer in great.items()}
    assert sum(1 for count in masks.values() if count) > len(RULES) * 0.95


def test_a_rule_succeeds_exactly_where_no_row_fails(great: dict[str, dict[str, Any]]) -> None:
    assert all(answer["success"] == (answer["unexpected_count"] == 0) for answer in great.values())


def test_great_expectations_answers_in_the_order_of_the_rules(great: dict[str, dict[str, Any]]) -> None:
    assert list(great) == [rule.code for rule in RULES]


def test_only_rows_that_meet_the_condition_are_counted_as_checked(
    staged: list[str], great: dict[str, dict[str, Any]]
) -> None:
    found = duckdb.connect().execute("SELECT count(*), count(y) FROM read_parquet(?)", [staged]).fetchone()
    assert (great["rule_0_0"]["checked_count"], great["rule_0_1"]["checked_count"]) == found


def test_answers_hold_counts_and_no_values(great: dict[str, dict[str, Any]]) -> None:
    assert {name for answer in great.values() for name in answer} == {
        "code",
        "success",
        "checked_count",
        "unexpected_count",
    }
