"""The checkpoint in Great Expectations: the same rules as a suite, run by DuckDB over staged Parquet files.

The only module that imports great_expectations, which takes seconds and 260 MB: `python -m expectations` runs
it in a process of its own.
"""

import os
import sys
from collections.abc import Sequence
from functools import reduce
from operator import and_
from types import SimpleNamespace
from typing import Any, Literal, cast

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when great_expectations is imported

import great_expectations as gx
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations import row_conditions

from expectations.rule import (
    AtMost,
    Between,
    Check,
    Condition,
    Empty,
    Filled,
    Finite,
    Given,
    InSet,
    Is,
    LengthBetween,
    Matches,
    NotInSet,
    NotMatches,
    NotNull,
    Rule,
)
from schemas.table import literal

# Values are personal data: counts only, no samples.
_RESULT_FORMAT: Any = {"result_format": "SUMMARY", "partial_unexpected_count": 0}


class FrozenResultEngine(SqlAlchemyExecutionEngine):
    """Reads a result before its connection goes back to the pool, whose rollback drops DuckDB's result."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Great Expectations knows DuckDB no regular expressions; under this name it emits REGEXP_MATCHES.
        self.dialect_module = cast(Any, SimpleNamespace(DremioDialect=self.engine.dialect))

    def execute_query(self, query: Any) -> Any:
        """Run `query` and hold all its rows in memory."""
        with self.get_connection() as connection:
            return connection.execute(query).freeze()()


# Inside the class below, `type` is the name of a field.
_EngineType = type[SqlAlchemyExecutionEngine]


class DuckDBDatasource(SQLDatasource):
    """An SQL data source whose engine is `FrozenResultEngine`."""

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]  # how Great Expectations tells subclasses apart

    @property
    def execution_engine_type(self) -> _EngineType:
        """Engine that runs the queries."""
        return FrozenResultEngine


def audit(rules: Sequence[Rule], paths: Sequence[str]) -> list[dict[str, Any]]:
    """Ask every rule of the rows of all `paths`.

    One answer for each rule, in their order: code, success, checked_count (rows that the rule's condition
    leaves) and unexpected_count; both counts are None where the rule could not be asked, as when a column is
    missing. The codes must differ.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = cast(Any, {"globally": False})
    suite = context.suites.add(gx.ExpectationSuite("rules", expectations=[_expectation(r) for r in rules]))
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name="staged", data=_batch(context, paths), suite=suite)
    )
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(name="staged", validation_definitions=[definition], result_format=_RESULT_FORMAT)
    )
    (outcome,) = checkpoint.run().run_results.values()
    answers = {answer["code"]: answer for answer in map(_answer, outcome.results)}
    return [answers[rule.code] for rule in rules]


def _batch(context: Any, paths: Sequence[str]) -> Any:
    config = {"memory_limit": "1GB", "autoinstall_known_extensions": "false"}
    source = context.data_sources.add_duckdb(
        "staged", connection_string="duckdb:///:memory:", kwargs={"connect_args": {"config": config}}
    )
    # A colon in the text of a query would begin the name of a parameter.
    files = ", ".join(literal(path).replace(":", "' || chr(58) || '") for path in paths)
    query = f"SELECT * FROM read_parquet([{files}], union_by_name => TRUE)"
    return source.add_query_asset("staged", query=query).add_batch_definition("all")


def _expectation(rule: Rule) -> dict[str, Any]:
    kind, parameters = _translated(rule.check)
    conditions = [_condition(condition) for condition in rule.when]
    if isinstance(rule.check, Given):
        conditions.append(_condition(Filled(rule.check.other)))
    if conditions:
        parameters["row_condition"] = reduce(and_, conditions)
    return {"type": kind, "kwargs": parameters, "meta": {"code": rule.code}}


def _translated(check: Check) -> tuple[str, dict[str, Any]]:
    column = {"column": check.column}
    match check:
        case NotNull() | Given():
            return "expect_column_values_to_not_be_null", column
        case InSet(values=values):
            return "expect_column_values_to_be_in_set", {**column, "value_set": list(values)}
        case NotInSet(values=values):
            return "expect_column_values_to_not_be_in_set", {**column, "value_set": list(values)}
        case Between(low=low, high=high):
            return "expect_column_values_to_be_between", {**column, "min_value": low, "max_value": high}
        case Finite():
            most = sys.float_info.max
            return "expect_column_values_to_be_between", {**column, "min_value": -most, "max_value": most}
        case Matches(pattern=pattern):
            return "expect_column_values_to_match_regex", {**column, "regex": pattern}
        case NotMatches(pattern=pattern):
            return "expect_column_values_to_not_match_regex", {**column, "regex": pattern}
        case LengthBetween(low=low, high=high):
            return "expect_column_value_lengths_to_be_between", {
                **column,
                "min_value": low,
                "max_value": high,
            }
        case AtMost(other=other):
            return "expect_column_pair_values_a_to_be_greater_than_b", {
                "column_A": other,
                "column_B": check.column,
                "or_equal": True,
                "ignore_row_if": "either_value_is_missing",
            }


def _condition(condition: Condition) -> Any:
    column = row_conditions.Column(condition.column)
    match condition:
        case Filled():
            return column.is_not_null()
        case Empty():
            return column.is_null()
        case Is(values=values):
            return column.is_in(values)


def _answer(result: Any) -> dict[str, Any]:
    checked = result.result.get("element_count")
    return {
        "code": result.expectation_config.meta["code"],
        "success": bool(result.success),
        "checked_count": checked,
        # Of no rows Great Expectations counts None.
        "unexpected_count": 0 if checked == 0 else result.result.get("unexpected_count"),
    }
