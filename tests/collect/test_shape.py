"""What is shown of rejected records: names of fields and kinds of values, and where they stand."""

import gzip
import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.collect import members
from pipelines.collect.members import is_plain_name, member_names
from pipelines.collect.places import choose_places, write_found
from pipelines.collect.shape import describe, shapes
from pipelines.collect.stage_split import SplitFile

MAPPING = '[constants]\nchannel = "pos"\nevent_name = "sold"\n[columns]\nevent_id = "id"\noccurred_at = "at"\n'


class TestShape:
    def told(self, path: Path, line: str, element: int = 0) -> str:
        path.write_text(f"\n{line}\n", encoding="utf-8")
        (found,) = shapes(path, "sendgrid", None, [(2, element)])
        return found

    def test_a_record_is_told_by_its_fields_and_their_kinds(self, tmp_path: Path) -> None:
        line = json.dumps({"email": "ann@shop.example", "n": 1, "s": "17", "e": "", "l": [1], "o": {"p": {"q": None}}})
        assert self.told(tmp_path / "a.jsonl", line) == (
            "{email: text of 16, n: number, s: digits of 2, e: empty text, l: list of 1, o: {p: object of 1}}"
        )

    def test_of_an_array_and_of_a_batch_the_element_is_told(self, tmp_path: Path) -> None:
        assert self.told(tmp_path / "a.jsonl", '[{"a":1},{"b":true}]', 1) == "{b: true or false}"
        assert self.told(tmp_path / "a.jsonl", '{"batch":[{"a":1},{"b":null}],"x":1}', 1) == "{b: nothing}"
        landed = '{"rapport_request":{"received_at":"x"},"body":[{"a":1},7]}'
        assert self.told(tmp_path / "a.jsonl", landed, 1) == "number"

    def test_names_that_are_values_are_not_shown(self, tmp_path: Path) -> None:
        line = '{"ann@shop.example":1,"4915112345678":2,"plan name":3}'
        assert self.told(tmp_path / "a.jsonl", line) == "{?: number, ?: number, plan name: number}"

    def test_what_is_no_json_or_no_text_is_told_by_its_length_alone(self, tmp_path: Path) -> None:
        assert self.told(tmp_path / "a.jsonl", '{"email":"ann') == "14 characters that are no JSON"
        (tmp_path / "b.jsonl").write_bytes(b"\xff\xfe ann\n")
        assert shapes(tmp_path / "b.jsonl", "segment", None, [(1, 0), (9, 0)]) == ["bytes that are no text"] * 2

    def test_cells_are_told_by_their_columns(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("id,at\n1,soon\n,\n", encoding="utf-8")
        assert shapes(tmp_path / "a.csv", "table", MAPPING, [(2, 0), (1, 0)]) == [
            "{id: nothing, at: nothing}",
            "{id: digits of 1, at: text of 4}",
        ]
        pq.write_table(pa.table({"id": [1, 2], "at": ["soon", None]}), tmp_path / "a.parquet")
        assert shapes(tmp_path / "a.parquet", "table", MAPPING, [(2, 0)]) == ["{id: number, at: nothing}"]

    def test_a_file_as_a_whole_or_one_that_is_gone_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "a.parquet").write_bytes(b"PAR1")
        for row in (0, 1):
            assert shapes(tmp_path / "a.parquet", "table", MAPPING, [(row, 0)]) == ["a file that cannot be read"]
        assert shapes(tmp_path / "none.jsonl", "segment", None, [(1, 0)]) == ["a file that cannot be read"]

    def test_files_may_be_compressed(self, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"a":1}\n'))
        assert shapes(tmp_path / "a.jsonl.gz", "segment", None, [(1, 0)]) == ["{a: number}"]

    def test_of_many_members_only_some_are_listed(self) -> None:
        assert describe({f"m{n}x": n for n in range(50)}).endswith("m39x: number, ...}")


class TestMembers:
    @pytest.fixture
    def con(self) -> duckdb.DuckDBPyConnection:
        made = duckdb.connect()
        made.execute("CREATE TABLE checked (properties JSON, reason_code VARCHAR)")
        return made

    def test_the_names_of_members_are_those_of_accepted_records(self, con: duckdb.DuckDBPyConnection) -> None:
        con.execute("""INSERT INTO checked VALUES ('{"b":1,"a":{"c":2}}', NULL), ('{"refused":1}', 'bad_json'),
            (NULL, NULL), ('[1]', NULL), ('{"traits":{"x":1,"a@b.example":2}}', NULL), ('{"traits":3}', NULL)""")
        assert member_names(con) == ("a", "b", "traits", "traits.x")

    def test_without_properties_there_are_none(self) -> None:
        con = duckdb.connect()
        con.execute("CREATE TABLE checked (reason_code VARCHAR)")
        assert member_names(con) == ()

    def test_of_a_large_part_a_sample_is_looked_at(
        self, con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(members, "LOOKED_AT", 10)
        con.execute("""INSERT INTO checked SELECT '{"n' || i // 10 || '":1}', NULL FROM range(1000) AS t (i)""")
        found = member_names(con)
        assert 3 <= len(found) <= 40
        assert member_names(con) == found

    @pytest.mark.parametrize(
        ("name", "is_plain"),
        [("plan", True), ("$browser", True), ("Größe", True), ("utm.source", True), ("a@b.example", False),
         ("", False), ("7up", False), ("order 4711123", False), ("x" * 70, False), ("tab\t", False)],
        ids=str,
    )  # fmt: skip
    def test_a_plain_name_is_one_that_a_program_chose(self, name: str, is_plain: bool) -> None:
        assert is_plain_name(name) is is_plain


class TestPlaces:
    def kept(self, con: duckdb.DuckDBPyConnection, file: SplitFile) -> list[tuple[str, int, int]]:
        con.execute("""CREATE OR REPLACE TABLE checked AS
            SELECT f AS file_id, r AS row_number, e AS element, NULL AS reason_code
            FROM (VALUES ('f', 1, 0), ('f', 1, 1), ('f', 2, 0), ('g', 1, 0)) AS v (f, r, e)""")
        choose_places(con, [file, SplitFile("g", "")])
        return con.execute("SELECT file_id, row_number, element FROM checked ORDER BY ALL").fetchall()

    @pytest.mark.parametrize(
        ("place", "left"),
        [("1, 1", [("f", 1, 1)]), ("1, NULL", [("f", 1, 0), ("f", 1, 1)]), ("9, 0", []),
         ("NULL, NULL", [("f", 1, 0), ("f", 1, 1), ("f", 2, 0)])],
    )  # fmt: skip
    def test_a_place_is_a_record_a_row_or_a_file(
        self, place: str, left: list[tuple[str, int, int]], tmp_path: Path
    ) -> None:
        con, path = duckdb.connect(), str(tmp_path / "places.parquet")
        con.execute(
            f"COPY (SELECT 'f' AS file_id, row_number::BIGINT AS row_number, element::INTEGER AS element "
            f"FROM (VALUES ({place})) AS v (row_number, element)) TO '{path}' (FORMAT parquet)"
        )
        whole = [("f", 1, 0), ("f", 1, 1), ("f", 2, 0)]
        others = [record for record in whole if record not in left]
        assert self.kept(con, SplitFile("f", "", only=path)) == [*left, ("g", 1, 0)]
        assert self.kept(con, SplitFile("f", "", without=path)) == [*others, ("g", 1, 0)]

    def test_what_was_found_is_written_only_where_places_were_asked_for(self, tmp_path: Path) -> None:
        con = duckdb.connect()
        con.execute("CREATE TABLE checked AS SELECT 'f' AS file_id, 1 AS row_number, 0 AS element, 'x' AS reason_code")
        assert write_found(con, [SplitFile("f", "")], tmp_path / "a") is None
        found = write_found(con, [SplitFile("f", "", only="places")], tmp_path / "a")
        assert con.execute(f"SELECT * FROM read_parquet('{found}')").fetchall() == [("f", 1, 0, "x")]
