"""A catalog without erased values: statistics that look-ups can trust, and a fresh file."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from warehouse.erase_catalog import recompute_statistics, renew_catalog
from warehouse.erase_files import rewrite_lake
from warehouse.home import Home
from warehouse.lake import METADATA, Lake, open_writer
from warehouse.maintain import expire_snapshots, rewrite_deletes

COLUMNS = {
    "text": "VARCHAR",
    "number": "BIGINT",
    "amount": "DECIMAL(18,4)",
    "rate": "DOUBLE",
    "moment": "TIMESTAMP WITH TIME ZONE",
    "flag": "BOOLEAN",
    "day": "DATE",
    "nothing": "VARCHAR",
    "long": "VARCHAR",
}
LONG = "x" * 20_000  # longer than what Parquet keeps a bound of


def row(number: int) -> list[Any]:
    moment = datetime(2024, 1, number, tzinfo=UTC)
    return [
        f"text {number:02}",
        number - 10,
        Decimal(number) / 4 - 3,
        number / 8 - 2.5,
        moment,
        number > 15,
        moment.date(),
        None,
        f"{number}{LONG}",
    ]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """A lake with a table of all types in two files: rows 1 to 20, the first and last three of them deleted."""
    with open_writer(Home(tmp_path)) as opened:
        opened.con.execute(f"CREATE TABLE probe ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
        for numbers in (range(1, 11), range(11, 21)):
            opened.con.execute("BEGIN")
            opened.con.executemany(f"INSERT INTO probe VALUES ({', '.join('?' * 9)})", [row(n) for n in numbers])
            opened.con.execute("COMMIT")
        opened.con.execute("DELETE FROM probe WHERE number < -6 OR number > 7")
        yield opened


def bounds(lake: Lake) -> dict[str, tuple[str | None, str | None]]:
    found = lake.con.execute(f"""
        SELECT c.column_name, s.min_value, s.max_value
        FROM {METADATA}.ducklake_table_column_stats AS s
        JOIN {METADATA}.ducklake_column AS c USING (table_id, column_id)
        JOIN {METADATA}.ducklake_table AS t USING (table_id)
        WHERE t.table_name = 'probe'
    """).fetchall()
    return {name: (least, greatest) for name, least, greatest in found}


def count(lake: Lake, condition: str, value: Any) -> int:
    ((found,),) = lake.con.execute(f"SELECT COUNT(*) FROM probe WHERE {condition}", [value]).fetchall()
    return int(found)


def assert_found(lake: Lake, numbers: range) -> None:
    """Each value of each row is found by itself."""
    for number in numbers:
        for name, value in zip(COLUMNS, row(number), strict=True):
            if value is not None:
                assert count(lake, f"{name} = ?", value) > 0, (name, number)


def test_bounds_are_those_of_the_live_rows_and_never_unknown_where_there_are_values(lake: Lake) -> None:
    assert bounds(lake)["text"] == ("text 01", "text 20")
    rewrite_deletes(lake, everything=True)
    expire_snapshots(lake, datetime.now(UTC))
    recompute_statistics(lake)
    found = bounds(lake)
    assert found["text"] == ("text 04", "text 17")
    assert found["number"] == ("-6", "7")
    assert [float(bound or "nan") for bound in found["amount"]] == [-2.0, 1.25]
    assert [float(bound or "nan") for bound in found["rate"]] == [-2.0, -0.375]
    assert found["nothing"] == (None, None)
    assert None not in [bound for name, pair in found.items() if name != "nothing" for bound in pair]
    assert_found(lake, range(4, 18))


def test_look_ups_hold_after_the_catalog_was_renewed_and_more_was_written(lake: Lake) -> None:
    rewrite_lake(lake, 0)
    assert_found(lake, range(4, 18))
    lake.con.execute("INSERT INTO probe (text, nothing) VALUES ('a first text', 'no more nothing')")
    assert count(lake, "nothing = ?", "no more nothing") == 1
    assert count(lake, "text = ?", "a first text") == 1
    assert_found(lake, range(4, 18))


def test_a_table_that_was_emptied_can_be_filled_again(lake: Lake) -> None:
    lake.con.execute("DELETE FROM probe")
    rewrite_lake(lake, 0)
    assert set(bounds(lake).values()) == {(None, None)}
    lake.con.execute(f"INSERT INTO probe VALUES ({', '.join('?' * 9)})", row(3))
    assert_found(lake, range(3, 4))


def test_a_fresh_catalog_holds_no_bytes_of_what_was_deleted(lake: Lake) -> None:
    lake.con.execute("INSERT INTO probe (text) VALUES ('zz-somebody@example.com')")
    lake.con.execute("DELETE FROM probe WHERE text = 'zz-somebody@example.com'")
    lake.publish()
    assert b"zz-somebody" in lake.home.catalog.read_bytes()
    rewrite_lake(lake, 0)
    files = [path for path in lake.home.root.rglob("*") if path.is_file()]
    assert [path for path in files if b"zz-somebody" in path.read_bytes()] == []


def test_a_renewed_catalog_keeps_all_and_its_small_blocks(lake: Lake) -> None:
    lake.home.catalog.with_suffix(".fresh").write_bytes(b"left by a crash")
    before = lake.con.execute("SELECT * FROM probe ORDER BY number").fetchall()
    tables = lake.con.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
    renew_catalog(lake)
    assert lake.con.execute("SELECT * FROM probe ORDER BY number").fetchall() == before
    assert lake.con.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall() == tables
    size = lake.con.execute("SELECT block_size FROM pragma_database_size() WHERE database_name = ?", [METADATA])
    assert size.fetchall() == [(16384,)]
    assert not lake.home.catalog.with_suffix(".fresh").exists()
