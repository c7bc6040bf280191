"""A rejected record never blocks its neighbours, and a file that cannot be read never blocks other files."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from expectations.suite import Declared
from flows.ingest import ingest_paths
from flows.run import run_plain
from pipelines.validate.validate import CheckpointResult, ExpectationResult
from tests.keep.till import HEAD, MAPPING, ingest, row
from tests.laws.states import assert_conserved, one, rows
from tests.laws.worlds import AS_OF, run
from warehouse.errors import RapportError, UsageError
from warehouse.home import Home
from warehouse.lake import open_writer

CALL = {"type": "track", "event": "Seen", "userId": "u1", "timestamp": "2025-03-01T10:00:00Z"}
LINES = [json.dumps({**CALL, "messageId": f"m{n}"}) for n in range(4)]
BAD = {
    "{": "bad_json",
    "[1]": "not_an_object",
    json.dumps(CALL): "missing_event_id",
    json.dumps({**CALL, "messageId": "m", "timestamp": "yesterday"}): "wrong_type_occurred_at",
    json.dumps({**CALL, "messageId": "m", "properties": {"revenue": 1e15}}): "wrong_type_amount",
    json.dumps({**CALL, "messageId": "m", "properties": {"revenue": 1, "currency": "money"}}): "currency_not_iso_4217",
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.mark.parametrize("bad", BAD, ids=BAD.values())
def test_one_bad_record_of_five_is_rejected_with_its_reason_and_four_are_loaded(
    bad: str, home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text("\n".join([*LINES[:2], bad, *LINES[2:]]) + "\n", encoding="utf-8")
    with open_writer(home) as lake:
        report = ingest_paths(lake, "segment", [path])
    assert report.counts.values == (5, 4, 0, 1, 0)
    assert report.reasons == {BAD[bad]: 1}
    assert not report.is_unreadable
    ((code, reason, number),) = rows(home, "SELECT reason_code, reason, row_number FROM rejections")
    assert (code, number) == (BAD[bad], 3)
    assert len(reason) > 20
    assert_conserved(home)


def test_a_bad_row_of_a_table_is_rejected_and_its_neighbours_are_loaded(home: Home) -> None:
    home.prepare()
    (report,) = ingest(home, [row("e1"), row("e2", at="soon"), row("e3"), row("e4"), row("e5")])
    assert report.counts.values == (5, 4, 0, 1, 0)
    assert report.reasons == {"wrong_type_occurred_at": 1}


def test_a_file_that_is_no_table_is_one_rejected_record_beside_its_neighbours(home: Home) -> None:
    home.prepare()
    (home.mappings / "till.toml").write_text('format = "parquet"\n' + MAPPING, encoding="utf-8")
    folder = home.inbox / "table" / "till"
    folder.mkdir(parents=True)
    (folder / "broken.parquet").write_bytes(b"PAR1 no more than that")
    (home.inbox / "segment").mkdir()
    (home.inbox / "segment" / "calls.jsonl").write_text("\n".join(LINES), encoding="utf-8")
    assert run(home).counts.values == (5, 4, 0, 1, 0)
    assert one(home, "SELECT reason_code FROM rejections") == "unreadable_file"


class TestAFileThatItsMappingDoesNotFit:
    def test_it_is_refused_before_it_is_landed_and_later_runs_go_on(self, home: Home, tmp_path: Path) -> None:
        path, mapping = tmp_path / "other.csv", tmp_path / "till.toml"
        path.write_text("a,b\n1,2\n", encoding="utf-8")
        mapping.write_text(MAPPING, encoding="utf-8")
        with open_writer(home) as lake, pytest.raises(UsageError, match=r"'other\.csv'.*names column"):
            ingest_paths(lake, "table", [path], "till", mapping)
        assert not list(home.landing.rglob("*.*"))
        assert run(home).counts.received == 0

    def test_it_stays_in_the_inbox_until_file_or_mapping_is_mended(self, home: Home) -> None:
        home.prepare()
        (home.mappings / "till.toml").write_text(MAPPING, encoding="utf-8")
        path = home.inbox / "table" / "till" / "rows.csv"
        path.parent.mkdir(parents=True)
        path.write_text("a,b\n1,2\n", encoding="utf-8")
        with pytest.raises(UsageError, match=r"'rows\.csv'.*names column"):
            run(home)
        path.write_text(f"{HEAD}\n{row('e1')[1]}\n", encoding="utf-8")
        assert run(home).counts.values == (1, 1, 0, 0, 0)

    def test_a_header_that_cannot_serve_is_refused_too(self, home: Home, tmp_path: Path) -> None:
        path, mapping = tmp_path / "twice.csv", tmp_path / "till.toml"
        path.write_text("id,ID\n1,2\n", encoding="utf-8")
        mapping.write_text(MAPPING, encoding="utf-8")
        with open_writer(home) as lake, pytest.raises(UsageError, match="stands twice"):
            ingest_paths(lake, "table", [path], "till", mapping)


@pytest.mark.parametrize("success", [True, False])
def test_staged_files_are_published_only_if_the_checkpoint_lets_them(
    success: bool, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checkpoint(staged: Sequence[Path], table: str, declared: Declared) -> CheckpointResult:
        assert table == "interactions"
        assert {"web", "email", "pos"} <= set(declared["channel"])
        assert [path.is_file() for path in staged] == [True]
        return CheckpointResult(table, (ExpectationResult("amount_out_of_range", success, 4, 0 if success else 1),))

    monkeypatch.setattr("pipelines.validate.validate.checkpoint", checkpoint)
    home.prepare()
    (home.inbox / "segment").mkdir()
    (home.inbox / "segment" / "calls.jsonl").write_text("\n".join(LINES), encoding="utf-8")
    if success:
        assert run_plain(home, AS_OF, lambda _: None, is_checked=True).counts.loaded == 4
    else:
        with pytest.raises(RapportError, match="amount_out_of_range"):
            run_plain(home, AS_OF, lambda _: None, is_checked=True)
    assert one(home, "SELECT COUNT(*) FROM interactions") == (4 if success else 0)
    assert run(home).counts.loaded == (0 if success else 4)
