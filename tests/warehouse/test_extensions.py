"""Sessions: in UTC, with the extensions of the wheels, each with a folder of its own to spill to."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import duckdb
import pytest

from warehouse.errors import RapportError
from warehouse.extensions import extension_path, load_ducklake, session, sweep_spills
from warehouse.settings import Settings

SPILLING = "CREATE TEMP TABLE spilled AS SELECT md5(i::VARCHAR) AS digest, i FROM range(1200000) AS t(i)"


def setting(con: duckdb.DuckDBPyConnection, name: str) -> object:
    return con.execute(f"SELECT current_setting('{name}')").fetchall()[0][0]


def test_a_missing_wheel_is_named_with_the_command_that_installs_it() -> None:
    version = re.escape(duckdb.__version__)
    message = (
        rf"extension 'nowhere' for version {version} is not installed; pip install duckdb-extension-nowhere=={version}"
    )
    with pytest.raises(RapportError, match=message):
        extension_path("nowhere")


def test_a_wheel_of_another_version_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "duckdb_extension_old" / "extensions" / "v0.0.1").mkdir(parents=True)
    (tmp_path / "duckdb_extension_old" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RapportError, match="'old' for version"):
        extension_path("old")


def test_a_session_is_in_utc_and_fetches_nothing_by_itself() -> None:
    with session(Settings(threads=1, memory_limit="100MB")) as con:
        assert setting(con, "TimeZone") == "UTC"
        assert setting(con, "threads") == 1
        assert setting(con, "autoinstall_known_extensions") is False
        assert setting(con, "autoload_known_extensions") is False
        assert setting(con, "memory_limit") == "95.3 MiB"


def test_ducklake_is_loaded_from_its_wheel() -> None:
    with session(Settings()) as con:
        load_ducklake(con)
        rows = con.execute("SELECT loaded FROM duckdb_extensions() WHERE extension_name = 'ducklake'").fetchall()
    assert rows == [(True,)]


def test_two_sessions_that_spill_do_not_touch_each_other(tmp_path: Path) -> None:
    settings = Settings(threads=1, memory_limit="30MB")
    with session(settings, tmp_path) as one, session(settings, tmp_path) as other:
        one.execute(SPILLING)
        other.execute(SPILLING.replace("i::VARCHAR", "(-i)::VARCHAR"))
        assert len(list(tmp_path.glob(f"{os.getpid()}-*/*"))) >= 2
        for con, sign in ((one, ""), (other, "-")):
            wrong = con.execute(f"SELECT COUNT(*) FROM spilled WHERE digest <> md5(({sign}i)::VARCHAR)").fetchall()
            assert wrong == [(0,)]
    assert list(tmp_path.iterdir()) == []


def test_a_session_without_a_folder_spills_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        session(Settings(threads=1, memory_limit="30MB")) as con,
        pytest.raises(duckdb.OutOfMemoryException),
    ):
        con.execute(SPILLING)
    assert list(tmp_path.iterdir()) == []


def test_the_spills_of_dead_processes_are_swept_and_no_others(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    names = {f"{gone.pid}-a": False, f"{os.getpid()}-a": True, "tmp-of-another-tool": True}
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "duckdb_temp_storage.tmp").touch()
    sweep_spills(tmp_path)
    assert {name: (tmp_path / name).exists() for name in names} == names


def test_the_spills_of_another_persons_process_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process: int, sign: int) -> NoReturn:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    (tmp_path / "1-a").mkdir()
    sweep_spills(tmp_path)
    assert (tmp_path / "1-a").exists()
