"""The mappings that are shipped as examples do what their first lines say."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.ingest import ingest_paths
from pipelines.collect.example_mappings import EXAMPLES
from pipelines.collect.mapping import parse_mapping
from tests.collect.staged import Staged, stage
from tests.keep.rows import cells, step
from tests.lakes import memory_lake
from warehouse.home import Home
from warehouse.lake import open_writer

RETAIL = Path(__file__).parents[3] / "shared" / "data" / "online_retail" / "online_retail_2010_2011_full8col.parquet"


def mapping(name: str) -> str:
    return (EXAMPLES / f"{name}.toml").read_text(encoding="utf-8")


def kept(found: Staged, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """What the rollup `table` makes of the interactions."""
    con = memory_lake()
    step(con, found.interactions)
    return cells(con, table, *columns)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_an_example_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert parse_mapping(text).format


PEOPLE = """card,email,changed_at,reach_me_by,birthday,newsletter,newsletter_at,profiling,wording,shoe_size
c1,ann@example.com,2025-03-01 10:00,sms,1980-02-03,yes,2025-02-01 09:00,no,v2,38
c2,bob@example.com,2025-03-01 10:00,,,,,yes,v2,
c3,eve@example.com,2025-03-01 10:00,call,,perhaps,,,v2,
"""


def test_preferences_become_statements_that_the_preferred_channel_reads() -> None:
    found = stage("table", PEOPLE, mapping=mapping("preferences"))
    assert found.codes() == [(3, "unknown_consent_status")]
    assert kept(found, "statements", "anchor", "name", "value") == [
        ("loyalty_id:c1", "birthday", "1980-02-03"),
        ("loyalty_id:c1", "preferred_channel", "sms"),
    ]
    assert json.loads(found.accepted(1)["properties"])["shoe_size"] == "38"


def test_preferences_carry_consents_by_purpose() -> None:
    found = stage("table", PEOPLE, mapping=mapping("preferences"))
    at, said = datetime(2025, 3, 1, 9, tzinfo=UTC), datetime(2025, 2, 1, 8, tzinfo=UTC)
    columns = ("anchor", "purpose", "channel", "status", "legal_basis", "version", "stated_at")
    assert kept(found, "consents", *columns) == [
        ("loyalty_id:c1", "marketing", "email", "granted", "consent", "v2", said),
        ("loyalty_id:c1", "profiling", "*", "denied", "consent", "v2", at),
        ("loyalty_id:c2", "profiling", "*", "granted", "consent", "v2", at),
    ]


def test_a_changed_statement_is_another_row_and_the_same_list_again_is_not() -> None:
    changed = PEOPLE.replace("2025-02-01 09:00,no", "2025-02-01 09:00,yes")
    first, second, again = (
        [row["event_id"] for row in stage("table", text, mapping=mapping("preferences")).interactions]
        for text in (PEOPLE, changed, PEOPLE)
    )
    assert first == again
    assert len({*first, *second}) == 3


def test_a_register_of_consents_becomes_statements() -> None:
    text = (
        "statement,recorded_at,collected_on,customer,purpose,medium,answer,basis,text_version,said_at\n"
        "s1,2025-03-01,web,7,marketing,sms,opt-in,consent,2025-01,2025-02-28T23:00:00Z\n"
        "s2,2025-03-02,call,7,surveys,*,opt-out,objection,,\n"
        "s3,2025-03-02,fax,7,surveys,*,opt-out,objection,,\n"
    )
    found = stage("table", text, mapping=mapping("consents"))
    assert found.codes() == [(3, "unknown_channel")]
    columns = ("purpose", "channel", "status", "legal_basis", "version", "stated_at")
    assert kept(found, "consents", *columns) == [
        ("marketing", "sms", "granted", "consent", "2025-01", datetime(2025, 2, 28, 23, tzinfo=UTC)),
        ("surveys", "*", "denied", "objection", None, datetime(2025, 3, 2, tzinfo=UTC)),
    ]


def test_a_transcript_is_the_text_of_its_call() -> None:
    call = {
        "call": {"id": "k1", "started_at": "2025-03-01T10:00:00Z", "direction": "in", "seconds": 61},
        "caller": {"number": "+43 1 0000", "customer": 7},
        "turns": [{"who": "agent", "text": "Good morning."}, {"who": "caller"}, {"who": "caller", "text": "My order?"}],
        "analysis": {"sentiment": -0.25},
    }
    row = stage("table", json.dumps(call, indent=2), mapping=mapping("call_transcripts")).accepted()
    assert row["text"] == "Good morning.\nMy order?"
    assert (row["direction"], row["initiator"], row["contact_id"], row["sentiment"]) == (
        "inbound",
        "customer",
        "k1",
        -0.25,
    )
    assert row["anchor"] == "customer_id:7"
    properties = json.loads(row["properties"])
    assert (properties["call"], properties["turns"]) == ({"seconds": 61}, call["turns"])


def test_receipts_of_an_api_are_lines_with_a_key_of_their_own() -> None:
    receipt = {"number": "R1", "sold_at": "2025-03-01 10:00", "currency": "EUR", "card.number": "c1", "till": 3}
    line = {"receipt": receipt, "line": 1, "revision": 1, "article": {"sku": "A", "group": "bread"}, "pieces": 2}
    page = {"receipts": [{**line, "unit_price": 1.45}, {**line, "line": 2, "unit_price": "?"}], "next": "p2"}
    newer = {"receipts": [{**line, "revision": 10, "unit_price": 1.5}], "next": None}
    found = stage("table", json.dumps(page) + "\n" + json.dumps(newer) + "\n", mapping=mapping("receipts"))
    assert found.rows("event_id", "amount", "anchor") == [("R1-1", Decimal("3.0000"), "loyalty_id:c1")]
    assert found.codes() == [(1, "wrong_type_amount")]
    assert json.loads(found.losers[0]["properties"]) == {
        "unit_price": 1.45, "receipt": {"till": 3}, "article": {}, "envelope": {"next": "p2"},
    }  # fmt: skip


def retail_lines(count: int) -> bytes:
    """Lines as those of the data set: with gaps in the customers, with cancellations, one line in ten twice."""
    numbers = [n - n % 10 if n % 10 == 9 else n for n in range(count)]
    noon = datetime(2011, 7, 1, 12, tzinfo=UTC)
    table = pa.table(
        {
            "InvoiceNo": ["C5" if n % 7 == 0 else f"5{n % 100}" for n in numbers],
            "StockCode": [f"S{n}" for n in numbers],
            "Description": ["A MUG" if n % 3 else None for n in numbers],
            "Quantity": [-2 if n % 7 == 0 else 3 for n in numbers],
            "InvoiceDate": pa.array([noon + timedelta(minutes=n % 60) for n in numbers], pa.timestamp("us")),
            "UnitPrice": [0.85] * count,
            "CustomerID": pa.array([None if n % 4 == 0 else 12345.0 for n in numbers]),
            "Country": ["France"] * count,
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def test_equal_lines_of_a_file_are_purchases_of_their_own() -> None:
    found = stage("table", retail_lines(500), mapping=mapping("online_retail"))
    assert found.counts == {"f0": (500, 500)}
    assert len(found.interactions) == 500
    occurrences = [row["event_id"].rpartition("-")[2] for row in found.interactions]
    assert (occurrences.count("1"), occurrences.count("2")) == (450, 50)
    again = stage("table", retail_lines(500), mapping=mapping("online_retail"))
    assert again.rows("interaction_id") == found.rows("interaction_id")


def test_lines_of_invoices_are_orders_and_refunds_in_pounds() -> None:
    rows = stage("table", retail_lines(10), mapping=mapping("online_retail")).interactions
    assert [(row["event_name"], row["amount"], row["currency"]) for row in rows[:2]] == [
        ("order_refunded", Decimal("-1.7"), "GBP"),
        ("order_completed", Decimal("2.55"), "GBP"),
    ]
    assert (rows[0]["anchor"], rows[1]["anchor"]) == (None, "customer_id:12345")
    assert rows[1]["occurred_at"] == datetime(2011, 7, 1, 11, 1, tzinfo=UTC)
    assert json.loads(rows[1]["properties"]) == {"Description": "A MUG", "UnitPrice": 0.85, "Country": "France"}


@pytest.mark.long
@pytest.mark.skipif(not RETAIL.exists(), reason="../shared/data/online_retail is not there")
def test_online_retail_is_conserved_to_the_line_and_a_duplicate_the_second_time(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    with open_writer(home) as lake:
        path = EXAMPLES / "online_retail.toml"
        first = ingest_paths(lake, "table", [RETAIL], "online_retail", path).counts
        assert (first.received, first.loaded, first.duplicate, first.rejected) == (541_909, 541_909, 0, 0)
        again = ingest_paths(lake, "table", [RETAIL], "online_retail", path).counts
        assert (again.received, again.loaded, again.duplicate, again.rejected) == (541_909, 0, 541_909, 0)
        found = lake.con.execute("""
            SELECT COUNT(*), COUNT(DISTINCT event_id), COUNT(*) FILTER (WHERE event_id LIKE '%-1'), SUM(quantity),
                SUM(amount)
            FROM interactions
        """).fetchall()
    assert found == [(541_909, 541_909, 536_641, Decimal(5_176_450), Decimal("9747747.9340"))]
