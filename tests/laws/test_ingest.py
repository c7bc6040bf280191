"""What `ingest` takes: connectors by name, mappings where they are needed, files that are there, each landed once."""

from pathlib import Path

import pytest

from flows.ingest import ingest_paths, reasons
from flows.landing import find_mapping, known_connector, land_paths, waiting
from tests.keep.till import HEAD, MAPPING, row
from tests.laws.states import one
from tests.laws.worlds import run
from warehouse.errors import UsageError
from warehouse.home import Home
from warehouse.lake import open_writer


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(f"{HEAD}\n{row('e1')[1]}\n{row('')[1]}\n", encoding="utf-8")
    return path


def test_an_unknown_connector_is_refused_with_the_nearest_name() -> None:
    assert known_connector("segment") == "segment"
    with pytest.raises(UsageError, match="'segmnt' is unknown; did you mean 'segment'"):
        known_connector("segmnt")
    with pytest.raises(UsageError, match="'zzz' is unknown; `rapport connectors`"):
        known_connector("zzz")


def test_a_mapping_is_the_one_given_else_that_of_the_source(home: Home, tmp_path: Path) -> None:
    given = tmp_path / "given.toml"
    given.write_text(MAPPING, encoding="utf-8")
    assert find_mapping(home, "table", "till", given) == MAPPING
    with pytest.raises(UsageError, match="source 'till' has no mapping"):
        find_mapping(home, "table", "till", None)
    (home.mappings / "till.toml").write_text("channel = 1", encoding="utf-8")
    with pytest.raises(UsageError, match="unknown entry 'channel'"):
        find_mapping(home, "table", "till", None)
    assert find_mapping(home, "segment", "segment", None) is None
    with pytest.raises(UsageError, match="takes no mapping"):
        find_mapping(home, "segment", "segment", given)


def test_nothing_is_landed_unless_all_paths_are_files(home: Home, rows_file: Path, tmp_path: Path) -> None:
    (home.mappings / "till.toml").write_text(MAPPING, encoding="utf-8")
    with pytest.raises(UsageError, match="is not a file"):
        land_paths(home, "table", [rows_file, tmp_path / "missing.csv"], "till")
    assert not list(home.landing.iterdir())


def test_what_was_landed_and_not_loaded_is_loaded_by_the_next_run(home: Home, rows_file: Path) -> None:
    (home.mappings / "till.toml").write_text(MAPPING, encoding="utf-8")
    (file,) = land_paths(home, "table", [rows_file], "till")
    with open_writer(home) as lake:
        assert waiting(lake) == [file]
    assert run(home).counts.values == (2, 1, 0, 1, 0)
    with open_writer(home) as lake:
        assert waiting(lake) == []


def test_a_note_of_a_file_that_is_loaded_is_cleared_away(home: Home, rows_file: Path) -> None:
    (home.mappings / "till.toml").write_text(MAPPING, encoding="utf-8")
    land_paths(home, "table", [rows_file], "till")
    (note,) = home.landing.rglob("*.json")
    text = note.read_text(encoding="utf-8")
    run(home)
    assert not note.exists()
    note.write_text(text, encoding="utf-8")
    assert run(home).is_idle
    assert not note.exists()
    assert one(home, "SELECT COUNT(*) FROM landing_files") == 1


def test_the_report_tells_the_reasons_most_frequent_first(home: Home, rows_file: Path) -> None:
    told: list[str] = []
    mapping = rows_file.with_name("till.toml")
    mapping.write_text(MAPPING, encoding="utf-8")
    rows_file.write_text(
        "\n".join([HEAD, row("")[1], row("e2", at="?")[1], row("e3", at="?")[1], ""]), encoding="utf-8"
    )
    with open_writer(home) as lake:
        report = ingest_paths(lake, "table", [rows_file, rows_file], "till", mapping, told.append)
        assert list(report.reasons.items()) == [("wrong_type_occurred_at", 4), ("missing_event_id", 2)]
        assert reasons(lake, ["no such file"]) == {}
    assert (report.files, report.counts.values) == (2, (6, 0, 0, 6, 0))
    assert told == ["parsing 2 files", "de-duplicating and rolling up"]


def test_a_report_tells_that_nothing_could_be_read(home: Home, tmp_path: Path) -> None:
    path, mapping = tmp_path / "broken.parquet", tmp_path / "till.toml"
    path.write_bytes(b"nothing that a reader knows")
    mapping.write_text(MAPPING, encoding="utf-8")
    with open_writer(home) as lake:
        assert ingest_paths(lake, "table", [path], "till", mapping).is_unreadable


def test_a_source_is_the_connector_unless_it_is_named(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    call = '{"type":"page","messageId":"m","userId":"u","timestamp":"2025-03-01T10:00:00Z"}\n'
    path.write_text(call, encoding="utf-8")
    with open_writer(home) as lake:
        assert ingest_paths(lake, "segment", [path]).counts.loaded == 1
        assert ingest_paths(lake, "segment", [path], "shop").counts.loaded == 1
    assert one(home, "SELECT LIST(source ORDER BY source) FROM interactions") == ["segment", "shop"]
