import tomllib
from pathlib import Path

from flows.starter import SETTINGS
from pipelines.collect.connectors import connectors
from tests.flows.cli import rapport
from warehouse.settings import Settings, load_settings


def test_init_makes_a_home_and_says_what_to_type_next(tmp_path: Path) -> None:
    place = tmp_path / "my shop"
    answer = rapport("--home", str(place), "init")
    assert (answer.code, answer.err) == (0, "")
    assert f"rapport --home '{place}' run" in answer.out
    assert {path.name for path in (place / "landing" / "inbox").iterdir()} == set(connectors())
    assert (place / "offers" / "example.toml").is_file()


def test_the_settings_of_a_new_home_are_the_defaults(home: str) -> None:
    assert load_settings(Path(home) / "rapport.toml", {}) == Settings()
    uncommented = "\n".join(line.removeprefix("# ") for line in SETTINGS.splitlines()[1:])
    assert tomllib.loads(uncommented)["decide"]["contacts_per_week"] == Settings().decide.contacts_per_week


def test_init_again_changes_nothing(home: str) -> None:
    (Path(home) / "rapport.toml").write_text('currency = "USD"\n', encoding="utf-8")
    (Path(home) / "offers" / "example.toml").rename(Path(home) / "offers" / "mine.toml")
    answer = rapport("--home", home, "init", "--json")
    assert answer.object == {"home": home, "made": []}
    assert (Path(home) / "rapport.toml").read_text(encoding="utf-8") == 'currency = "USD"\n'
    assert [path.name for path in (Path(home) / "offers").iterdir()] == ["mine.toml"]
    assert "nothing, all was there" in rapport("--home", home, "init").out
