import io
import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from flows import main as entry
from tests.flows.cli import SCRIPT, process, rapport

HEAVY = ("apache_beam", "prefect", "great_expectations", "scipy")
_WATCHED = """
import sys
from flows.main import main
try:
    main()
finally:
    print(*(name for name in {heavy} if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize("command", [["--help"], ["sql", "SELECT COUNT(*) FROM profiles"], ["tables"]])
def test_a_quick_command_imports_no_heavy_library(command: list[str], shop: str, tmp_path: Path) -> None:
    code = _WATCHED.format(heavy=HEAVY)
    done = process(sys.executable, "-c", code, *command, place=tmp_path, RAPPORT_HOME=shop)
    assert (done.returncode, done.stderr) == (0, "\n")
    assert done.stdout


def test_help_lists_every_command_with_its_sentence() -> None:
    answer = rapport("--help", columns=80)
    assert answer.code == 0
    for name in ("init", "ingest", "run", "fit", "sql", "profile", "connectors", "traits", "rules", "tables", "demo"):
        assert f"│ {name} " in answer.out


def test_nothing_typed_shows_the_help() -> None:
    assert "Usage: rapport" in rapport().out


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["bogus"], "No such command 'bogus'"),
        (["sql"], "Missing argument 'QUERY'"),
        (["ingest", "segment"], "Missing argument 'PATH'"),
        (["fit"], "Missing option '--as-of'"),
        (["run", "--nonsense"], "No such option"),
        (["simulate", "--customers", "x", "--days", "1", "--out", "o"], "Invalid value for '--customers'"),
        (["sql", "SELECT 1", "--format", "xml"], "Invalid value for '--format'"),
        (["sql", "SELECT '\udcff'"], "not UTF-8"),
        (["profile", "\udcff"], "not UTF-8"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_so(arguments: list[str], what: str) -> None:
    answer = rapport(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert what in answer.err


@pytest.mark.parametrize("arguments", [["run"], ["fit", "--as-of", "2024-01-01"], ["ingest", "segment", "x.jsonl"]])
def test_a_folder_that_is_no_home_is_not_made_one_by_the_way(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = rapport(*arguments)
    assert answer.code == 2
    assert answer.err == f"rapport: '{tmp_path}' is no home; type `rapport init` to make it one, or give another " + (
        "with --home\n"
    )
    assert not list(tmp_path.iterdir())


def test_the_mend_of_a_named_folder_that_is_no_home_makes_that_one_a_home(tmp_path: Path) -> None:
    named = str(tmp_path / "my shop")
    answer = rapport("--home", named, "run")
    assert answer.code == 2
    assert f"type `rapport --home '{named}' init` to make it one" in answer.err


def test_a_command_in_a_mend_is_typed_on_the_same_home(shop: str) -> None:
    answer = rapport("--home", shop, "profile", "user_id:nobody")
    assert (answer.code, f'`rapport --home {shop} sql "FROM current_identities' in answer.err) == (1, True)


def test_a_file_outside_the_lake_is_refused_with_a_mend(shop: str) -> None:
    answer = rapport("--home", shop, "sql", "FROM read_csv('/etc/hostname')")
    assert answer.code == 2
    assert "`rapport --home" in answer.err
    assert "ingest` brings a file in" in answer.err


def test_the_version_is_told() -> None:
    assert rapport("--version").out == f"rapport {version('rapport')}\n"


@pytest.mark.parametrize("arguments", [["sql", "SELECT 1"], ["profile", "u1"], ["rejections"]])
def test_asking_where_nothing_is_published_says_the_mend(arguments: list[str], tmp_path: Path) -> None:
    answer = rapport("--home", str(tmp_path / "none"), *arguments)
    assert answer.code == 1
    assert f"no lake is published in {tmp_path / 'none'}; run `rapport --home {tmp_path / 'none'} init`" in answer.err
    assert not (tmp_path / "none").exists()


def test_the_home_comes_from_the_option_then_the_variable_then_the_folder(
    home: str, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["sql", "SELECT COUNT(*) AS n FROM profiles", "--json"]
    assert rapport("--home", shop, *asked, RAPPORT_HOME=home).object["rows"] == [{"n": 2}]
    assert rapport(*asked, RAPPORT_HOME=home).object["rows"] == [{"n": 0}]
    monkeypatch.chdir(shop)
    assert rapport(*asked).object["rows"] == [{"n": 2}]


def test_a_file_given_as_home_is_a_wrong_call(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    answer = rapport("--home", str(path), "init")
    assert answer.code == 2
    assert "is a file" in answer.err


def test_a_home_below_a_file_says_which_part_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = rapport("--home", str(tmp_path / "file" / "home"), "init")
    assert answer.code == 1
    assert "a part of that path is a file" in answer.err


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"x = [", "rapport.toml is not valid TOML"),
        (b"\xff\xfe", "rapport.toml"),
        (b"colour = 1", "'colour' is unknown"),
        (b"threads = -3", "check rapport.toml"),
        (b'memory_limit = "lots"', "check rapport.toml"),
    ],
)
@pytest.mark.parametrize("arguments", [["run"], ["sql", "SELECT 1"], ["init"]])
def test_broken_settings_are_told_by_every_command(
    content: bytes, what: str, arguments: list[str], home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAPPORT_THREADS")  # which would hold against the file's
    (Path(home) / "rapport.toml").write_bytes(content)
    answer = rapport("--home", home, *arguments)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("rapport: ")
    assert what in answer.err
    assert "Traceback" not in answer.err


def test_a_folder_in_the_place_of_the_settings_is_told(home: str) -> None:
    (Path(home) / "rapport.toml").unlink()
    (Path(home) / "rapport.toml").mkdir()
    answer = rapport("--home", home, "run")
    assert answer.code == 1
    assert "that is a folder; put a file in its place" in answer.err


def test_a_damaged_catalog_is_told(home: str) -> None:
    (Path(home) / "lake" / "catalog.ducklake").write_bytes(b"broken")
    answer = rapport("--home", home, "run")
    assert answer.code == 1
    assert "not a valid DuckDB database file" in answer.err
    assert "a damaged one comes back from a backup" in answer.err


def test_a_damaged_publication_is_told(home: str) -> None:
    (copy,) = (Path(home) / "lake" / "published").glob("*.ducklake")
    copy.write_bytes(copy.read_bytes()[:100])
    answer = rapport("--home", home, "sql", "SELECT 1")
    assert answer.code == 1
    assert "a damaged one comes back from a backup" in answer.err


def test_an_interrupted_query_ends_as_ctrl_c_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(prog_name: str) -> None:
        raise RuntimeError("Query interrupted") from KeyboardInterrupt()

    monkeypatch.setattr(entry, "app", interrupted)
    assert rapport("sql", "SELECT 1").code == 130


def test_an_error_that_nobody_foresaw_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(prog_name: str) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(entry, "app", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        rapport("sql", "SELECT 1")


def test_an_error_is_red_on_a_terminal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "argv", ["rapport", "--home", str(tmp_path), "sql", "SELECT 1"])
    with pytest.raises(SystemExit):
        entry.main()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(SystemExit):
        entry.main()
    assert capsys.readouterr().err.startswith("rapport: no lake")
    assert terminal.getvalue().startswith("\x1b[31mrapport: no lake")


def test_a_terminal_without_unicode_gets_its_answer(shop: str, tmp_path: Path) -> None:
    done = process(
        str(SCRIPT), "--home", shop, "sql", "SELECT chr(252) AS word", place=tmp_path, PYTHONIOENCODING="ascii"
    )
    assert done.returncode == 0
    assert "\\xfc" in done.stdout


def test_a_moved_home_answers_as_before(shop: str, tmp_path: Path) -> None:
    moved = shutil.copytree(shop, tmp_path / "a home, moved")
    answer = rapport("--home", str(moved), "profile", "user_id:u1", "--json")
    assert (
        json.loads(answer.out)["identifiers"]
        == rapport("--home", shop, "profile", "user_id:u1", "--json").object["identifiers"]
    )
