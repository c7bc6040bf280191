import csv
import io
import json
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.collect.staged import stage
from tests.simulate.worlds import Written

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("source", ["pos", "crm"])
def test_the_mapping_names_columns_that_the_files_have(source: str, written: Written) -> None:
    mapping, columns = written.mapping(source), set(written.rows(source)[0])
    named = [name for names in mapping["columns"].values() for name in ([names] if isinstance(names, str) else names)]
    assert {*named, *mapping["identifiers"].values(), *mapping.get("traits", {}).values()} <= columns


@pytest.mark.parametrize(("source", "column"), [("pos", "record"), ("crm", "activity")])
def test_every_word_of_the_files_is_translated(source: str, column: str, written: Written) -> None:
    words = {row[column] for row in written.rows(source)}
    assert words == set(written.mapping(source)["values"]["event_name"])


@pytest.mark.parametrize(("source", "column"), [("pos", "sold_at"), ("crm", "happened_at")])
def test_rows_lie_in_the_world_in_the_order_of_time(source: str, column: str, written: Written) -> None:
    times = [row[column] for row in written.rows(source)]
    assert times == sorted(times)
    for time in times:
        at = datetime.fromisoformat(time).timestamp() * 1000
        assert written.world.start_ms <= at < written.world.end_ms


def test_each_row_has_a_key_of_its_own(written: Written) -> None:
    lines = Counter((row["basket_id"], row["line_number"]) for row in written.rows("pos"))
    entries = Counter(row["entry_id"] for row in written.rows("crm"))
    assert max(lines.values()) == max(entries.values()) == 1


def test_a_coupon_row_has_an_offer_and_no_amount(written: Written) -> None:
    for row in written.rows("pos"):
        is_coupon = row["record"] == "coupon"
        assert bool(row["offer_id"]) == bool(row["campaign_id"]) == is_coupon
        assert (row["amount"] == "") == (row["product_id"] == "") == is_coupon
        assert is_coupon or Decimal(row["amount"]) > 0


def test_an_answer_names_a_contact_that_went_out(written: Written) -> None:
    rows = written.rows("crm")
    out = {row["contact_id"] for row in rows if row["activity"].endswith(" out")}
    answers = [row for row in rows if row["activity"] in {"sms reply", "call answered", "letter reply"}]
    assert answers
    assert {row["contact_id"] for row in answers} <= out
    assert {row["direction"] for row in rows if row["activity"].endswith(" out")} == {"outbound"}


def test_profiles_state_preferences_and_link_identifiers(written: Written) -> None:
    stated = {row["user_id"]: row for row in written.truth}
    profiles = [row for row in written.rows("crm") if row["activity"] == "profile"]
    assert len(profiles) == written.world.customers
    for row in profiles:
        truth = stated[row["customer_number"]]
        assert row["preferred_channel"] == (truth["stated_channel"] or "")
        assert (row["email"], row["loyalty_number"]) == (truth["email"], truth["loyalty_id"])
        assert row["phone"] == (truth["phone"] or "")


def test_the_mapping_reads_what_profiles_state(written: Written) -> None:
    rows = written.rows("crm")
    chosen = [row for row in rows if row["activity"] == "profile"][:8] + [
        r for r in rows if r["activity"] != "profile"
    ][:4]
    text = io.StringIO()
    table = csv.DictWriter(text, list(chosen[0]))
    table.writeheader()
    table.writerows(chosen)
    mapping = (ROOT / "pipelines" / "simulate" / "crm.toml").read_text(encoding="utf-8")
    said = {row["entry_id"]: row["preferred_channel"] for row in chosen if row["preferred_channel"]}
    found = stage("table", text.getvalue().encode(), mapping=mapping).interactions
    assert len(found) == len(chosen)
    traits = {row["event_id"]: json.loads(row["properties"] or "{}").get("traits") for row in found}
    assert traits == {row["entry_id"]: None for row in chosen} | {
        entry: {"preferred_channel": channel} for entry, channel in said.items()
    }
    assert said


def test_complaints_belong_to_conflicts_mostly(written: Written) -> None:
    conflicts = {row["user_id"]: row["conflict_at"] for row in written.truth if row["conflict_at"]}
    complaints = [row for row in written.rows("crm") if row["activity"] == "complaint"]
    loud = [
        row
        for row in complaints
        if row["customer_number"] in conflicts
        and datetime.fromisoformat(row["happened_at"]) >= conflicts[row["customer_number"]]
    ]
    assert len(loud) > 0.5 * len(complaints) > 0
