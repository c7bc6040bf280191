"""What every discovered connector must do, shown on its golden sample."""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations.suites.interactions import SUITE
from pipelines.collect.compose import reason_sentences
from pipelines.collect.connector import Connector
from pipelines.collect.connectors import connectors
from pipelines.collect.delimited import read_delimited
from pipelines.collect.mapping import parse_mapping
from tests.collect.golden import SAMPLES, expected, shown_interactions, shown_rejections, staged_sample
from tests.collect.staged import Staged, stage

NAMES = list(connectors())
_samples: dict[str, Staged] = {}


def sample(name: str) -> Staged:
    if name not in _samples:
        _samples[name] = staged_sample(name)
    return _samples[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_becomes_its_golden_interactions(name: str) -> None:
    assert shown_interactions(sample(name)) == expected(name, "interactions")


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_becomes_its_golden_rejections(name: str) -> None:
    assert shown_rejections(sample(name)) == expected(name, "rejections")


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_shows_acceptance_and_refusal(name: str) -> None:
    assert len(sample(name).interactions) >= 4
    assert len({code for _, code in sample(name).codes()}) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_the_same_input_gives_the_same_ids(name: str) -> None:
    again = staged_sample(name)
    assert again.rows("interaction_id") == sample(name).rows("interaction_id")
    assert [r["rejection_id"] for r in again.rejections] == [r["rejection_id"] for r in sample(name).rejections]


JSON_NAMES = [name for name in NAMES if connectors()[name].framing != "table"]


@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.long)], ids=["every sixth", "all"])
@pytest.mark.parametrize("name", JSON_NAMES)
def test_a_line_is_judged_alike_whatever_stands_beside_it(name: str, step: int) -> None:
    lines = list(enumerate((SAMPLES / name / "input.ndjson").read_bytes().splitlines(), start=1))[::step]
    alone = {n: stage(name, line) for n, line in lines}
    rows = [row | {"row_number": n} for n, staged in alone.items() for row in shown_interactions(staged)]
    assert rows == [row for row in expected(name, "interactions") if row["row_number"] in alone]
    codes = [(n, code) for n, staged in alone.items() for _, code in staged.codes()]
    assert codes == [(n, code) for n, code in sample(name).codes() if n in alone]


@pytest.mark.parametrize("name", JSON_NAMES)
def test_the_order_of_lines_and_their_division_into_files_do_not_matter(name: str) -> None:
    lines = (SAMPLES / name / "input.ndjson").read_bytes().splitlines(keepends=True)
    middle = len(lines) // 2
    parted = stage(name, b"".join(lines[:middle]), b"".join(reversed(lines[middle:])))
    places = {"file_id", "row_number", "element"}

    def contents(staged: Staged) -> list[str]:
        return sorted(repr({k: v for k, v in row.items() if k not in places}) for row in staged.interactions)

    assert contents(parted) == contents(sample(name))
    assert sorted(code for _, code in parted.codes()) == sorted(code for _, code in sample(name).codes())


@pytest.mark.parametrize("name", NAMES)
def test_every_refusal_has_a_sentence_that_does_not_quote_the_record(name: str) -> None:
    values = {value for row in sample(name).interactions for value in (row["event_id"], row["order_id"]) if value}
    for rejection in sample(name).rejections:
        assert re.fullmatch(r"[^;]+; [^;]+", rejection["reason"])
        assert not any(value in rejection["reason"] for value in values if len(value) > 3)


@pytest.mark.parametrize("name", NAMES)
def test_the_connector_says_what_it_is(name: str) -> None:
    connector: Connector = connectors()[name]
    assert connector.doc
    assert connector.channels
    mapping = SAMPLES / name / "mapping.toml"
    assert mapping.exists() == (connector.framing == "table")
    if connector.framing != "table":
        assert set(reason_sentences(connector.plan("", ()), SUITE.rules)) >= {code for _, code in sample(name).codes()}
    assert {row["channel"] for row in sample(name).interactions} <= set(connector.channels)


@pytest.mark.parametrize("framing", ["json", "table", "mixed"])
def test_only_a_connector_of_json_says_how_payloads_divide(framing: Any) -> None:
    some = connectors()["segment"]
    with pytest.raises(ValueError, match="gives its JsonFormat as `records`"):
        Connector("", (), framing, some.plan, None if framing != "table" else some.records)


def test_parquet_gives_the_interactions_of_the_same_rows_as_text(tmp_path: Path) -> None:
    mapping = (SAMPLES / "table" / "mapping.toml").read_text(encoding="utf-8")
    batches = read_delimited(SAMPLES / "table" / "input.csv", parse_mapping(mapping).delimiter).read_all()
    whole = batches.filter(pa.compute.is_null(batches["problem"])).drop_columns(["file_no", "row_number", "problem"])
    pq.write_table(whole, tmp_path / "input.parquet")
    staged = stage("table", (tmp_path / "input.parquet").read_bytes(), mapping=mapping, names=["input.parquet"])
    without_place = [{k: v for k, v in row.items() if k != "row_number"} for row in shown_interactions(staged)]
    assert without_place == [
        {k: v for k, v in row.items() if k != "row_number"} for row in expected("table", "interactions")
    ]
