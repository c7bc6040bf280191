"""What holds of every suite that is found, and of the samples of its rules."""

import re
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pytest

import expectations.suites
from expectations.masks import first_failure_sql, reasons
from expectations.rule import InSet, NotNull, Rule
from expectations.suite import Suite, default_rules
from expectations.suites import suites
from schemas.discovery import DiscoveryError, discover
from schemas.table import INSTANT, LONG, TEXT, Column, Table
from schemas.tables import tables
from tests.expectations.samples import SAMPLES, VALID, Changes
from tests.lakes import memory_lake

# A mend tells the reader what to do.
IMPERATIVES = ("check", "leave", "map", "put", "rescale", "send")

every_suite = pytest.mark.parametrize("name", suites())


def written(suite: Suite) -> tuple[Rule, ...]:
    """The rules that do not follow from the table."""
    defaults = default_rules(tables()[suite.table])
    return tuple(rule for rule in suite.checkpoint_rules if rule not in defaults)


def first_failures(name: str, changes: Iterable[Changes]) -> list[str | None]:
    """The reason code that each changed row gets."""
    suite = suites()[name]
    schema = pa.schema(
        [field.with_nullable(True) for field in tables()[suite.table].schema if field.name != "properties"]
    )
    rows = pa.Table.from_pylist([{**VALID[name], **change} for change in changes], schema)
    con = memory_lake()
    con.register("rows", rows)
    found = con.execute(f"SELECT {first_failure_sql(suite.rules)} FROM rows").fetchall()
    return [code for (code,) in found]


@every_suite
def test_a_suite_reads_only_columns_of_its_table(name: str) -> None:
    suite = suites()[name]
    read = {column for rule in suite.checkpoint_rules for column in rule.columns}
    assert read <= set(tables()[suite.table].column_names)


@every_suite
def test_every_code_is_unique_and_in_snake_case(name: str) -> None:
    codes = [rule.code for rule in suites()[name].checkpoint_rules]
    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not re.fullmatch("[a-z0-9]+(_[a-z0-9]+)*", code)] == []


@every_suite
def test_every_reason_says_what_is_wrong_and_names_a_mend(name: str) -> None:
    for rule in suites()[name].checkpoint_rules:
        assert len(rule.wrong.split()) >= 3, rule.code
        assert rule.mend.split()[0] in IMPERATIVES, rule.code
        assert any(column in rule.wrong for column in rule.columns), rule.code
    assert len(reasons(suites()[name].rules)) == len(suites()[name].rules)


@every_suite
def test_a_suite_holds_all_that_its_table_declares(name: str) -> None:
    suite = suites()[name]
    assert set(default_rules(tables()[suite.table])) <= set(suite.checkpoint_rules)


@every_suite
def test_every_written_rule_has_samples(name: str) -> None:
    assert set(SAMPLES[name]) == {rule.code for rule in written(suites()[name])}


@every_suite
def test_a_valid_row_and_all_passing_samples_pass(name: str) -> None:
    passing = [{}, *(change for right, _ in SAMPLES[name].values() for change in right)]
    assert first_failures(name, passing) == [None] * len(passing)


@every_suite
def test_every_failing_sample_gets_the_reason_of_its_rule(name: str) -> None:
    failing = [(code, change) for code, (_, wrong) in SAMPLES[name].items() for change in wrong]
    assert first_failures(name, [change for _, change in failing]) == [code for code, _ in failing]


@every_suite
def test_a_missing_or_unknown_value_gets_the_reason_of_its_column(name: str) -> None:
    rules = [rule for rule in suites()[name].rules if rule not in written(suites()[name])]
    changes: list[Changes] = [
        {rule.check.column: None if isinstance(rule.check, NotNull) else "something else"} for rule in rules
    ]
    assert first_failures(name, changes) == [rule.code for rule in rules]


def test_a_missing_event_id_is_told_before_anything_else_about_it() -> None:
    everything_wrong: dict[str, Any] = {"event_id": None, "event_name": "A b", "sentiment": 5.0}
    assert first_failures("interactions", [everything_wrong]) == ["missing_event_id"]


def test_default_rules_follow_from_the_declaration_of_a_table() -> None:
    table = Table(
        doc="visit",
        columns=(
            Column("visit_id", TEXT, "id", nullable=False),
            Column("door", TEXT, "way in", values=("front", "back")),
            Column("began_at", INSTANT, "begin"),
            Column("visit_count", LONG, "visits", nullable=False),
        ),
        key=("visit_id",),
    )
    assert [(rule.code, rule.check) for rule in default_rules(table)] == [
        ("missing_visit_id", NotNull("visit_id")),
        ("missing_visit_count", NotNull("visit_count")),
        ("unknown_door", InSet("door", ("front", "back"))),
    ]
    assert [rule.code for rule in default_rules(table, ["door", "visit_id"])] == [
        "missing_visit_id",
        "unknown_door",
    ]


def test_a_suite_file_without_its_constant_is_refused() -> None:
    with pytest.raises(DiscoveryError, match=r"interactions\.py must define RULES"):
        discover(expectations.suites, "RULES", Suite)
