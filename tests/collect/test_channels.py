"""Every interaction has a channel that is known, that its connector knows, or that the settings declare."""

import json
from pathlib import Path

import duckdb
import pytest

from expectations.masks import first_failure_sql
from expectations.suite import Declared
from expectations.suites import suites
from expectations.suites.interactions import SUITE
from pipelines.collect.connectors import connectors
from pipelines.validate.validate import checkpoint
from schemas.vocabulary import CHANNELS, CONTACT_CHANNELS
from tests.collect.staged import stage
from tests.expectations.samples import VALID
from tests.lakes import memory_lake
from warehouse.settings import Settings

MAPPING = """
[constants]
event_name = "visited"
[columns]
event_id = "id"
occurred_at = "at"
channel = "where"
"""
PLACES = "id,at,where\n" + "".join(
    f"{n},2025-03-01,{channel}\n" for n, channel in enumerate(("pos", "store_visit", "post", "fair", "Fair", ""))
)
DECLARED = Settings(threads=1, channels={"store_visit": "a visit to a shop", "fair": "a stand at a fair"})


def test_a_channel_that_nobody_knows_is_refused_with_the_mend() -> None:
    staged = stage("table", PLACES, mapping=MAPPING)
    assert staged.rows("channel") == [("pos",), ("post",)]
    assert staged.codes() == [
        (2, "unknown_channel"), (4, "unknown_channel"), (5, "channel_not_snake_case"), (6, "missing_channel"),
    ]  # fmt: skip
    reason = staged.rejections[0]["reason"]
    assert reason.endswith("map it to a known one, or declare it under [channels] in rapport.toml")
    assert {row["stage"] for row in staged.rejections} == {"validate"}


def test_the_settings_declare_further_channels() -> None:
    staged = stage("table", PLACES, mapping=MAPPING, settings=DECLARED)
    assert staged.rows("channel") == [("pos",), ("store_visit",), ("post",), ("fair",)]
    assert [code for _, code in staged.codes()] == ["channel_not_snake_case", "missing_channel"]


def test_declared_channels_hold_for_every_connector() -> None:
    call = {"type": "page", "messageId": "m", "userId": "u", "timestamp": "2025-03-01T10:00:00Z"}
    line = json.dumps({**call, "context": {"channel": "fair"}})
    assert stage("segment", line).verdict(1) == "unknown_channel"
    assert stage("segment", line, settings=DECLARED).accepted()["channel"] == "fair"


@pytest.mark.parametrize("name", connectors())
def test_a_connector_s_own_channels_need_no_declaration(name: str) -> None:
    known = SUITE.declaring({"channel": connectors()[name].channels})
    values = ", ".join(f"('{channel}')" for channel in connectors()[name].channels)
    (rule,) = (rule for rule in known.rules if rule.code == "unknown_channel")
    found = duckdb.execute(
        f"SELECT DISTINCT {first_failure_sql([rule])} FROM (VALUES {values}) AS t(channel)"
    ).fetchall()
    assert found == [(None,)]


def test_a_suite_passes_over_what_no_rule_of_it_asks_for() -> None:
    assert SUITE.declaring({"event_name": ["x"]}).rules == SUITE.rules
    assert SUITE.declaring({}).rules == SUITE.rules


def test_channels_of_contacts_are_known_channels() -> None:
    assert set(CONTACT_CHANNELS) < set(CHANNELS)
    assert len(set(CHANNELS)) == len(CHANNELS)


def test_masks_and_great_expectations_know_the_same_declared_channels(tmp_path: Path) -> None:
    con, row = memory_lake(), VALID["interactions"]
    names, marks = ", ".join(row), ", ".join("?" for _ in row)
    for channel in ("web", "store_visit", "fair", "kiosk", "kiosk"):
        con.execute(f"INSERT INTO interactions ({names}) VALUES ({marks})", list({**row, "channel": channel}.values()))
    con.execute(f"COPY interactions TO '{tmp_path / 'staged.parquet'}' (FORMAT parquet)")
    declared: Declared = {"channel": ("store_visit", "fair")}
    answers = checkpoint([tmp_path / "staged.parquet"], "interactions", declared).expectations
    rules = suites()["interactions"].declaring(declared).rules
    masks = con.execute(f"SELECT {first_failure_sql(rules)} AS code FROM interactions ORDER BY code").fetchall()
    assert masks == [("unknown_channel",), ("unknown_channel",), (None,), (None,), (None,)]
    assert {answer.code: answer.unexpected_count for answer in answers if not answer.success} == {"unknown_channel": 2}
