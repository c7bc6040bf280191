"""Encryption at rest: every file of the lake is encrypted, whichever way its rows came, and no setting changes that."""

import json
from pathlib import Path

import duckdb
import pytest

from tests.catalogs import on_both_catalogs
from tests.warehouse.homes import add_profiles, data_files, note, one_commit, write_profiles
from warehouse import open_lake
from warehouse.errors import RapportError
from warehouse.extensions import session
from warehouse.home import Home
from warehouse.lake import Lake, open_writer
from warehouse.maintain import maintain
from warehouse.scan import find_traces
from warehouse.settings import MaintainSettings, Settings

ENCRYPTED = b"PARE"


@pytest.fixture
def encrypted(home: Home, catalog: str, request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """A new home whose lake is to be encrypted."""
    found = Home(tmp_path / "encrypted")
    found.root.mkdir()
    postgres = request.getfixturevalue("postgres") if catalog == "postgres" else None
    settings = postgres.settings(postgres.new_database()) if postgres else ""
    found.settings_file.write_text(f"{settings}is_encrypted = true", encoding="utf-8")
    return found


def test_a_plain_lake_shows_its_values_to_who_has_its_files(lake: Lake) -> None:
    with lake.commit() as run:
        write_profiles(lake, run, 10)
        note(lake, run)
    assert find_traces(lake.home.data, [b"customer-7"])


@on_both_catalogs
def test_inserted_staged_deleted_and_merged_rows_all_lie_in_encrypted_files(encrypted: Home) -> None:
    with open_writer(encrypted) as lake:
        for number in range(3):
            with lake.commit() as run:
                write_profiles(lake, run, 10)
                assert add_profiles(lake, run, 2 + number) == []
                lake.con.execute("DELETE FROM profiles WHERE customer_id = 'customer-7'")
                note(lake, run)
                assert not list(lake.staging(run).iterdir())
        maintain(lake, MaintainSettings(keep_snapshots_days=0.0, reader_grace_seconds=0.0))
    assert find_traces(encrypted.data, [b"customer-1", b"customer-0"]) == []
    paths = [encrypted.root / path for path in data_files(encrypted)]
    assert len(paths) >= 2
    for path in paths:
        content = path.read_bytes()
        assert content.startswith(ENCRYPTED)
        assert b"customer-" not in content
    with open_lake(encrypted.root) as reader:
        assert reader.execute("SELECT COUNT(customer_id) FROM profiles").fetchall() == [(13,)]


def test_what_an_encrypted_home_spills_is_encrypted(tmp_path: Path) -> None:
    for is_encrypted in (False, True):
        with session(Settings(threads=1, memory_limit="30MB", is_encrypted=is_encrypted), tmp_path) as con:
            con.execute("CREATE TEMP TABLE spilled AS SELECT 'customer-' || md5(i::VARCHAR) FROM range(700000) AS t(i)")
            spilled = [path.read_bytes() for path in tmp_path.glob("*/*")]
        assert spilled != []
        assert any(b"customer-" in content for content in spilled) is not is_encrypted


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_lake_is_not_switched_to_or_from_encryption_silently(home: Home, is_encrypted: bool) -> None:
    message = "the setting `is_encrypted` is not what this lake was made with; set it back, .* `rapport rebuild`"
    if is_encrypted:
        home.catalog.unlink()
        home.settings_file.write_text("is_encrypted = true", encoding="utf-8")
        with open_writer(home):
            pass
    home.settings_file.write_text(f"is_encrypted = {json.dumps(not is_encrypted)}", encoding="utf-8")
    with pytest.raises(RapportError, match=message), open_writer(home):
        raise AssertionError("opened")


def test_a_plain_file_cannot_be_registered_in_an_encrypted_lake(encrypted: Home) -> None:
    with open_writer(encrypted) as lake:
        plain = encrypted.data.resolve() / "main" / "profiles" / "plain.parquet"
        one_commit(lake)
        lake.con.execute(f"COPY (FROM profiles) TO '{plain}'")
        lake.con.execute(f"CALL ducklake_add_data_files('lake', 'profiles', '{plain}')")
        with pytest.raises(duckdb.InvalidInputException, match="does not have an encryption key"):
            lake.con.execute("SELECT MAX(anchor) FROM profiles").fetchall()
