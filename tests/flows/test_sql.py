import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from tests.flows.cli import SCRIPT, process, rapport
from warehouse.home import Home
from warehouse.lake import open_writer

KINDS = """
    SELECT 1 AS whole, 12::HUGEINT AS huge, 1.50::DECIMAL(18, 4) AS money, 0.5::DOUBLE AS real, TRUE AS flag,
        NULL::INTEGER AS missing, NULL::VARCHAR AS no_words, '' AS empty, 'a "b", c' AS words,
        TIMESTAMPTZ '2024-01-01 10:00:00.5+00' AS at, TIMESTAMP '2024-01-01 10:00:00' AS naive,
        DATE '2024-01-01' AS day,
        ['a', 'b'] AS list, {'k': 1} AS struct, map {'k': 1} AS map, '{"k": 1}'::JSON AS json,
        INTERVAL 3 DAY AS span, 'ab'::BLOB AS bytes, '10:30:00'::TIME AS hour, 'x'::ENUM('x', 'y') AS choice
"""


def test_csv_has_a_header_empty_cells_for_null_and_times_in_utc(shop: str) -> None:
    answer = rapport("--home", shop, "sql", KINDS, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(answer.out))
    assert row == {
        "whole": "1",
        "huge": "12",
        "money": "1.5000",
        "real": "0.5",
        "flag": "true",
        "missing": "",
        "no_words": "",
        "empty": "",
        "words": 'a "b", c',
        "at": "2024-01-01T10:00:00.500000Z",
        "naive": "2024-01-01T10:00:00.000000Z",
        "day": "2024-01-01",
        "list": '["a","b"]',
        "struct": '{"k":1}',
        "map": '{"k":1}',
        "json": '{"k": 1}',
        "span": "3 days",
        "bytes": "ab",
        "hour": "10:30:00",
        "choice": "x",
    }
    assert ',,"",' in answer.out  # a missing text and an empty one are not the same


def test_json_is_one_object_with_exact_values(shop: str) -> None:
    found = rapport("--home", shop, "sql", KINDS, "--json").object
    (row,) = found["rows"]
    assert found["columns"] == list(row)
    assert (row["huge"], row["money"], row["bytes"]) == (12, 1.5, "6162")
    assert (row["missing"], row["empty"], row["at"]) == (None, "", "2024-01-01T10:00:00.500000Z")
    assert (row["list"], row["struct"], row["map"]) == (["a", "b"], {"k": 1}, {"k": 1})
    listed = json.loads(rapport("--home", shop, "sql", KINDS, "--format", "json").out)
    assert listed == [row]


def test_parquet_goes_to_a_file(shop: str, tmp_path: Path) -> None:
    target = tmp_path / "result.parquet"
    line = f"{SCRIPT} --home {shop} sql 'SELECT 1 AS a, NULL::VARCHAR AS b' --format parquet > {target}"
    done = process("sh", "-c", line, place=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert pq.read_table(target).to_pylist() == [{"a": 1, "b": None}]


def test_parquet_is_not_thrown_at_a_terminal(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("flows.commands.sql.sys", terminal)
    answer = rapport("--home", shop, "sql", "SELECT 1", "--format", "parquet")
    assert (answer.code, answer.out) == (2, "")
    assert "Parquet is no text; send it to a file" in answer.err


def test_what_parquet_cannot_hold_is_told(shop: str) -> None:
    answer = rapport("--home", shop, "sql", "SELECT INTERVAL 3 DAY AS span", "--format", "parquet")
    assert answer.code == 2
    assert "CAST it in the query" in answer.err


def test_two_columns_of_one_name_keep_their_own_values(shop: str) -> None:
    query = "SELECT 1 AS a, 2 AS a"
    assert rapport("--home", shop, "sql", query, "--format", "csv").out == '"a","a"\n1,2\n'
    assert "1   2" in rapport("--home", shop, "sql", query).out
    for format in ("json", "parquet"):
        answer = rapport("--home", shop, "sql", query, "--format", format)
        assert (answer.code, answer.out) == (2, "")
        assert "two columns are named 'a'; give one of them another name with AS" in answer.err


@pytest.mark.parametrize(
    "query",
    [
        "",
        ";",
        "SELECT",
        "selec 1",
        "SELECT 1; SELECT 2",
        "DROP TABLE profiles",
        "INSERT INTO profiles FROM profiles",
        "COPY (SELECT 1) TO 'x.csv'",
        "ATTACH 'x.db'",
        "SET memory_limit = '10GB'",
        "FROM nope",
        "SELECT nope FROM profiles",
        "FROM read_csv('{home}/rapport.toml')",
        "FROM '/etc/passwd'",
    ],
)
@pytest.mark.parametrize("format", ["table", "csv"])
def test_a_query_that_is_wrong_or_not_allowed_ends_with_2(query: str, format: str, shop: str) -> None:
    answer = rapport("--home", shop, "sql", query.format(home=shop), "--format", format)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("rapport: ")


def test_data_that_do_not_fit_the_query_end_with_1(shop: str) -> None:
    answer = rapport("--home", shop, "sql", "SELECT anchor::INTEGER FROM profiles")
    assert (answer.code, answer.out) == (1, "")
    assert "Could not convert" in answer.err


def test_a_table_shows_the_first_thousand_rows_and_says_so(shop: str) -> None:
    shown = rapport("--home", shop, "sql", "SELECT range AS year FROM range(2023, 5000)").out
    assert "2023" in shown
    assert "the first 1,000 rows; --format csv gives all" in shown
    assert "3023" not in shown
    assert rapport("--home", shop, "sql", "FROM range(2000)", "--format", "csv").out.count("\n") == 2001


def test_values_from_outside_are_shown_as_they_are(shop: str) -> None:
    answer = rapport("--home", shop, "sql", "SELECT category, chr(27) || '[31m' AS colour FROM daily_categories")
    assert "tea [/red]" in answer.out.lower()
    assert "\x1b" not in answer.out


def test_a_wide_table_is_shown_row_by_row(shop: str) -> None:
    lines = rapport("--home", shop, "sql", "FROM profiles ORDER BY anchor", columns=80).out.splitlines()
    assert lines[0] == "row 1"
    assert max(map(len, lines)) <= 80


def test_the_lake_answers_while_a_run_is_writing(home: str) -> None:
    with open_writer(Home(Path(home))) as lake, lake.commit():
        lake.con.execute("DELETE FROM profiles")
        done = process(str(SCRIPT), "--home", home, "sql", "FROM profiles", place=Path(home).parent)
        assert (done.returncode, done.stderr) == (0, "")


def test_an_answer_that_is_not_read_to_its_end_is_no_error(shop: str, tmp_path: Path) -> None:
    line = f"{SCRIPT} --home {shop} sql 'FROM range(1000000)' --format csv | head -1"
    done = process("sh", "-c", line, place=tmp_path)
    assert (done.stdout, done.stderr) == ('"range"\n', "")
